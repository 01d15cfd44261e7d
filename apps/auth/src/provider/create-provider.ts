import { SCOPES, SERVICE_SCOPES, scopesOf } from "@tripline/contracts/roles";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import type { Account, Client, Configuration, KoaContextWithOIDC, ResourceServer } from "oidc-provider";
import { errors, Provider } from "oidc-provider";
import type { ClientAuthGuard } from "../clients/client-auth-guard.js";
import type { SecretAuthenticator } from "../clients/secret-authenticator.js";
import type { AuthConfig } from "../config.js";
import { deriveKey } from "./derive-key.js";
import { observeTokens } from "./observe-tokens.js";
import { personAccount, personOf } from "./person-account.js";
import { guardPages, leadOnWithoutSession, SIGN_OUT, servePeople } from "./serve-people.js";
import { signInStore } from "./sign-in-store.js";
import type { SigningKeys } from "./signing-keys.js";
import { OPENID_SCOPES, storeAdapter } from "./store-adapter.js";

/** Algorithms with which a client may sign its assertion: no shared secrets, and nothing weaker than 2048-bit RSA. */
const ASSERTION_ALGORITHMS = ["ES256", "ES384", "PS256", "RS256", "EdDSA", "Ed25519"] as const;
/** Maximum lifetime of an assertion, which limits how long used IDs must be stored. */
const ASSERTION_LIFETIME_SECONDS_MAX = 600;
const CLOCK_TOLERANCE_SECONDS = 15;

const UNUSED_FEATURES = {
  devInteractions: { enabled: false },
  dPoP: { enabled: false },
  pushedAuthorizationRequests: { enabled: false },
  userinfo: { enabled: false },
} as const;

/** The methods by which clients authenticate. */
export interface ClientChecks {
  readonly guard: ClientAuthGuard;
  readonly authenticator: SecretAuthenticator;
}

/**
 * Creates the OAuth server: client credentials for machines, authorization code with PKCE and refresh tokens for users.
 * Every access token is an RFC 9068 JWT.
 *
 * @param guard counts failures; one for all providers of this process
 */
export function createProvider(
  config: AuthConfig,
  keys: SigningKeys,
  queries: Queries,
  logger: Logger,
  { guard, authenticator }: ClientChecks,
): Provider {
  const signIns = signInStore(queries, deriveKey(config.KEY_ENCRYPTION_KEY, "sign-ins"));
  const adapter = storeAdapter(queries, signIns, {
    onLookup(clientId) {
      if (Provider.ctx !== undefined) guard.begin(Provider.ctx, clientId);
    },
    async onNoSecret() {
      if (Provider.ctx !== undefined) await authenticator.pretend(Provider.ctx);
    },
  });
  const provider = new Provider(config.AUTH_ISSUER, {
    ...configurationOf(config, keys),
    ...servePeople(config),
    adapter,
    findAccount: (ctx, id) => accountFor(ctx, queries, id),
  });
  // `mountProvider` sets the forwarded headers to the issuer's host and scheme, so that callers cannot influence URLs.
  provider.proxy = true;
  provider.Client.prototype.compareClientSecret = async function compareClientSecret(this: Client, actual: string) {
    if (this.clientSecret === undefined || Provider.ctx === undefined) return false;
    return authenticator.verify(Provider.ctx, actual, this.clientSecret);
  };
  provider.use(describeOnlyWhatIsServed);
  provider.use(guardPages);
  provider.use(leadOnWithoutSession);
  provider.use(tellGrantedScopes);
  observeTokens(provider, guard, logger);
  return provider;
}

/** A client that an administrator registered cannot sign in users of other tenants. */
async function accountFor(ctx: KoaContextWithOIDC, queries: Queries, id: string): Promise<Account | undefined> {
  const account = await personAccount(queries, id);
  const { client } = ctx.oidc;
  const isForeign = client?.of_tenant === true && personOf(account)?.tenant !== client.tenant;
  return isForeign ? undefined : account;
}

function configurationOf(config: AuthConfig, keys: SigningKeys): Configuration {
  return {
    jwks: { keys: keys.keys.map((key) => ({ ...key })) },
    routes: {
      authorization: "/oauth/authorize",
      token: "/oauth/token",
      jwks: "/oauth/jwks",
      end_session: "/oauth/logout",
    },
    responseTypes: ["code"],
    scopes: [...OPENID_SCOPES, ...SCOPES, ...SERVICE_SCOPES],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    clientAuthMethods: ["client_secret_basic", "private_key_jwt"],
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    extraClientMetadata: { properties: ["tenant", "owner", "of_tenant"] },
    enabledJWA: { idTokenSigningAlgValues: ["ES256"], clientAuthSigningAlgValues: [...ASSERTION_ALGORITHMS] },
    features: {
      ...UNUSED_FEATURES,
      rpInitiatedLogout: SIGN_OUT,
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => config.AUTH_AUDIENCE,
        getResourceServerInfo: (ctx, resource, client) => apiFor(ctx, resource, client, config, keys.activeKid),
      },
    },
    extraTokenClaims: (ctx, token) => ({ ...(personOf(ctx.oidc.account) ?? machineClaims(token.client)) }),
    assertJwtClientAuthClaimsAndHeader: (_ctx, claims) => refuseLongLivedAssertion(claims.exp),
    // Browsers do not request these tokens.
    clientBasedCORS: () => false,
  };
}

/**
 * Describes the only API. A client's token contains the client's scopes. A user's token contains only those that the
 * user's current roles include. The library would silently drop a scope that the client lacks. RFC 6749 section 5.2
 * requires an error instead.
 */
function apiFor(
  ctx: KoaContextWithOIDC,
  resource: string,
  client: Client,
  config: AuthConfig,
  kid: string,
): ResourceServer {
  if (resource !== config.AUTH_AUDIENCE) throw new errors.InvalidTarget();
  const isMachine = client.grantTypeAllowed("client_credentials");
  const registered = client.scope ?? "";
  const granted = new Set(registered.split(" "));
  for (const scope of ctx.oidc.requestParamScopes) {
    if (!granted.has(scope)) throw new errors.InvalidScope("a requested scope is not allowed", scope);
  }
  // RFC 6749 section 3.3: a client that names no scope gets the default, which is all of its registered scopes.
  if (isMachine && ctx.oidc.params !== undefined && ctx.oidc.params.scope === undefined) {
    ctx.oidc.params.scope = registered;
  }
  const person = personOf(ctx.oidc.account);
  return {
    scope:
      person === undefined
        ? registered
        : scopesOf(person.roles)
            .filter((scope) => granted.has(scope))
            .join(" "),
    audience: config.AUTH_AUDIENCE,
    accessTokenFormat: "jwt",
    accessTokenTTL: config.TOKEN_TTL_SECONDS,
    jwt: { sign: { alg: "ES256", kid } },
  };
}

/** Claims in a machine client's token. If an action needs two users, the client counts as its `owner`. */
function machineClaims(client: Client | undefined): { readonly tenant: unknown; readonly owner?: unknown } {
  return { tenant: client?.tenant, ...(client?.owner === undefined ? {} : { owner: client.owner }) };
}

function refuseLongLivedAssertion(expiresAtSeconds: unknown): void {
  const latestSeconds = Date.now() / 1_000 + ASSERTION_LIFETIME_SECONDS_MAX + CLOCK_TOLERANCE_SECONDS;
  if (typeof expiresAtSeconds === "number" && expiresAtSeconds <= latestSeconds) return;
  throw new errors.InvalidClientAuth(`exp is more than ${ASSERTION_LIFETIME_SECONDS_MAX} s in the future`);
}

/** For API tokens, the library omits granted OpenID Connect scopes from `scope` (RFC 6749 section 5.1). */
async function tellGrantedScopes(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  await next();
  const { AuthorizationCode: code, RefreshToken: refreshToken } = ctx.oidc.entities;
  const source = code ?? refreshToken;
  if (source === undefined || !isTokenAnswer(ctx.body)) return;
  const asked = ctx.oidc.params?.scope === undefined ? source.scopes : ctx.oidc.requestParamScopes;
  const granted = OPENID_SCOPES.filter((scope) => source.scopes.has(scope) && asked.has(scope));
  ctx.body = { ...ctx.body, scope: [...granted, ctx.body.scope ?? ""].filter((scope) => scope !== "").join(" ") };
}

const isTokenAnswer = (body: unknown): body is { readonly access_token: string; readonly scope?: string } =>
  typeof body === "object" && body !== null && "access_token" in body;

/** Members of RFC 8414 and OpenID Connect Discovery that apply to this server. */
const SERVED_METADATA = [
  "issuer",
  "authorization_endpoint",
  "token_endpoint",
  "jwks_uri",
  "end_session_endpoint",
  "code_challenge_methods_supported",
  "authorization_response_iss_parameter_supported",
  "grant_types_supported",
  "response_types_supported",
  "subject_types_supported",
  "id_token_signing_alg_values_supported",
  "token_endpoint_auth_methods_supported",
  "token_endpoint_auth_signing_alg_values_supported",
];

/** The library's metadata also describes endpoints that this server does not provide. */
async function describeOnlyWhatIsServed(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  await next();
  if (!ctx.path.startsWith("/.well-known/") || typeof ctx.body !== "object" || ctx.body === null) return;
  const served = Object.entries(ctx.body).filter(([name]) => SERVED_METADATA.includes(name));
  ctx.body = {
    ...Object.fromEntries(served),
    userinfo_endpoint: `${ctx.oidc.issuer}/oauth/userinfo`,
    introspection_endpoint: `${ctx.oidc.issuer}/oauth/introspect`,
    introspection_endpoint_auth_methods_supported: ["Bearer"],
    scopes_supported: [...OPENID_SCOPES, ...SCOPES],
  };
}
