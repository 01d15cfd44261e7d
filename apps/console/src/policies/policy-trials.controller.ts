import { Readable } from "node:stream";
import { Body, Controller, Inject, Post, Res, UseGuards, UseInterceptors } from "@nestjs/common";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import type { Policy } from "@tripline/decision-engine/policy";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import { problemOf } from "@tripline/service-kit/http/problem";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import type { TrialLine } from "../contract/policy-trial.js";
import { parseRequest } from "../requests/parse-request.js";
import { Person, RequirePermission, SessionGuard } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import { PolicyTrials } from "./policy-trials.js";

/** Each of them takes a core for some seconds. */
const AT_ONCE_MAX = 2;

export const draft = z.strictObject({ text: z.string() });

/** Tries policies on the payments that the console has. */
@Controller("/api/policy")
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
export class PolicyTrialsController {
  #running = 0;

  constructor(@Inject(PolicyTrials) private readonly trials: PolicyTrials) {}

  @Post("backtest")
  @RequirePermission("policy:read")
  async backtest(@Person() { tenant }: Session, @Body() body: unknown, @Res() reply: FastifyReply): Promise<void> {
    const policy = parse(parseRequest(draft, body).text);
    await this.#send(reply, () => this.trials.backtest(tenant, policy));
  }

  @Post("shadow")
  @RequirePermission("policy:read")
  async shadow(@Person() { tenant }: Session, @Res() reply: FastifyReply): Promise<void> {
    await this.#send(reply, () => this.trials.shadow(tenant));
  }

  async #send(reply: FastifyReply, run: () => AsyncGenerator<TrialLine>): Promise<void> {
    if (this.#running >= AT_ONCE_MAX) {
      throw new TriplineError("too-many-requests", `${AT_ONCE_MAX} policies are being tried. Wait for one to end.`);
    }
    await reply
      .status(200)
      .type("application/x-ndjson")
      // nginx would gather the lines otherwise.
      .header("x-accel-buffering", "no")
      .send(Readable.from(this.#lines(run)));
  }

  /** Ended by the stream where the browser goes away. */
  async *#lines(run: () => AsyncGenerator<TrialLine>): AsyncGenerator<string> {
    this.#running += 1;
    try {
      for await (const line of run()) yield `${JSON.stringify(line)}\n`;
    } catch (error) {
      yield `${JSON.stringify({ problem: problemOf(asTriplineError(error)) } satisfies TrialLine)}\n`;
    } finally {
      this.#running -= 1;
    }
  }
}

/** @throws TriplineError `invalid-field` with line and column of each fault */
function parse(text: string): Policy {
  try {
    return parsePolicy(text, currentFeatureSpec());
  } catch (thrown) {
    const error = asTriplineError(thrown);
    if (error.code !== "policy-invalid") throw error;
    const fields = error.fields.map(({ detail }) => ({ pointer: "/text", detail }));
    throw new TriplineError("invalid-field", `The policy is not valid: ${fields.length} faults.`, fields);
  }
}
