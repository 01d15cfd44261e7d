import type { DynamicModule, OnApplicationShutdown, OnModuleInit } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import { closeWithin } from "@tripline/nest-kit/close-within";
import { Readiness } from "@tripline/nest-kit/readiness";
import type { ServiceAdapter } from "@tripline/nest-kit/service.adapter";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import { Provider } from "oidc-provider";
import type { SecretVerifier } from "./clients/secret-verifier.js";
import type { AuthConfig } from "./config.js";
import type { Database } from "./database/connect-database.js";
import { openDatabase, setUpDatabase } from "./database/set-up-database.js";
import { createProvider } from "./provider/create-provider.js";
import { mountProvider } from "./provider/mount-provider.js";
import type { SigningKeys } from "./provider/signing-keys.js";

const DATABASE = Symbol("DATABASE");
const SIGNING_KEYS = Symbol("SIGNING_KEYS");

/** The authorization server: `oidc-provider` on our tables and keys. */
@Module({})
export class AuthModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<ServiceAdapter>,
    @Inject(Provider) private readonly provider: Provider,
    @Inject(DATABASE) private readonly database: Database,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(Readiness) readiness: Readiness,
  ) {
    readiness.add("postgres", async () => {
      await database.execute("SELECT 1");
    });
  }

  /** @param secrets checks the secrets of clients */
  static forRoot(config: AuthConfig, secrets: SecretVerifier): DynamicModule {
    return {
      module: AuthModule,
      providers: [
        { provide: SIGNING_KEYS, useFactory: (logger: Logger) => setUpDatabase(config, logger), inject: [LOGGER] },
        { provide: DATABASE, useFactory: (logger: Logger) => openDatabase(config, logger), inject: [LOGGER] },
        {
          provide: Provider,
          useFactory: (keys: SigningKeys, database: Database, logger: Logger) =>
            createProvider(config, keys, database, logger, secrets),
          inject: [SIGNING_KEYS, DATABASE, LOGGER],
        },
      ],
    };
  }

  async onModuleInit(): Promise<void> {
    await mountProvider(this.host.httpAdapter.besideNest, this.provider);
  }

  async onApplicationShutdown(): Promise<void> {
    await closeWithin(this.logger, "postgres", () => this.database.close());
  }
}
