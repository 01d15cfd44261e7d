import type { DynamicModule } from "@nestjs/common";
import { Module } from "@nestjs/common";
import { RateLimits } from "@tripline/http/limits/rate-limits";
import type { Kafka, KafkaAdmin } from "@tripline/kafka/port";
import { DESCRIBE_API, OpenApiController } from "@tripline/nest-kit/http/openapi.controller";
import { TokenModule } from "@tripline/nest-kit/http/token.module";
import { KafkaModule } from "@tripline/nest-kit/kafka/kafka.module";
import { KAFKA, KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { DATABASE, DatabaseModule } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Migrations } from "@tripline/stores/postgres/migrate-database";
import { setUpDatabase } from "@tripline/stores/postgres/set-up-database";
import type { Logger } from "@tripline/telemetry/logger";
import { APPROVAL_PROVIDERS } from "./approvals/approval-providers.js";
import { ApprovalsController } from "./approvals/approvals.controller.js";
import { AuditController } from "./audit/audit.controller.js";
import { AuditEventsController } from "./audit/audit-events.controller.js";
import { auditProviders } from "./audit/audit-providers.js";
import type { ControlConfig } from "./config.js";
import { CONTROL_CONFIG } from "./config.js";
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
import { PoliciesController } from "./policies/policies.controller.js";
import { policyProviders } from "./policies/policy-providers.js";
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
        ...policyProviders(config),
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
          provide: DecisionFeed,
          inject: [KAFKA, KAFKA_ADMIN, LOGGER],
          useFactory: (kafka: Kafka, admin: KafkaAdmin, logger: Logger) => new DecisionFeed(kafka, admin, logger),
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
