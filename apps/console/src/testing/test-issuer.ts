import { once } from "node:events";
import type { RequestListener } from "node:http";
import { createServer } from "node:http";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { Adapter, AdapterFactory, AdapterPayload, Configuration } from "oidc-provider";
import { interactionPolicy, Provider } from "oidc-provider";

export const AUDIENCE = "urn:tripline:api";
export const CLIENT_ID = "tripline-console";
export const CLIENT_SECRET = "console-secret-of-more-than-24-characters";

/** The user that the issuer signs in. */
export interface TestPerson {
  readonly id: string;
  readonly name: string;
  readonly tenant: string;
  readonly roles: readonly string[];
  readonly scope: string;
}

/** Replaces apps/auth for the console. It has one user, who needs no password. */
export interface TestIssuer {
  readonly url: string;
  /** The next user who signs in. */
  person: TestPerson;
  /** Handles requests below `/v1/`. */
  administration: RequestListener | undefined;
  /** Lifetime of new tokens in seconds. */
  tokenTtl: number;
  /** An access token with the scopes of this user. */
  token(person: TestPerson): Promise<string>;
  /** Number of times that a refresh token was exchanged. */
  readonly refreshes: () => number;
  close(): void;
}

export async function startTestIssuer(redirectUri: () => string, first: TestPerson): Promise<TestIssuer> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), kid: "test", alg: "ES256", use: "sig" };
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the issuer has no port");
  const url = `http://127.0.0.1:${address.port}`;
  const state = { person: first, tokenTtl: 300, administration: undefined as RequestListener | undefined };
  const people = new Map<string, TestPerson>();
  let refreshes = 0;
  const provider = new Provider(url, configurationOf(jwk, state, people, redirectUri));
  provider.on("grant.success", (ctx) => {
    if (ctx.oidc.body?.grant_type === "refresh_token") refreshes += 1;
  });
  const handle = provider.callback();
  server.on("request", (request, response) => {
    if (request.url?.startsWith("/v1/") === true) return void state.administration?.(request, response);
    if (request.url?.startsWith("/interaction/") !== true) return void handle(request, response);
    people.set(state.person.id, state.person);
    void provider.interactionFinished(request, response, { login: { accountId: state.person.id } });
  });
  return Object.assign(state, {
    url,
    refreshes: () => refreshes,
    token: ({ id, tenant, scope }: TestPerson) =>
      new SignJWT({ tenant, scope, client_id: CLIENT_ID })
        .setProtectedHeader({ alg: "ES256", kid: "test", typ: "at+jwt" })
        .setIssuer(url)
        .setAudience(AUDIENCE)
        .setSubject(id)
        .setIssuedAt()
        .setExpirationTime("5m")
        .sign(privateKey),
    close() {
      server.closeAllConnections();
      server.close();
    },
  });
}

function configurationOf(
  jwk: object,
  state: { readonly person: TestPerson; readonly tokenTtl: number },
  people: ReadonlyMap<string, TestPerson>,
  redirectUri: () => string,
): Configuration {
  return {
    jwks: { keys: [jwk] },
    adapter: memoryAdapter(),
    cookies: { keys: ["a key of the tests"] },
    routes: {
      authorization: "/oauth/authorize",
      token: "/oauth/token",
      jwks: "/oauth/jwks",
      end_session: "/oauth/logout",
    },
    pkce: { required: () => true },
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: [redirectUri()],
        id_token_signed_response_alg: "ES256",
      },
      {
        client_id: `${CLIENT_ID}-labels`,
        client_secret: CLIENT_SECRET,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: "ES256",
      },
    ],
    scopes: ["openid", "offline_access", "profile", "labels:relay"],
    claims: { profile: ["name", "tenant", "roles"] },
    conformIdTokenClaims: false,
    findAccount: (_ctx, sub) => ({
      accountId: sub,
      claims: async () => ({ sub, name: people.get(sub)?.name ?? sub, tenant: people.get(sub)?.tenant ?? "" }),
    }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: ALL_SCOPES,
          audience: AUDIENCE,
          accessTokenFormat: "jwt",
          accessTokenTTL: state.tokenTtl,
          jwt: { sign: { alg: "ES256", kid: "test" } },
        }),
      },
    },
    extraTokenClaims(_ctx, token) {
      const person = "accountId" in token ? people.get(token.accountId) : undefined;
      return { tenant: person?.tenant, roles: person?.roles, name: person?.name };
    },
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed("refresh_token"),
    async loadExistingGrant({ oidc: { client, account, provider } }) {
      const grant = new provider.Grant({ accountId: account?.accountId, clientId: client?.clientId });
      grant.addOIDCScope("openid offline_access profile");
      grant.addResourceScope(AUDIENCE, people.get(account?.accountId ?? "")?.scope ?? "");
      await grant.save();
      return grant;
    },
    interactions: { policy: withoutConsent(), url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    ttl: {
      AccessToken: () => state.tokenTtl,
      Session: 3_600,
      Interaction: 600,
      Grant: 3_600,
      RefreshToken: 3_600,
      IdToken: 600,
      AuthorizationCode: 60,
    },
  };
}

function withoutConsent(): interactionPolicy.Prompt[] {
  const policy = interactionPolicy.base();
  policy.remove("consent");
  return policy;
}

const ALL_SCOPES =
  "decisions:read cases:read cases:write labels:write features:read lists:read lists:write policy:read policy:write " +
  "policy:approve models:read models:write audit:read operations:read operations:write people:read people:write personal:read labels:relay " +
  "webhooks:read webhooks:write overview:read";

/** Like the library's default adapter, but without its warning. */
function memoryAdapter(): AdapterFactory {
  const kept = new Map<string, AdapterPayload>();
  return (model): Adapter => {
    const find = async (key: string) => kept.get(`${model}:${key}`);
    const byField = async (field: "uid" | "userCode", value: string) =>
      [...kept.entries()].find(([key, payload]) => key.startsWith(`${model}:`) && payload[field] === value)?.[1];
    return {
      upsert: async (id, payload) => void kept.set(`${model}:${id}`, payload),
      find,
      findByUid: (uid) => byField("uid", uid),
      findByUserCode: (code) => byField("userCode", code),
      async consume(id) {
        const payload = await find(id);
        if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1_000);
      },
      destroy: async (id) => void kept.delete(`${model}:${id}`),
      async revokeByGrantId(grantId) {
        for (const [key, payload] of kept) if (payload.grantId === grantId) kept.delete(key);
      },
    };
  };
}
