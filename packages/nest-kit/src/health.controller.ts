import { Controller, Get, Inject, Req, Res } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { serveMetrics } from "@tripline/telemetry/write-metrics";
import type { FastifyReply, FastifyRequest } from "fastify";
import { isLocalCaller } from "./http/is-local-caller.js";
import { OpenTo } from "./http/open-to.js";
import { Readiness } from "./readiness.js";

/** Whether metrics have a separate port. */
export const METRICS_ELSEWHERE = Symbol("METRICS_ELSEWHERE");

@OpenTo("anyone")
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

  /** Metrics reveal who pays how much and where, so without a separate port, only this machine may read them. */
  @Get("/metrics")
  @OpenTo("this machine")
  metrics(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    if (this.metricsElsewhere || !isLocalCaller(request.raw)) {
      throw new TriplineError("not-found", "Not found.");
    }
    reply.hijack();
    serveMetrics(request.raw, reply.raw);
  }
}
