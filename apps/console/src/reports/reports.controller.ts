import { Controller, Get, Inject, UseGuards, UseInterceptors } from "@nestjs/common";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { HealthReport, ModelsReport } from "../contract/operations.js";
import { Person, RequirePermission, SessionGuard } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import { HealthReporter } from "./health-report.js";
import { ModelsReporter } from "./models-report.js";

/** How the system and its models are. */
@Controller("/api")
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
export class ReportsController {
  constructor(
    @Inject(HealthReporter) private readonly health: HealthReporter,
    @Inject(ModelsReporter) private readonly models: ModelsReporter,
  ) {}

  @Get("health")
  @RequirePermission("decisions:read")
  reportHealth(@Person() { tenant }: Session): Promise<HealthReport> {
    return this.health.report(tenant);
  }

  @Get("models")
  @RequirePermission("models:read")
  reportModels(@Person() { tenant }: Session): Promise<ModelsReport> {
    return this.models.report(tenant);
  }
}
