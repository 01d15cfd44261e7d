import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import type { CryptoKey, JWTPayload } from "jose";
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from "jose";
import { startAuth } from "../start-auth.js";
import type { TokenAnswer } from "../testing/service.js";
import { ISSUER, requestToken, SHOP_BASIC, testConfig } from "../testing/service.js";
import { registerClient } from "./register-client.js";

const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Each test has its own client, because a client is blocked for a while after ten failures. */
let clientId: string;
let services: RunningService[];
let database: Database;
let privateKey: CryptoKey;
let publicKey: CryptoKey;
let strangerKey: CryptoKey;

beforeAll(async () => {
  const { postgresUrl } = await testStack();
  const config = testConfig(postgresUrl);
  services = [await startAuth(config), await startAuth(config)];
  database = connectDatabase({ url: postgresUrl, connectionsMax: 2, queryTimeoutMs: 5_000, onIdleError() {} });
  ({ privateKey, publicKey } = await generateKeyPair("ES256"));
  strangerKey = (await generateKeyPair("ES256")).privateKey;
});

beforeEach(async () => {
  clientId = randomUUID();
  await registerClient(database, {
    client_id: clientId,
    tenant: "first-bank",
    scopes: ["labels:write"],
    jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: "1" }] },
  });
});

afterAll(async () => {
  await database.close();
  await Promise.all(services.map((service) => service.close()));
});

function url(instance = 0): string {
  const service = services[instance];
  if (service === undefined) throw new Error(`there is no instance ${instance}`);
  return service.url;
}

/** A valid assertion according to RFC 7523 section 3, unless `change` makes it invalid. */
function assertion(changes: JWTPayload = {}, key: CryptoKey = privateKey): Promise<string> {
  const nowSeconds = Math.floor(Date.now() / 1_000);
  const claims = {
    iss: clientId,
    sub: clientId,
    aud: ISSUER,
    jti: randomUUID(),
    iat: nowSeconds,
    exp: nowSeconds + 60,
    ...changes,
  };
  return new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "1" }).sign(key);
}

function sendRequest(client_assertion: string, instance = 0): Promise<TokenAnswer> {
  return requestToken(url(instance), undefined, { client_assertion, client_assertion_type: ASSERTION_TYPE });
}

/** `fetch` does not allow setting the Host header. */
function requestUnderHost(host: string, client_assertion: string): Promise<string> {
  const headers = { host, "content-type": "application/x-www-form-urlencoded" };
  const parameters = { grant_type: "client_credentials", client_assertion, client_assertion_type: ASSERTION_TYPE };
  return new Promise((resolve, reject) => {
    request(`${url()}/oauth/token`, { method: "POST", headers }, (response) => text(response).then(resolve, reject))
      .on("error", reject)
      .end(new URLSearchParams(parameters).toString());
  });
}

describe("private_key_jwt", () => {
  test("issues a token for an assertion addressed to the issuer or its token endpoint", async () => {
    for (const aud of [ISSUER, `${ISSUER}/oauth/token`]) {
      const answer = await sendRequest(await assertion({ aud }));
      expect(answer).toMatchObject({ status: 200, scope: "labels:write" });
      expect(decodeJwt(answer.access_token ?? "")).toMatchObject({ sub: clientId, tenant: "first-bank" });
    }
  });

  test.each([
    ["for another server", { aud: "https://other.test" }],
    ["that has expired", { exp: Math.floor(Date.now() / 1_000) - 60 }],
    ["with a lifetime over ten minutes", { exp: Math.floor(Date.now() / 1_000) + 3_600 }],
    ["without an ID", { jti: undefined }],
    ["without an expiry", { exp: undefined }],
    ["made by another client", { iss: "shop" }],
    ["for a client that has a secret", { iss: "shop", sub: "shop" }],
    ["for a client that does not exist", { iss: "nobody", sub: "nobody" }],
    ["for an ID that no database can store", { iss: "\0", sub: "\0" }],
  ])("rejects an assertion %s", async (_case, changes) => {
    await expect(sendRequest(await assertion(changes))).resolves.toMatchObject({
      status: 401,
      error: "invalid_client",
    });
  });

  test("rejects an unsigned assertion or one signed with another key", async () => {
    await expect(sendRequest(await assertion({}, strangerKey))).resolves.toMatchObject({ error: "invalid_client" });
    const [, claims = ""] = (await assertion()).split(".");
    const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${claims}.`;
    await expect(sendRequest(unsigned)).resolves.toMatchObject({ status: 401, error: "invalid_client" });
  });

  test("accepts each assertion once, even if two instances get it concurrently", async () => {
    const first = await assertion();
    await expect(sendRequest(first, 0)).resolves.toMatchObject({ status: 200 });
    await expect(sendRequest(first, 1)).resolves.toMatchObject({ status: 401, error: "invalid_client" });
    const second = await assertion();
    const answers = await Promise.all([0, 1, 0, 1].map((instance) => sendRequest(second, instance)));
    expect(answers.map((answer) => answer.status).toSorted()).toEqual([200, 401, 401, 401]);
  });

  test("does not accept the caller's Host header as the audience", async () => {
    const forAnother = await assertion({ aud: "http://other.test/oauth/token" });
    const answer = JSON.parse(await requestUnderHost("other.test", forAnother));
    expect(answer).toMatchObject({ error: "invalid_client" });
  });

  test("rejects a secret and an assertion together", async () => {
    const parameters = { client_assertion: await assertion(), client_assertion_type: ASSERTION_TYPE };
    await expect(requestToken(url(), SHOP_BASIC, parameters)).resolves.toMatchObject({ error: "invalid_request" });
  });
});
