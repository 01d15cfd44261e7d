import { get } from "node:http";
import { text } from "node:stream/consumers";
import { SCOPES } from "@tripline/contracts/roles";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { tokenVerifier } from "@tripline/tokens/verify-token";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { z } from "zod";
import { hashSecret } from "../clients/hash-secret.js";
import { startAuth } from "../start-auth.js";
import type { TokenAnswer } from "../testing/service.js";
import {
  AUDIENCE,
  basic,
  ISSUER,
  publishedKeys,
  requestToken,
  SHOP,
  SHOP_BASIC,
  testConfig,
} from "../testing/service.js";

let service: RunningService;
let postgresUrl: string;

beforeAll(async () => {
  ({ postgresUrl } = await testStack());
  service = await startAuth(testConfig(postgresUrl));
});

afterAll(() => service.close());

async function execute(sql: string, values: unknown[]): Promise<void> {
  const database = connectDatabase({ url: postgresUrl, connectionsMax: 1, queryTimeoutMs: 5_000, onIdleError() {} });
  await database.execute(sql, values);
  await database.close();
}

/** `fetch` does not allow setting the Host header. */
function getWithHeaders(url: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { headers }, (response) => text(response).then(resolve, reject)).on("error", reject);
  });
}

function tokenOf(answer: TokenAnswer): string {
  if (answer.access_token === undefined) throw new Error(`no token: ${JSON.stringify(answer)}`);
  return answer.access_token;
}

describe("a token", () => {
  test("is an RFC 9068 JWT that verifies against the published keys", async () => {
    const startedSeconds = Math.floor(Date.now() / 1_000);
    const answer = await requestToken(service.url, SHOP_BASIC, { scope: "decisions:read" });
    expect(answer).toMatchObject({ status: 200, token_type: "Bearer", expires_in: 300, scope: "decisions:read" });
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const keys = createRemoteJWKSet(new URL(`${service.url}/oauth/jwks`));
    const { payload, protectedHeader } = await jwtVerify(tokenOf(answer), keys);
    const [key] = await publishedKeys(service.url);
    expect(protectedHeader).toEqual({ alg: "ES256", typ: "at+jwt", kid: key?.kid });
    expect(payload).toEqual({
      iss: ISSUER,
      sub: "shop",
      client_id: "shop",
      aud: AUDIENCE,
      iat: expect.any(Number),
      exp: (payload.iat ?? 0) + 300,
      jti: expect.stringMatching(/^[\w-]{16,}$/),
      scope: "decisions:read",
      tenant: "acme",
    });
    expect(payload.iat).toBeGreaterThanOrEqual(startedSeconds);
    const second = decodeJwt(tokenOf(await requestToken(service.url, SHOP_BASIC)));
    expect(second.jti).not.toBe(payload.jti);
  });

  test("has all registered scopes by default, and the requested audience", async () => {
    const answer = await requestToken(service.url, SHOP_BASIC, { resource: AUDIENCE });
    expect(answer.scope).toBe("transactions:write decisions:read");
    expect(decodeJwt(tokenOf(answer))).toMatchObject({ scope: "transactions:write decisions:read", aud: AUDIENCE });
  });

  test("is accepted by other services only with their audience, with the right scopes and before it expires", async () => {
    const token = `Bearer ${tokenOf(await requestToken(service.url, SHOP_BASIC, { scope: "transactions:write" }))}`;
    const at = { issuer: ISSUER, jwksUrl: `${service.url}/oauth/jwks`, audience: AUDIENCE };
    await expect(tokenVerifier(at).verify(token, "transactions:write")).resolves.toMatchObject({
      tenant: "acme",
      subject: "shop",
      scopes: ["transactions:write"],
    });
    const refused = (verifier = tokenVerifier(at), scope = "transactions:write") => verifier.verify(token, scope);
    await expect(refused(undefined, "labels:write")).rejects.toMatchObject({ code: "scope-missing" });
    await expect(refused(tokenVerifier({ ...at, audience: "urn:other" }))).rejects.toMatchObject({
      code: "token-invalid",
    });
    await expect(refused(tokenVerifier({ ...at, issuer: "https://other.test" }))).rejects.toMatchObject({
      code: "token-invalid",
    });
  });

  test("expires after TOKEN_TTL_SECONDS", async () => {
    const short = await startAuth(testConfig((await testStack()).postgresUrl, { TOKEN_TTL_SECONDS: "1" }));
    try {
      const answer = await requestToken(short.url, SHOP_BASIC);
      expect(answer.expires_in).toBe(1);
      const { exp = 0 } = decodeJwt(tokenOf(answer));
      const verifier = tokenVerifier({ issuer: ISSUER, jwksUrl: `${short.url}/oauth/jwks`, audience: AUDIENCE });
      // Nothing but time makes a token expire, so this test has to wait.
      await new Promise((resolve) => setTimeout(resolve, exp * 1_000 - Date.now() + 20));
      const late = verifier.verify(`Bearer ${tokenOf(answer)}`, "decisions:read");
      await expect(late).rejects.toMatchObject({ code: "token-expired" });
    } finally {
      await short.close();
    }
  });
});

describe("the token endpoint rejects a request", () => {
  test.each([
    ["with a wrong secret", { authorization: basic("shop", `${SHOP.client_secret}x`) }, 401, "invalid_client"],
    ["from an unknown client", { authorization: basic("nobody", SHOP.client_secret) }, 401, "invalid_client"],
    ["with an impossible ID", { authorization: basic("no body?", "secret") }, 401, "invalid_client"],
    ["without authentication", {}, 400, "invalid_request"],
    ["with a malformed header", { authorization: "Basic !" }, 400, "invalid_request"],
    ["for a scope of another client", { scope: "labels:write" }, 400, "invalid_scope"],
    ["for one scope too many", { scope: "decisions:read labels:write" }, 400, "invalid_scope"],
    ["for a scope of OpenID Connect", { scope: "openid" }, 400, "invalid_scope"],
    ["for an unknown scope", { scope: "decisions:read payments:refund" }, 400, "invalid_scope"],
    ["for another resource", { resource: "urn:other:api" }, 400, "invalid_target"],
    ["for a resource that is not a URI", { resource: "api" }, 400, "invalid_target"],
    ["with a grant type for users", { grant_type: "authorization_code" }, 400, "invalid_request"],
    ["with an unknown grant type", { grant_type: "implicit" }, 400, "unsupported_grant_type"],
    ["with the password grant", { grant_type: "password" }, 400, "unsupported_grant_type"],
  ])("%s", async (_case, request: Record<string, string>, status, error) => {
    const { authorization, ...parameters } = request;
    const named = authorization ?? (error === "invalid_request" ? undefined : SHOP_BASIC);
    const answer = await requestToken(service.url, named, parameters);
    expect(answer).toMatchObject({ status, error });
    expect(answer.access_token).toBeUndefined();
    expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
    if (status === 401) expect(answer.headers.get("www-authenticate")).toMatch(/^Basic realm=/);
  });

  test("with the secret in the body, because client_secret_post is off", async () => {
    const { client_id, client_secret } = SHOP;
    const answer = await requestToken(service.url, undefined, { client_id, client_secret });
    expect(answer).toMatchObject({ status: 401, error: "invalid_client" });
  });

  test("with two resources", async () => {
    const parameters = new URLSearchParams([
      ["resource", AUDIENCE],
      ["resource", "urn:other:api"],
    ]);
    await expect(requestToken(service.url, SHOP_BASIC, parameters)).resolves.toMatchObject({ error: "invalid_target" });
  });

  test("with a stored hash in place of the secret", async () => {
    const hash = await hashSecret(SHOP.client_secret);
    await execute("INSERT INTO auth.clients VALUES ('hashed', 'acme', 'client_secret_basic', $1, NULL, $2)", [
      hash,
      ["labels:write"],
    ]);
    const answer = await requestToken(service.url, basic("hashed", hash));
    expect(answer).toMatchObject({ status: 401, error: "invalid_client" });
    await expect(requestToken(service.url, basic("hashed", SHOP.client_secret))).resolves.toMatchObject({
      status: 200,
      scope: "labels:write",
    });
  });

  test("from a disabled client, immediately", async () => {
    const hash = await hashSecret(SHOP.client_secret);
    await execute("INSERT INTO auth.clients VALUES ('leaver', 'acme', 'client_secret_basic', $1, NULL, $2)", [
      hash,
      ["labels:write"],
    ]);
    const authorization = basic("leaver", SHOP.client_secret);
    await expect(requestToken(service.url, authorization)).resolves.toMatchObject({ status: 200 });
    await execute("UPDATE auth.clients SET disabled_at = now() WHERE client_id = $1", ["leaver"]);
    await expect(requestToken(service.url, authorization)).resolves.toMatchObject({
      status: 401,
      error: "invalid_client",
    });
  });

  test("in JSON even if the caller prefers HTML or sends JSON", async () => {
    const html = await requestToken(service.url, basic("nobody", "x"), {}, { accept: "text/html" });
    expect(html.error).toBe("invalid_client");
    const json = await fetch(`${service.url}/oauth/token`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: SHOP_BASIC },
      body: "{}",
    });
    expect(json.status).toBe(400);
    await expect(json.json()).resolves.toMatchObject({ error: "invalid_request" });
  });

  test("when its body is too large", async () => {
    const answer = await requestToken(service.url, SHOP_BASIC, { scope: "x".repeat(60_000) });
    expect(answer).toMatchObject({ status: 400, error: "invalid_request" });
  });
});

describe("failed authentication attempts", () => {
  test("are limited for each client ID: after ten failures, even the correct secret is rejected for a while", async () => {
    const hash = await hashSecret(SHOP.client_secret);
    await execute("INSERT INTO auth.clients VALUES ('target', 'acme', 'client_secret_basic', $1, NULL, $2)", [
      hash,
      ["labels:write"],
    ]);
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const answer = await requestToken(service.url, basic("target", `guess number ${attempt}`));
      expect(answer).toMatchObject({ status: 401, error: "invalid_client" });
    }
    const answer = await requestToken(service.url, basic("target", SHOP.client_secret));
    expect(answer).toMatchObject({ status: 429, error: "too_many_requests" });
    const retryAfterSeconds = Number(answer.headers.get("retry-after"));
    expect(retryAfterSeconds).toBeGreaterThanOrEqual(1);
    expect(retryAfterSeconds).toBeLessThanOrEqual(60);
    await expect(requestToken(service.url, SHOP_BASIC)).resolves.toMatchObject({ status: 200 });
  });
});

describe("the provider", () => {
  test("publishes only public keys", async () => {
    const keys = await publishedKeys(service.url);
    expect(keys).toEqual([
      {
        kty: "EC",
        crv: "P-256",
        use: "sig",
        alg: "ES256",
        kid: expect.any(String),
        x: expect.any(String),
        y: expect.any(String),
      },
    ]);
  });

  test.each(["openid-configuration", "oauth-authorization-server"])(
    "describes its endpoints in /.well-known/%s",
    async (name) => {
      // A caller's Host and forwarding headers must not decide where clients are sent.
      const headers = { host: "evil.test", "x-forwarded-host": "evil.test", "x-forwarded-proto": "http" };
      const body = await getWithHeaders(`${service.url}/.well-known/${name}`, headers);
      expect(JSON.parse(body)).toEqual({
        issuer: ISSUER,
        authorization_endpoint: `${ISSUER}/oauth/authorize`,
        token_endpoint: `${ISSUER}/oauth/token`,
        jwks_uri: `${ISSUER}/oauth/jwks`,
        end_session_endpoint: `${ISSUER}/oauth/logout`,
        userinfo_endpoint: `${ISSUER}/oauth/userinfo`,
        introspection_endpoint: `${ISSUER}/oauth/introspect`,
        introspection_endpoint_auth_methods_supported: ["Bearer"],
        grant_types_supported: ["authorization_code", "refresh_token", "client_credentials"],
        response_types_supported: ["code"],
        code_challenge_methods_supported: ["S256"],
        authorization_response_iss_parameter_supported: true,
        scopes_supported: ["openid", "profile", "offline_access", ...SCOPES],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["ES256"],
        token_endpoint_auth_methods_supported: ["client_secret_basic", "private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported: ["ES256", "ES384", "PS256", "RS256", "EdDSA", "Ed25519"],
      });
    },
  );

  test.each(["/auth", "/oauth/auth", "/me", "/reg", "/session/end", "/interaction/1"])(
    "does not expose the library's %s, which gets the usual 404",
    async (path) => {
      const response = await fetch(service.url + path);
      expect(response.status).toBe(404);
      expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
      await expect(response.json()).resolves.toMatchObject({ code: "not-found" });
    },
  );

  test("reports its health", async () => {
    const response = await fetch(`${service.url}/health/ready`);
    expect(z.object({ status: z.string() }).parse(await response.json()).status).toBe("ready");
  });
});
