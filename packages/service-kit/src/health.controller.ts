import { Controller, Get, Inject, Req, Res } from "@nestjs/common";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Health } from "./health.js";
import { serveMetrics } from "./telemetry.js";

@Controller()
export class HealthController {
  constructor(@Inject(Health) private readonly health: Health) {}

  @Get("/health/live")
  live(): { status: "live" } {
    return { status: "live" };
  }

  @Get("/health/ready")
  async ready(@Res() reply: FastifyReply): Promise<void> {
    const report = await this.health.report();
    await reply.status(report.status === "ready" ? 200 : 503).send(report);
  }

  @Get("/metrics")
  metrics(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    reply.hijack();
    serveMetrics(request.raw, reply.raw);
  }
}
