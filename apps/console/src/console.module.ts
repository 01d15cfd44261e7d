import { fileURLToPath } from "node:url";
import type { DynamicModule, OnApplicationBootstrap, OnApplicationShutdown } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import { RateLimits } from "@tripline/http/limits/rate-limits";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { auditPublisher } from "@tripline/nest-kit/audit/audit-publisher";
import { closeWithin } from "@tripline/nest-kit/close-within";
import { DESCRIBE_API, OpenApiController } from "@tripline/nest-kit/http/openapi.controller";
import { TokenModule } from "@tripline/nest-kit/http/token.module";
import { KafkaModule } from "@tripline/nest-kit/kafka/kafka.module";
import { DatabaseModule } from "@tripline/nest-kit/postgres/database.module";
import { Readiness } from "@tripline/nest-kit/readiness";
import type { ServiceAdapter } from "@tripline/nest-kit/service.adapter";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { openBackgroundDatabase, setUpDatabase } from "@tripline/stores/postgres/set-up-database";
import type { Logger } from "@tripline/telemetry/logger";
import { AttachmentStore } from "./attachments/attachment-store.js";
import { AttachmentsController } from "./attachments/attachments.controller.js";
import { BACKGROUND, SLOW_REQUESTS, SLOW_REQUESTS_MAX } from "./background.js";
import { CaseEventPublisher } from "./cases/case-event-publisher.js";
import { CaseFilesController } from "./cases/case-files.controller.js";
import { CaseReader } from "./cases/case-reader.js";
import { CaseStore } from "./cases/case-store.js";
import { CasesController } from "./cases/cases.controller.js";
import { LabelSender } from "./cases/label-sender.js";
import { CaseNarratives, NARRATIVE_MODEL } from "./cases/narrative/case-narratives.js";
import { PeopleController } from "./cases/people.controller.js";
import { QueueReader } from "./cases/queue/queue-reader.js";
import type { ConsoleConfig } from "./config.js";
import { CONSOLE_CONFIG, modelPlace } from "./config.js";
import { Contributions } from "./decisions/contributions.js";
import { DecisionReader } from "./decisions/decision-reader.js";
import { DecisionSearchController } from "./decisions/decision-search.controller.js";
import { ProjectedDecisions } from "./decisions/projected-decisions.js";
import { DisputeRatioReader } from "./dispute-ratios/dispute-ratios.js";
import { EntitiesController } from "./entities/entities.controller.js";
import { EntityStore } from "./entities/entity-store.js";
import { ListReader } from "./entities/list-reader.js";
import { ErasuresController } from "./erasures/erasures.controller.js";
import { ForwardingController } from "./forwarding/forwarding.controller.js";
import { FraudReportApiController } from "./fraud-reports/fraud-report-api.controller.js";
import { ReportLabelPublisher } from "./fraud-reports/report-label-publisher.js";
import { ReportMatcher } from "./fraud-reports/report-matcher.js";
import { UnmatchedReportsController } from "./fraud-reports/unmatched-reports.controller.js";
import { UnmatchedReports } from "./fraud-reports/unmatched-reports.js";
import { LeaversController } from "./leavers/leavers.controller.js";
import { LiveController } from "./live/live.controller.js";
import { LiveHub } from "./live/live-hub.js";
import { CONSOLE_MIGRATIONS } from "./migrations.js";
import { DriftsController } from "./models/drifts.controller.js";
import { MODEL_REGISTRY, ModelCards } from "./models/model-cards.js";
import { describeApi } from "./openapi/describe-api.js";
import { OverviewController } from "./overview/overview.controller.js";
import { OverviewReader } from "./overview/overview-reader.js";
import { WorkReader } from "./overview/work-reader.js";
import { compressResponse } from "./page/compress-response.js";
import { PAGE_FILES, PageController } from "./page/page.controller.js";
import { readPageFiles } from "./page/page-files.js";
import { PersonalController } from "./personal/personal.controller.js";
import { PersonalReader } from "./personal/personal-reader.js";
import { PolicyTrialsController } from "./policies/policy-trials.controller.js";
import { PolicyTrials } from "./policies/policy-trials.js";
import { CASE_OPENING, caseOpening } from "./projection/open-cases.js";
import { ProjectionController } from "./projection/projection.controller.js";
import { ProjectionStore } from "./projection/projection-store.js";
import { Retention } from "./projection/retention.js";
import { HealthReporter } from "./reports/health-report.js";
import { ModelsReporter } from "./reports/models-report.js";
import { ReportsController } from "./reports/reports.controller.js";
import { SearchController } from "./search/search.controller.js";
import { SearchStore } from "./search/search-store.js";
import { AuthorizationServer } from "./sessions/authorization-server.js";
import { Cookies } from "./sessions/cookies.js";
import { SessionController } from "./sessions/session.controller.js";
import { SESSION_LIMITS, SessionStore } from "./sessions/session-store.js";
import { Sessions } from "./sessions/sessions.js";
import { AUDIT_SOURCE, ViewEvents } from "./view-events.js";
import { ViewsController } from "./views/views.controller.js";

/** Folder into which `npm run build` writes the page. */
const PAGE_FOLDER = fileURLToPath(new URL("../web/dist/page/", import.meta.url));

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

const SESSIONS = [Cookies, AuthorizationServer, SessionStore, Sessions];
const CASES = [CaseStore, QueueReader, CaseEventPublisher, CaseReader, CaseNarratives, AttachmentStore, LabelSender];
const DECISIONS = [ProjectedDecisions, DecisionReader, Contributions, ModelCards, PolicyTrials];
const ENTITIES = [EntityStore, ListReader, PersonalReader, SearchStore];
const REPORTS = [ModelsReporter, HealthReporter, LiveHub];

/** The console's backend: users view decisions and work on cases. */
@Module({})
export class ConsoleModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(LiveHub) private readonly hub: LiveHub,
    @Inject(LabelSender) private readonly labels: LabelSender,
    @Inject(Retention) private readonly retention: Retention,
    @Inject(BACKGROUND) private readonly background: Database,
    @Inject(SLOW_REQUESTS) private readonly slowRequests: Database,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(HttpAdapterHost) { httpAdapter }: HttpAdapterHost<ServiceAdapter>,
    @Inject(PolicyTrials) trials: PolicyTrials,
    @Inject(CaseEventPublisher) caseEvents: CaseEventPublisher,
    @Inject(ReportLabelPublisher) reportLabels: ReportLabelPublisher,
    @Inject(ReportMatcher) matcher: ReportMatcher,
    @Inject(Readiness) readiness: Readiness,
  ) {
    // Added here, because hooks that are added later do not run for Nest's routes.
    httpAdapter.getInstance().addHook("onSend", compressResponse);
    readiness.addNote("labels", () => labels.note);
    readiness.addNote("policy_checks", () => trials.note);
    readiness.addNote("case_events", () => caseEvents.note);
    readiness.addNote("report_labels", () => reportLabels.note);
    readiness.addNote("unmatched_reports", () => matcher.note);
  }

  static forRoot(config: ConsoleConfig): DynamicModule {
    const { REGISTRY_URL: registryUrl } = config;
    const kafka = KafkaModule.forRoot(config, { clientId: "console", producer: { lingerMs: 0 } });
    return {
      module: ConsoleModule,
      imports: [
        TokenModule.forRoot(config, "console", kafka),
        DatabaseModule.forRoot(config, CONSOLE_MIGRATIONS),
        kafka,
      ],
      // The page comes last, because it handles all remaining paths.
      controllers: [
        ...[
          ProjectionController,
          ErasuresController,
          LeaversController,
          DriftsController,
          LiveController,
          DecisionSearchController,
          CasesController,
          CaseFilesController,
          AttachmentsController,
          SessionController,
        ],
        ...[ViewsController, PeopleController, EntitiesController, ReportsController, ForwardingController],
        ...[PolicyTrialsController, PersonalController, UnmatchedReportsController, OpenApiController],
        ...[FraudReportApiController, OverviewController, SearchController, PageController],
      ],
      providers: [
        { provide: CONSOLE_CONFIG, useValue: config },
        { provide: DESCRIBE_API, useValue: () => describeApi(config) },
        { provide: PAGE_FILES, useFactory: () => readPageFiles(PAGE_FOLDER) },
        { provide: BACKGROUND, inject: [LOGGER], useFactory: (logger: Logger) => openBackground(config, logger) },
        {
          provide: SLOW_REQUESTS,
          inject: [LOGGER],
          useFactory: (logger: Logger) => openBackgroundDatabase(config, CONSOLE_MIGRATIONS, logger, SLOW_REQUESTS_MAX),
        },
        { provide: MODEL_REGISTRY, useValue: registryUrl === undefined ? undefined : openRegistry(registryUrl) },
        { provide: NARRATIVE_MODEL, useValue: modelPlace(config) },
        { provide: RateLimits, useValue: new RateLimits(config) },
        { provide: CASE_OPENING, useValue: caseOpening(config) },
        {
          provide: SESSION_LIMITS,
          useValue: {
            key: config.SESSION_KEY,
            lifetimeMs: config.SESSION_HOURS * HOUR_MS,
            idleMs: config.SESSION_IDLE_MINUTES * MINUTE_MS,
          },
        },
        ...[
          ...SESSIONS,
          ...CASES,
          ...DECISIONS,
          ...ENTITIES,
          ...REPORTS,
          ProjectionStore,
          ReportLabelPublisher,
          ReportMatcher,
          UnmatchedReports,
          DisputeRatioReader,
          OverviewReader,
          WorkReader,
          Retention,
          ViewEvents,
        ],
        auditPublisher(AUDIT_SOURCE),
      ],
    };
  }

  onApplicationBootstrap(): void {
    this.labels.start();
    this.retention.start();
  }

  async onApplicationShutdown(): Promise<void> {
    this.hub.close();
    await closeWithin(this.logger, "labels", () => this.labels.close());
    await closeWithin(this.logger, "retention", () => this.retention.close());
    await closeWithin(this.logger, "projection", () => this.background.close());
    await closeWithin(this.logger, "slow requests", () => this.slowRequests.close());
  }
}

/** Starts once the schema exists, before the first record is read. */
async function openBackground(config: ConsoleConfig, logger: Logger): Promise<Database> {
  await setUpDatabase(config, CONSOLE_MIGRATIONS, logger, async () => {});
  return openBackgroundDatabase(config, CONSOLE_MIGRATIONS, logger);
}
