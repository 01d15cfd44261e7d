import { fileURLToPath } from "node:url";
import type { DynamicModule, OnApplicationBootstrap, OnApplicationShutdown, Provider } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { auditPublisher } from "@tripline/nest-kit/audit/audit-publisher";
import { closeWithin } from "@tripline/nest-kit/close-within";
import { DESCRIBE_API, OpenApiController } from "@tripline/nest-kit/http/openapi.controller";
import { TOKEN_VERIFIER, TokenModule } from "@tripline/nest-kit/http/token.module";
import { KafkaModule } from "@tripline/nest-kit/kafka/kafka.module";
import { KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { DATABASE, DatabaseModule } from "@tripline/nest-kit/postgres/database.module";
import { Readiness } from "@tripline/nest-kit/readiness";
import { LOGGER } from "@tripline/nest-kit/service.module";
import { PolicyWorker } from "@tripline/policy-worker/policy-worker";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { openBackgroundDatabase, setUpDatabase } from "@tripline/stores/postgres/set-up-database";
import type { Logger } from "@tripline/telemetry/logger";
import type { TokenVerifier } from "@tripline/tokens/verify-token";
import { AttachmentStore } from "./attachments/attachment-store.js";
import { AttachmentsController } from "./attachments/attachments.controller.js";
import { BACKGROUND } from "./background.js";
import { CaseFilesController } from "./cases/case-files.controller.js";
import { CaseReader } from "./cases/case-reader.js";
import { CaseStore } from "./cases/case-store.js";
import { CasesController } from "./cases/cases.controller.js";
import { LabelSender } from "./cases/label-sender.js";
import { CaseNarratives } from "./cases/narrative/case-narratives.js";
import { PeopleController } from "./cases/people.controller.js";
import type { ConsoleConfig } from "./config.js";
import { CONSOLE_CONFIG, modelPlace } from "./config.js";
import { Contributions } from "./decisions/contributions.js";
import { DecisionReader } from "./decisions/decision-reader.js";
import { DecisionStore } from "./decisions/decision-store.js";
import { DecisionsController } from "./decisions/decisions.controller.js";
import { EntitiesController } from "./entities/entities.controller.js";
import { EntityStore } from "./entities/entity-store.js";
import { ListReader } from "./entities/list-reader.js";
import { ErasuresController } from "./erasures/erasures.controller.js";
import { ForwardingController } from "./forwarding/forwarding.controller.js";
import { LiveController } from "./live/live.controller.js";
import { LiveHub } from "./live/live-hub.js";
import { AUDIT_SOURCE, Looks } from "./looks.js";
import { CONSOLE_MIGRATIONS } from "./migrations.js";
import { DriftsController } from "./models/drifts.controller.js";
import { ModelCards } from "./models/model-cards.js";
import { describeApi } from "./openapi/describe-api.js";
import { PAGE_FILES, PageController } from "./page/page.controller.js";
import { readPageFiles } from "./page/page-files.js";
import { PersonalController } from "./personal/personal.controller.js";
import { PersonalReader } from "./personal/personal-reader.js";
import { PolicyTrialsController } from "./policies/policy-trials.controller.js";
import { PolicyTrials } from "./policies/policy-trials.js";
import { caseOpening } from "./projection/open-cases.js";
import { ProjectionController } from "./projection/projection.controller.js";
import { ProjectionStore } from "./projection/projection-store.js";
import { Retention } from "./projection/retention.js";
import { HealthReporter } from "./reports/health-report.js";
import { ModelsReporter } from "./reports/models-report.js";
import { ReportsController } from "./reports/reports.controller.js";
import { AuthorizationServer } from "./sessions/authorization-server.js";
import { Cookies } from "./sessions/cookies.js";
import { SessionController } from "./sessions/session.controller.js";
import { SessionStore } from "./sessions/session-store.js";
import { Sessions } from "./sessions/sessions.js";
import { ViewsController } from "./views/views.controller.js";

/** As `npm run build` leaves it. */
const PAGE_FOLDER = fileURLToPath(new URL("../web/dist/page/", import.meta.url));

const SCHEMA_READY = Symbol("SCHEMA_READY");
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const MB = 1_000_000;

/** Where people see what is decided and work on cases. */
@Module({})
export class ConsoleModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(LiveHub) private readonly hub: LiveHub,
    @Inject(LabelSender) private readonly labels: LabelSender,
    @Inject(Retention) private readonly retention: Retention,
    @Inject(BACKGROUND) private readonly background: Database,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(PolicyTrials) trials: PolicyTrials,
    @Inject(Readiness) readiness: Readiness,
  ) {
    readiness.addNote("labels", () => labels.note);
    readiness.addNote("policy_checks", () => trials.note);
  }

  static forRoot(config: ConsoleConfig): DynamicModule {
    const kafka = KafkaModule.forRoot(config, { clientId: "console", producer: { lingerMs: 0 } });
    return {
      module: ConsoleModule,
      imports: [
        TokenModule.forRoot(config, "console", kafka),
        DatabaseModule.forRoot(config, CONSOLE_MIGRATIONS),
        kafka,
      ],
      // The page comes last: it answers every path that the others leave.
      controllers: [
        ...[
          ProjectionController,
          ErasuresController,
          DriftsController,
          LiveController,
          DecisionsController,
          CasesController,
          CaseFilesController,
          AttachmentsController,
          SessionController,
        ],
        ...[ViewsController, PeopleController, EntitiesController, ReportsController, ForwardingController],
        ...[PolicyTrialsController, PersonalController, OpenApiController],
        PageController,
      ],
      providers: [
        { provide: CONSOLE_CONFIG, useValue: config },
        { provide: DESCRIBE_API, useValue: () => describeApi(config) },
        { provide: PAGE_FILES, useFactory: () => readPageFiles(PAGE_FOLDER) },
        {
          provide: SCHEMA_READY,
          inject: [LOGGER],
          useFactory: async (logger: Logger) => {
            await setUpDatabase(config, CONSOLE_MIGRATIONS, logger, async () => {});
            return true;
          },
        },
        {
          provide: BACKGROUND,
          inject: [LOGGER],
          useFactory: (logger: Logger) => openBackgroundDatabase(config, CONSOLE_MIGRATIONS, logger),
        },
        auditPublisher(AUDIT_SOURCE),
        ...sessionProviders(config),
        ...shownProviders(config),
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
  }
}

function sessionProviders(config: ConsoleConfig): Provider[] {
  return [
    { provide: Cookies, useValue: new Cookies(config) },
    { provide: AuthorizationServer, useFactory: () => new AuthorizationServer(config) },
    {
      provide: SessionStore,
      inject: [DATABASE],
      useFactory: (database: Database) =>
        new SessionStore(database, {
          key: config.SESSION_KEY,
          lifetimeMs: config.SESSION_HOURS * HOUR_MS,
          idleMs: config.SESSION_IDLE_MINUTES * MINUTE_MS,
        }),
    },
    {
      provide: Sessions,
      inject: [SessionStore, AuthorizationServer, TOKEN_VERIFIER],
      useFactory: (store: SessionStore, server: AuthorizationServer, verifier: TokenVerifier) =>
        new Sessions(store, server, verifier),
    },
  ];
}

function shownProviders(config: ConsoleConfig): Provider[] {
  const { REGISTRY_URL: registryUrl } = config;
  return [
    {
      provide: ProjectionStore,
      // The schema is there before the first record is read.
      inject: [BACKGROUND, SCHEMA_READY],
      useFactory: (database: Database) => new ProjectionStore(database, caseOpening(config)),
    },
    {
      provide: Retention,
      inject: [BACKGROUND, AttachmentStore, LOGGER],
      useFactory: (database: Database, attachments: AttachmentStore, logger: Logger) =>
        new Retention(database, config.RETENTION_DAYS, attachments, logger),
    },
    { provide: DecisionStore, inject: [DATABASE], useFactory: (database: Database) => new DecisionStore(database) },
    {
      provide: ModelCards,
      useFactory: () => new ModelCards(registryUrl === undefined ? undefined : openRegistry(registryUrl)),
    },
    {
      provide: DecisionReader,
      inject: [DecisionStore, LOGGER],
      useFactory: (store: DecisionStore, logger: Logger) => {
        const registry = registryUrl === undefined ? undefined : openRegistry(registryUrl);
        return new DecisionReader(store, new Contributions(registry, logger));
      },
    },
    { provide: CaseStore, inject: [DATABASE], useFactory: (database: Database) => new CaseStore(database) },
    {
      provide: CaseReader,
      inject: [DATABASE, DecisionReader, AttachmentStore, CaseNarratives],
      useFactory: (
        database: Database,
        decisions: DecisionReader,
        attachments: AttachmentStore,
        narratives: CaseNarratives,
      ) => new CaseReader(database, (id, tenant, show) => decisions.read(id, tenant, show), attachments, narratives),
    },
    {
      provide: CaseNarratives,
      inject: [LOGGER],
      useFactory: (logger: Logger) => new CaseNarratives(modelPlace(config), logger),
    },
    {
      provide: AttachmentStore,
      inject: [DATABASE],
      useFactory: (database: Database) =>
        new AttachmentStore(database, config.ATTACHMENTS_URL, config.ATTACHMENT_MB_MAX * MB),
    },
    {
      provide: LabelSender,
      inject: [BACKGROUND, Sessions, AuthorizationServer, LOGGER],
      useFactory: (database: Database, sessions: Sessions, server: AuthorizationServer, logger: Logger) =>
        new LabelSender({ database, sessions, server, ingestionUrl: config.INGESTION_URL.replace(/\/$/, ""), logger }),
    },
    { provide: Looks, inject: [DATABASE], useFactory: (database: Database) => new Looks(database) },
    {
      provide: PolicyTrials,
      inject: [DATABASE, LOGGER],
      useFactory: (database: Database, logger: Logger) => new PolicyTrials(database, new PolicyWorker(config, logger)),
    },
    { provide: EntityStore, inject: [DATABASE], useFactory: (database: Database) => new EntityStore(database) },
    { provide: ListReader, useValue: new ListReader(config.CONTROL_URL.replace(/\/$/, "")) },
    {
      provide: PersonalReader,
      inject: [DATABASE],
      useFactory: (database: Database) => new PersonalReader(database, config.CONTROL_URL.replace(/\/$/, "")),
    },
    { provide: ModelsReporter, inject: [DATABASE], useFactory: (database: Database) => new ModelsReporter(database) },
    {
      provide: HealthReporter,
      inject: [DATABASE, KAFKA_ADMIN, Readiness],
      useFactory: (database: Database, admin: KafkaAdmin, readiness: Readiness) =>
        new HealthReporter(database, admin, readiness, config),
    },
    {
      provide: LiveHub,
      inject: [DATABASE, KAFKA_ADMIN, LOGGER],
      useFactory: (database: Database, admin: KafkaAdmin, logger: Logger) => new LiveHub(database, admin, logger),
    },
  ];
}
