import { Controller, Get, Inject, Req, Res } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { serveMetrics } from "@tripline/service-kit/telemetry/telemetry";
import type { FastifyReply, FastifyRequest } from "fastify";
import { isLocalCaller } from "./http/is-local-caller.js";
import { Readiness } from "./readiness.js";

/** Whether metrics have a port of their own. */
export const METRICS_ELSEWHERE = Symbol("METRICS_ELSEWHERE");

@Controller()
export class HealthController {
  constructor(
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(METRICS_ELSEWHERE) private readonly metricsElsewhere: boolean,
  ) {}

  @Get("/health/live")
  live(): { status: "live" } {
    return { status: "live" };
  }

  @Get("/health/ready")
  async ready(@Res() reply: FastifyReply): Promise<void> {
    const report = await this.readiness.report();
    await reply.status(report.status === "ready" ? 200 : 503).send(report);
  }

  /** They tell who pays how much and where, so without a port of their own they are for this machine alone. */
  @Get("/metrics")
  metrics(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    if (this.metricsElsewhere || !isLocalCaller(request.raw)) {
      throw new TriplineError("not-found", "There is nothing at this address.");
    }
    reply.hijack();
    serveMetrics(request.raw, reply.raw);
  }
}
