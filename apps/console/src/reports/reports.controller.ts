import { Controller, Get, Inject, Param, UseGuards, UseInterceptors } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { isVersion } from "@tripline/model-registry/model-manifest";
import { TraceInterceptor } from "@tripline/nest-kit/http/trace.interceptor";
import type { HealthReport, ModelCard, ModelsReport } from "../contract/operations.js";
import { ModelCards } from "../models/model-cards.js";
import { Person, RequirePermission, SessionGuard } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import { HealthReporter } from "./health-report.js";
import { ModelsReporter } from "./models-report.js";

/** The state of the system and its models. */
@Controller("/api")
@UseGuards(SessionGuard)
@UseInterceptors(TraceInterceptor)
export class ReportsController {
  constructor(
    @Inject(HealthReporter) private readonly health: HealthReporter,
    @Inject(ModelsReporter) private readonly models: ModelsReporter,
    @Inject(ModelCards) private readonly cards: ModelCards,
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

  @Get("models/:version")
  @RequirePermission("models:read")
  async readCard(@Param("version") version: string): Promise<ModelCard> {
    const card = isVersion(version) ? await this.cards.of(version) : null;
    if (card === null) throw new TriplineError("model-not-found", "The registry does not have this model version.");
    return card;
  }
}
