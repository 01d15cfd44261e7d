import type { DynamicModule } from "@nestjs/common";
import { Module } from "@nestjs/common";
import type { EventProducer, Kafka, KafkaAdmin } from "@tripline/kafka/port";
import { DESCRIBE_API, OpenApiController } from "@tripline/nest-kit/http/openapi.controller";
import { TokenModule } from "@tripline/nest-kit/http/token.module";
import { KafkaModule } from "@tripline/nest-kit/kafka/kafka.module";
import { EVENT_PRODUCER, KAFKA, KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { DATABASE, DatabaseModule } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import { PolicyWorker } from "@tripline/policy-worker/policy-worker";
import { RateLimits } from "@tripline/service-kit/limits/rate-limits";
import type { Database } from "@tripline/service-kit/postgres/connect-database";
import type { Migrations } from "@tripline/service-kit/postgres/migrate-database";
import { setUpDatabase } from "@tripline/service-kit/postgres/set-up-database";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import { APPROVAL_PROVIDERS } from "./approvals/approval-providers.js";
import { ApprovalsController } from "./approvals/approvals.controller.js";
import { AuditController } from "./audit/audit.controller.js";
import { AuditEventsController } from "./audit/audit-events.controller.js";
import { auditProviders } from "./audit/audit-providers.js";
import type { ControlConfig } from "./config.js";
import { CONTROL_CONFIG, policyCheckRates } from "./config.js";
import { FRAUD_LIST_DAYS, FraudLabelsController } from "./lists/fraud-labels.controller.js";
import { LIST_PROVIDERS } from "./lists/list-providers.js";
import { ListsController } from "./lists/lists.controller.js";
import { describeApi } from "./openapi/describe-api.js";
import { DeadLettersController } from "./operations/dead-letters.controller.js";
import { DeadLetters } from "./operations/dead-letters.js";
import { ErasuresController } from "./operations/erasures.controller.js";
import { JobsController } from "./operations/jobs.controller.js";
import { PersonalController } from "./personal/personal.controller.js";
import { personalProviders } from "./personal/personal-providers.js";
import { SubjectKeysController } from "./personal/subject-keys.controller.js";
import { ActivationStore } from "./policies/activation-store.js";
import { DraftStore } from "./policies/draft-store.js";
import { PoliciesController } from "./policies/policies.controller.js";
import { PolicyChecks } from "./policies/policy-checks.js";
import { PolicyGuard } from "./policies/policy-guard.js";
import { PolicyPublisher } from "./policies/policy-publisher.js";
import { PolicyStore } from "./policies/policy-store.js";
import { RuleWatch } from "./policies/rule-watch.js";
import { SeenDecisions } from "./policies/seen-decisions.js";
import { SwitchedOffRules } from "./policies/switched-off-rules.js";
import { DecisionFeed } from "./rollouts/decision-feed.js";
import { rolloutProviders } from "./rollouts/rollout-providers.js";
import { RolloutsController } from "./rollouts/rollouts.controller.js";

export const CONTROL_MIGRATIONS: Migrations = {
  schema: "control",
  directory: new URL("../migrations/", import.meta.url),
};

/** Whether labels are read. */
const listsFrauds = ({ FRAUD_LIST_DAYS: days }: ControlConfig): boolean => days > 0;

const SCHEMA_READY = Symbol("SCHEMA_READY");

/** The control plane: what people decide about the system, kept in Postgres and told to the services on compacted topics. */
@Module({})
export class ControlModule {
  static forRoot(config: ControlConfig): DynamicModule {
    const { REGISTRY_URL: registryUrl } = config;
    const kafka = KafkaModule.forRoot(config, { clientId: "control", producer: { lingerMs: 0 } });
    return {
      module: ControlModule,
      imports: [
        TokenModule.forRoot(config, "control", kafka),
        DatabaseModule.forRoot(config, CONTROL_MIGRATIONS),
        kafka,
      ],
      controllers: [
        OpenApiController,
        PoliciesController,
        AuditController,
        AuditEventsController,
        ListsController,
        ApprovalsController,
        SubjectKeysController,
        PersonalController,
        ...[DeadLettersController, ErasuresController, JobsController],
        ...(listsFrauds(config) ? [FraudLabelsController] : []),
        ...(registryUrl === undefined ? [] : [RolloutsController]),
      ],
      providers: [
        ...LIST_PROVIDERS,
        ...APPROVAL_PROVIDERS,
        ...auditProviders(config),
        ...personalProviders(config),
        {
          provide: DeadLetters,
          inject: [DATABASE, KAFKA, KAFKA_ADMIN],
          useFactory: (database: Database, kafka: Kafka, admin: KafkaAdmin) => new DeadLetters(database, kafka, admin),
        },
        { provide: FRAUD_LIST_DAYS, useValue: config.FRAUD_LIST_DAYS },
        { provide: CONTROL_CONFIG, useValue: config },
        { provide: DESCRIBE_API, useValue: () => describeApi(config) },
        { provide: RateLimits, useValue: new RateLimits(config) },
        {
          provide: PolicyChecks,
          inject: [LOGGER],
          useFactory: (logger: Logger) =>
            new PolicyChecks(new PolicyWorker(config, logger), new RateLimits(policyCheckRates(config))),
        },
        { provide: PolicyStore, inject: [DATABASE], useFactory: (database: Database) => new PolicyStore(database) },
        {
          provide: ActivationStore,
          inject: [DATABASE],
          useFactory: (database: Database) => new ActivationStore(database),
        },
        { provide: DraftStore, inject: [DATABASE], useFactory: (database: Database) => new DraftStore(database) },
        {
          provide: PolicyPublisher,
          inject: [DATABASE, EVENT_PRODUCER, LOGGER],
          useFactory: (database: Database, producer: EventProducer, logger: Logger) =>
            new PolicyPublisher(database, producer, logger),
        },
        {
          provide: DecisionFeed,
          inject: [KAFKA, KAFKA_ADMIN, LOGGER],
          useFactory: (kafka: Kafka, admin: KafkaAdmin, logger: Logger) => new DecisionFeed(kafka, admin, logger),
        },
        {
          provide: SeenDecisions,
          inject: [DecisionFeed],
          useFactory: (feed: DecisionFeed) => {
            const seen = new SeenDecisions();
            feed.listen(seen);
            return seen;
          },
        },
        {
          provide: PolicyGuard,
          inject: [SeenDecisions, ActivationStore, PolicyStore, PolicyPublisher, PolicyChecks, LOGGER],
          useFactory: (
            seen: SeenDecisions,
            activations: ActivationStore,
            policies: PolicyStore,
            publisher: PolicyPublisher,
            checks: PolicyChecks,
            logger: Logger,
          ) => new PolicyGuard({ seen, activations, policies, publisher, checks, logger }),
        },
        {
          provide: SwitchedOffRules,
          inject: [DATABASE],
          useFactory: (database: Database) => new SwitchedOffRules(database),
        },
        {
          provide: RuleWatch,
          inject: [DecisionFeed, SwitchedOffRules, PolicyPublisher, LOGGER],
          useFactory: (feed: DecisionFeed, rules: SwitchedOffRules, publisher: PolicyPublisher, logger: Logger) =>
            new RuleWatch({ feed, rules, publisher, logger }),
        },
        ...(registryUrl === undefined ? [] : rolloutProviders(registryUrl)),
        {
          provide: SCHEMA_READY,
          inject: [LOGGER],
          useFactory: async (logger: Logger) => {
            await setUpDatabase(config, CONTROL_MIGRATIONS, logger, async () => {});
            return true;
          },
        },
      ],
    };
  }
}
