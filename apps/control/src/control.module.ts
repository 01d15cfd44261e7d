import type { DynamicModule } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { TokenModule } from "@tripline/nest-kit/http/token.module";
import { KafkaModule } from "@tripline/nest-kit/kafka/kafka.module";
import { KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { DatabaseModule } from "@tripline/nest-kit/postgres/database.module";
import { Readiness } from "@tripline/nest-kit/readiness";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Migrations } from "@tripline/service-kit/postgres/migrate-database";
import { setUpDatabase } from "@tripline/service-kit/postgres/set-up-database";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import type { ControlConfig } from "./config.js";
import { LIST_PROVIDERS } from "./lists/list-providers.js";
import { ListsController } from "./lists/lists.controller.js";

export const CONTROL_MIGRATIONS: Migrations = {
  schema: "control",
  directory: new URL("../migrations/", import.meta.url),
};

const SCHEMA_READY = Symbol("SCHEMA_READY");

/** The control plane: what people decide about the system, kept in Postgres and told to the services on compacted topics. */
@Module({})
export class ControlModule {
  constructor(@Inject(KAFKA_ADMIN) admin: KafkaAdmin, @Inject(Readiness) readiness: Readiness) {
    readiness.add("kafka", async () => {
      await admin.clusterId();
    });
  }

  static forRoot(config: ControlConfig): DynamicModule {
    return {
      module: ControlModule,
      imports: [
        TokenModule.forRoot(config),
        DatabaseModule.forRoot(config, CONTROL_MIGRATIONS),
        KafkaModule.forRoot(config, { clientId: "control", producer: { lingerMs: 0 } }),
      ],
      controllers: [ListsController],
      providers: [
        ...LIST_PROVIDERS,
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
