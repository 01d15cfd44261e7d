import type { DynamicModule, Provider as NestProvider, OnModuleInit } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import { TrustedProxies } from "@tripline/http/client-address";
import type { EventProducer } from "@tripline/kafka/port";
import { auditPublisher } from "@tripline/nest-kit/audit/audit-publisher";
import { DESCRIBE_API, OpenApiController } from "@tripline/nest-kit/http/openapi.controller";
import { TOKEN_VERIFIER } from "@tripline/nest-kit/http/token.module";
import { KafkaModule } from "@tripline/nest-kit/kafka/kafka.module";
import { EVENT_PRODUCER } from "@tripline/nest-kit/kafka/kafka.tokens";
import { DATABASE, DatabaseModule } from "@tripline/nest-kit/postgres/database.module";
import type { ServiceAdapter } from "@tripline/nest-kit/service.adapter";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { ClientsController } from "./admin/clients.controller.js";
import { ClientsAdmin } from "./admin/clients-admin.js";
import { GrantsController } from "./admin/grants/grants.controller.js";
import { Grants } from "./admin/grants/grants.js";
import { AUDIT_SOURCE } from "./admin/note-action.js";
import { ownTokens } from "./admin/own-tokens.js";
import { PeopleController } from "./admin/people.controller.js";
import { PeopleAdmin } from "./admin/people-admin.js";
import { ClientAuthGuard } from "./clients/client-auth-guard.js";
import { SecretAuthenticator } from "./clients/secret-authenticator.js";
import type { SecretVerifier } from "./clients/secret-verifier.js";
import type { AuthConfig } from "./config.js";
import { AUTH_CONFIG } from "./config.js";
import { AUTH_MIGRATIONS, setUpAuth } from "./database/set-up-database.js";
import { IntrospectionController } from "./introspection/introspection.controller.js";
import { UserinfoController } from "./introspection/userinfo.controller.js";
import { describeApi } from "./openapi/describe-api.js";
import { KnownDevices } from "./people/known-devices.js";
import { PasswordSignIn } from "./people/password-sign-in.js";
import { PasswordVerifier } from "./people/password-verifier.js";
import { SignInFailures } from "./people/sign-in-failures.js";
import { createProvider } from "./provider/create-provider.js";
import { deriveKey } from "./provider/derive-key.js";
import { mountProvider } from "./provider/mount-provider.js";
import { OAuthServer } from "./provider/oauth-server.js";
import type { SigningKeys } from "./provider/signing-keys.js";
import { loadSigningKeys } from "./provider/signing-keys.js";
import { RevocationPublisher } from "./revocations/revocation-publisher.js";
import { Passkeys } from "./second-factor/passkeys.js";
import { SecondFactors } from "./second-factor/second-factors.js";
import { AccountController } from "./sign-in/account.controller.js";
import { Account } from "./sign-in/account.js";
import { FormGuard } from "./sign-in/forms.js";
import { PasskeysController } from "./sign-in/passkeys.controller.js";
import { PasswordController } from "./sign-in/password.controller.js";
import { SignInController } from "./sign-in/sign-in.controller.js";

const SIGNING_KEYS = Symbol("SIGNING_KEYS");

function signInProviders(config: AuthConfig): NestProvider[] {
  const keyFor = (purpose: string) => deriveKey(config.KEY_ENCRYPTION_KEY, purpose);
  return [
    { provide: FormGuard, useValue: new FormGuard(keyFor("forms"), config.AUTH_ISSUER) },
    {
      provide: KnownDevices,
      useValue: new KnownDevices(keyFor("known devices"), config.AUTH_ISSUER.startsWith("https:")),
    },
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
      provide: Passkeys,
      useFactory: (database: Database) => new Passkeys(database, keyFor("second factors"), config.AUTH_ISSUER),
      inject: [DATABASE],
    },
    {
      provide: PasswordSignIn,
      useFactory: (database: Database, failures: SignInFailures, devices: KnownDevices, factors: SecondFactors) =>
        new PasswordSignIn(database, failures, new PasswordVerifier(), devices, factors),
      inject: [DATABASE, SignInFailures, KnownDevices, SecondFactors],
    },
  ];
}

function oauthServer(config: AuthConfig, secrets: SecretVerifier, proxies: TrustedProxies): NestProvider {
  const guard = new ClientAuthGuard(proxies);
  const checks = { guard, authenticator: new SecretAuthenticator(guard, secrets) };
  return {
    provide: OAuthServer,
    useFactory: (keys: SigningKeys, database: Database, logger: Logger) =>
      new OAuthServer({
        keys,
        logger,
        loadKeys: () => loadSigningKeys(database, config.KEY_ENCRYPTION_KEY, config.TOKEN_TTL_SECONDS),
        createProvider: (current) => createProvider(config, current, database, logger, checks),
      }),
    inject: [SIGNING_KEYS, DATABASE, LOGGER],
  };
}

function adminProviders(config: AuthConfig): NestProvider[] {
  return [
    {
      provide: RevocationPublisher,
      useFactory: (database: Database, producer: EventProducer, logger: Logger) =>
        new RevocationPublisher(database, producer, logger),
      inject: [DATABASE, EVENT_PRODUCER, LOGGER],
    },
    {
      provide: Grants,
      useFactory: (database: Database, publisher: RevocationPublisher, logger: Logger) =>
        new Grants(database, publisher, logger),
      inject: [DATABASE, RevocationPublisher, LOGGER],
    },
    {
      provide: PeopleAdmin,
      useFactory: (database: Database, grants: Grants, publisher: RevocationPublisher, logger: Logger) =>
        new PeopleAdmin(database, grants, publisher, logger),
      inject: [DATABASE, Grants, RevocationPublisher, LOGGER],
    },
    {
      provide: ClientsAdmin,
      useFactory: (database: Database, grants: Grants, publisher: RevocationPublisher, logger: Logger) =>
        new ClientsAdmin(database, grants, publisher, logger),
      inject: [DATABASE, Grants, RevocationPublisher, LOGGER],
    },
    {
      provide: TOKEN_VERIFIER,
      useFactory: ({ keyOf }: OAuthServer, database: Database) => ownTokens(config, database, keyOf),
      inject: [OAuthServer, DATABASE],
    },
  ];
}

/** The authorization server: `oidc-provider` on our tables and keys. */
@Module({})
export class AuthModule implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<ServiceAdapter>,
    @Inject(OAuthServer) private readonly server: OAuthServer,
  ) {}

  /** @param secrets checks the secrets of clients */
  static forRoot(config: AuthConfig, secrets: SecretVerifier): DynamicModule {
    const proxies = new TrustedProxies(config.TRUSTED_PROXIES);
    return {
      module: AuthModule,
      imports: [
        DatabaseModule.forRoot(config, AUTH_MIGRATIONS),
        KafkaModule.forRoot(config, { clientId: "auth", producer: { lingerMs: 0 } }),
      ],
      controllers: [
        ...[SignInController, AccountController, PasswordController, PasskeysController],
        ...[IntrospectionController, UserinfoController],
        ...[PeopleController, ClientsController, GrantsController, OpenApiController],
      ],
      providers: [
        { provide: SIGNING_KEYS, useFactory: (logger: Logger) => setUpAuth(config, logger), inject: [LOGGER] },
        oauthServer(config, secrets, proxies),
        { provide: TrustedProxies, useValue: proxies },
        { provide: AUTH_CONFIG, useValue: config },
        { provide: DESCRIBE_API, useValue: () => describeApi(config) },
        ...signInProviders(config),
        ...adminProviders(config),
        Account,
        auditPublisher(AUDIT_SOURCE),
      ],
    };
  }

  async onModuleInit(): Promise<void> {
    await mountProvider(this.host.httpAdapter.besideNest, this.server);
  }
}
