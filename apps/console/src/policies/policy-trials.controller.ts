import { Readable } from "node:stream";
import { Body, Controller, Inject, Post, Res, UseGuards, UseInterceptors } from "@nestjs/common";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { parseRequest } from "@tripline/http/parse-request";
import { problemOf } from "@tripline/http/problem";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import type { TrialLine } from "../contract/policy-trial.js";
import { Person, RequirePermission, SessionGuard } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import { PolicyTrials } from "./policy-trials.js";

/**
 * Maximum number of backtests per tenant and in total. Each one uses a core for a few seconds, and a waiting request
 * occupies a connection.
 */
const [TENANT_MAX, ALL_MAX] = [2, 8];
/** The same limit as for revisions in control. */
const TEXT_CHARACTERS_MAX = 300_000;

export const draft = z.strictObject({
  text: z.string().max(TEXT_CHARACTERS_MAX, `is longer than ${TEXT_CHARACTERS_MAX} characters`),
});

/** Backtests policies on the console's payments. */
@Controller("/api/policy")
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
export class PolicyTrialsController {
  /** Number of running backtests by tenant. */
  readonly #running = new Map<string, number>();

  constructor(@Inject(PolicyTrials) private readonly trials: PolicyTrials) {}

  @Post("backtest")
  @RequirePermission("policy:read")
  async backtest(@Person() { tenant }: Session, @Body() body: unknown, @Res() reply: FastifyReply): Promise<void> {
    const { text } = parseRequest(draft, body);
    await this.trials.requireValid(tenant, text);
    await this.#send(tenant, reply, () => this.trials.backtest(tenant, text));
  }

  @Post("shadow")
  @RequirePermission("policy:read")
  async shadow(@Person() { tenant }: Session, @Res() reply: FastifyReply): Promise<void> {
    await this.#send(tenant, reply, () => this.trials.shadow(tenant));
  }

  async #send(tenant: string, reply: FastifyReply, run: () => AsyncGenerator<TrialLine>): Promise<void> {
    const ofTenant = this.#running.get(tenant) ?? 0;
    const ofAll = Array.from(this.#running.values()).reduce((sum, count) => sum + count, 0);
    if (ofTenant >= TENANT_MAX || ofAll >= ALL_MAX) {
      throw new TriplineError("too-many-requests", `${ofAll} backtests are running. Wait for one to finish.`);
    }
    await reply
      .status(200)
      .type("application/x-ndjson")
      // Otherwise, nginx would buffer the lines.
      .header("x-accel-buffering", "no")
      .send(Readable.from(this.#lines(tenant, run)));
  }

  /** The stream stops it when the browser disconnects. */
  async *#lines(tenant: string, run: () => AsyncGenerator<TrialLine>): AsyncGenerator<string> {
    this.#running.set(tenant, (this.#running.get(tenant) ?? 0) + 1);
    try {
      for await (const line of run()) yield `${JSON.stringify(line)}\n`;
    } catch (error) {
      yield `${JSON.stringify({ problem: problemOf(asTriplineError(error)) } satisfies TrialLine)}\n`;
    } finally {
      const left = (this.#running.get(tenant) ?? 1) - 1;
      if (left === 0) this.#running.delete(tenant);
      else this.#running.set(tenant, left);
    }
  }
}
