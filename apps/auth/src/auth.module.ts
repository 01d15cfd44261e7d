import type { DynamicModule, Provider as NestProvider, OnModuleInit } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import { DATABASE, DatabaseModule } from "@tripline/nest-kit/postgres/database.module";
import type { ServiceAdapter } from "@tripline/nest-kit/service.adapter";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/service-kit/postgres/connect-database";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import { Provider } from "oidc-provider";
import type { SecretVerifier } from "./clients/secret-verifier.js";
import type { AuthConfig } from "./config.js";
import { AUTH_CONFIG } from "./config.js";
import { AUTH_MIGRATIONS, setUpAuth } from "./database/set-up-database.js";
import { PasswordSignIn } from "./people/password-sign-in.js";
import { PasswordVerifier } from "./people/password-verifier.js";
import { SignInFailures } from "./people/sign-in-failures.js";
import { createProvider } from "./provider/create-provider.js";
import { deriveKey } from "./provider/derive-key.js";
import { mountProvider } from "./provider/mount-provider.js";
import type { SigningKeys } from "./provider/signing-keys.js";
import { SecondFactors } from "./second-factor/second-factors.js";
import { AccountController } from "./sign-in/account.controller.js";
import { FormGuard } from "./sign-in/forms.js";
import { SignInController } from "./sign-in/sign-in.controller.js";

const SIGNING_KEYS = Symbol("SIGNING_KEYS");

function signInProviders(config: AuthConfig): NestProvider[] {
  const keyFor = (purpose: string) => deriveKey(config.KEY_ENCRYPTION_KEY, purpose);
  return [
    { provide: FormGuard, useValue: new FormGuard(keyFor("forms"), config.AUTH_ISSUER) },
    {
      provide: SignInFailures,
      useFactory: (database: Database) => new SignInFailures(database, keyFor("sign-in names")),
      inject: [DATABASE],
    },
    {
      provide: SecondFactors,
      useFactory: (database: Database) => new SecondFactors(database, keyFor("second factors")),
      inject: [DATABASE],
    },
    {
      provide: PasswordSignIn,
      useFactory: (database: Database, failures: SignInFailures) =>
        new PasswordSignIn(database, failures, new PasswordVerifier()),
      inject: [DATABASE, SignInFailures],
    },
  ];
}

/** The authorization server: `oidc-provider` on our tables and keys. */
@Module({})
export class AuthModule implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<ServiceAdapter>,
    @Inject(Provider) private readonly provider: Provider,
  ) {}

  /** @param secrets checks the secrets of clients */
  static forRoot(config: AuthConfig, secrets: SecretVerifier): DynamicModule {
    return {
      module: AuthModule,
      imports: [DatabaseModule.forRoot(config, AUTH_MIGRATIONS)],
      controllers: [SignInController, AccountController],
      providers: [
        { provide: SIGNING_KEYS, useFactory: (logger: Logger) => setUpAuth(config, logger), inject: [LOGGER] },
        {
          provide: Provider,
          useFactory: (keys: SigningKeys, database: Database, logger: Logger) =>
            createProvider(config, keys, database, logger, secrets),
          inject: [SIGNING_KEYS, DATABASE, LOGGER],
        },
        { provide: AUTH_CONFIG, useValue: config },
        ...signInProviders(config),
      ],
    };
  }

  async onModuleInit(): Promise<void> {
    await mountProvider(this.host.httpAdapter.besideNest, this.provider);
  }
}
