import type { DynamicModule, Provider as NestProvider, OnModuleInit } from "@nestjs/common";
import { Inject, Module } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import { TrustedProxies } from "@tripline/http/client-address";
import { dnsResolve } from "@tripline/http/egress/check-target";
import { auditPublisher } from "@tripline/nest-kit/audit/audit-publisher";
import { DESCRIBE_API, OpenApiController } from "@tripline/nest-kit/http/openapi.controller";
import { TOKEN_VERIFIER } from "@tripline/nest-kit/http/token.module";
import { KafkaModule } from "@tripline/nest-kit/kafka/kafka.module";
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
import { mountProvider } from "./provider/mount-provider.js";
import { OAuthServer } from "./provider/oauth-server.js";
import type { SigningKeys } from "./provider/signing-keys.js";
import { loadSigningKeys } from "./provider/signing-keys.js";
import { RevocationPublisher } from "./revocations/revocation-publisher.js";
import { ScimGroupsController } from "./scim/groups/scim-groups.controller.js";
import { ScimGroups } from "./scim/groups/scim-groups.js";
import { ScimChanges } from "./scim/scim-changes.js";
import { ScimMetadataController } from "./scim/scim-metadata.controller.js";
import { acceptScimBodies } from "./scim/scim-resource.js";
import { ScimTokenController } from "./scim/token/scim-token.controller.js";
import { ScimUsersController } from "./scim/users/scim-users.controller.js";
import { ScimUsers } from "./scim/users/scim-users.js";
import { Passkeys } from "./second-factor/passkeys.js";
import { SecondFactors } from "./second-factor/second-factors.js";
import { AccountController } from "./sign-in/account.controller.js";
import { Account } from "./sign-in/account.js";
import { FormGuard } from "./sign-in/forms.js";
import { Interactions } from "./sign-in/interactions.js";
import { PasskeysController } from "./sign-in/passkeys.controller.js";
import { PasswordController } from "./sign-in/password.controller.js";
import { SignInController } from "./sign-in/sign-in.controller.js";
import { BreakGlass } from "./single-sign-on/break-glass.js";
import { dnsTexts, ProviderDomains, READ_TEXTS } from "./single-sign-on/provider-domains.js";
import { ProvidersController } from "./single-sign-on/providers.controller.js";
import { SingleSignOnController } from "./single-sign-on/single-sign-on.controller.js";
import { RESOLVE, UpstreamProvider } from "./single-sign-on/upstream-provider.js";

const SIGNING_KEYS = Symbol("SIGNING_KEYS");

const SIGN_IN = [
  Interactions,
  BreakGlass,
  UpstreamProvider,
  ProviderDomains,
  FormGuard,
  KnownDevices,
  SignInFailures,
  SecondFactors,
  Passkeys,
  PasswordVerifier,
  PasswordSignIn,
];
const ADMINISTRATION = [RevocationPublisher, Grants, PeopleAdmin, ClientsAdmin, Account];
const PROVISIONING = [ScimChanges, ScimUsers, ScimGroups];

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

/** The authorization server: `oidc-provider` on our tables and keys. */
@Module({})
export class AuthModule implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<ServiceAdapter>,
    @Inject(OAuthServer) private readonly server: OAuthServer,
  ) {}

  /** @param secrets checks the secrets of clients @param readTexts reads the DNS records of tenants' domains */
  static forRoot(config: AuthConfig, secrets: SecretVerifier, readTexts = dnsTexts()): DynamicModule {
    const proxies = new TrustedProxies(config.TRUSTED_PROXIES);
    return {
      module: AuthModule,
      imports: [
        DatabaseModule.forRoot(config, AUTH_MIGRATIONS),
        KafkaModule.forRoot(config, { clientId: "auth", producer: { lingerMs: 0 } }),
      ],
      controllers: [
        ...[SignInController, AccountController, PasswordController, PasskeysController],
        ...[SingleSignOnController, ProvidersController],
        ...[ScimTokenController, ScimMetadataController, ScimUsersController, ScimGroupsController],
        ...[IntrospectionController, UserinfoController],
        ...[PeopleController, ClientsController, GrantsController, OpenApiController],
      ],
      providers: [
        { provide: SIGNING_KEYS, useFactory: (logger: Logger) => setUpAuth(config, logger), inject: [LOGGER] },
        oauthServer(config, secrets, proxies),
        { provide: TrustedProxies, useValue: proxies },
        { provide: RESOLVE, useValue: dnsResolve() },
        { provide: READ_TEXTS, useValue: readTexts },
        { provide: AUTH_CONFIG, useValue: config },
        { provide: DESCRIBE_API, useValue: () => describeApi(config) },
        {
          provide: TOKEN_VERIFIER,
          useFactory: ({ keyOf }: OAuthServer, database: Database) => ownTokens(config, database, keyOf),
          inject: [OAuthServer, DATABASE],
        },
        ...[...SIGN_IN, ...ADMINISTRATION, ...PROVISIONING, auditPublisher(AUDIT_SOURCE)],
      ],
    };
  }

  async onModuleInit(): Promise<void> {
    acceptScimBodies(this.host.httpAdapter.getInstance());
    await mountProvider(this.host.httpAdapter.besideNest, this.server);
  }
}
