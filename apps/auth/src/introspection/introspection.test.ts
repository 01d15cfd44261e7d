import { testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { startAuth } from "../start-auth.js";
import { AUDIENCE, basic, ISSUER, requestToken, SHOP, SHOP_BASIC, testConfig } from "../testing/service.js";

const secret = (name: string) => `${name}-secret-of-more-than-24-characters`;
const GATEWAY = {
  client_id: "gateway",
  tenant: "acme",
  client_secret: secret("gateway"),
  scopes: ["tokens:introspect"],
};
const FOREIGN = { ...GATEWAY, client_id: "foreign-gateway", tenant: "other" };

let service: RunningService;

beforeAll(async () => {
  const { postgresUrl } = await testStack();
  service = await startAuth(testConfig(postgresUrl, { BOOTSTRAP_CLIENTS: JSON.stringify([SHOP, GATEWAY, FOREIGN]) }));
});

afterAll(() => service.close());

async function tokenOf(authorization: string): Promise<string> {
  return (await requestToken(service.url, authorization)).access_token ?? "";
}

async function introspect(asker: typeof GATEWAY | undefined, token: string) {
  const authorization = asker && `Bearer ${await tokenOf(basic(asker.client_id, asker.client_secret))}`;
  const response = await fetch(`${service.url}/oauth/introspect`, {
    method: "POST",
    headers: authorization === undefined ? {} : { authorization },
    body: new URLSearchParams({ token }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test("describes a token of the caller's tenant", async () => {
  const { status, body } = await introspect(GATEWAY, await tokenOf(SHOP_BASIC));
  expect(status).toBe(200);
  expect(body).toEqual({
    active: true,
    token_type: "Bearer",
    client_id: "shop",
    sub: "shop",
    tenant: "acme",
    iss: ISSUER,
    aud: AUDIENCE,
    scope: "transactions:write decisions:read",
    exp: expect.any(Number),
    iat: expect.any(Number),
    jti: expect.any(String),
  });
});

test("reports any other token only as inactive", async () => {
  const good = await tokenOf(SHOP_BASIC);
  const cases: [typeof GATEWAY, string][] = [
    [FOREIGN, good],
    [GATEWAY, `${good.slice(0, -4)}AAAA`],
    [GATEWAY, "not-a-token"],
  ];
  for (const [asker, token] of cases) {
    await expect(introspect(asker, token)).resolves.toEqual({ status: 200, body: { active: false } });
  }
});

test("rejects callers without the scope", async () => {
  const good = await tokenOf(SHOP_BASIC);
  await expect(introspect(undefined, good)).resolves.toMatchObject({ status: 401 });
  const shop = { ...GATEWAY, client_id: SHOP.client_id, client_secret: SHOP.client_secret };
  await expect(introspect(shop, good)).resolves.toMatchObject({ status: 403, body: { code: "scope-missing" } });
});

test("the metadata contains the introspection endpoint", async () => {
  const response = await fetch(`${service.url}/.well-known/oauth-authorization-server`);
  await expect(response.json()).resolves.toMatchObject({ introspection_endpoint: `${ISSUER}/oauth/introspect` });
});
