import type { DynamicModule, OnApplicationShutdown } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import type { PostgresConfig } from "@tripline/settings/connection-config";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Migrations } from "@tripline/stores/postgres/migrate-database";
import { openDatabase } from "@tripline/stores/postgres/set-up-database";
import type { Logger } from "@tripline/telemetry/logger";
import { closeWithin } from "../close-within.js";
import { Readiness } from "../readiness.js";
import { LOGGER } from "../service.module.js";

/** A `Database`. */
export const DATABASE = Symbol("DATABASE");

/** Postgres for a service. The service is ready only while Postgres responds, and sets up its schema itself. */
@Module({})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(Readiness) readiness: Readiness,
  ) {
    readiness.add("postgres", async () => {
      await database.execute("SELECT 1");
    });
  }

  static forRoot(config: PostgresConfig, migrations: Migrations): DynamicModule {
    const open = (logger: Logger) => openDatabase(config, migrations, logger);
    return {
      module: DatabaseModule,
      providers: [{ provide: DATABASE, useFactory: open, inject: [LOGGER] }],
      exports: [DATABASE],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await closeWithin(this.logger, "postgres", () => this.database.close());
  }
}
