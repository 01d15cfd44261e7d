import { AuditEvent, AuthEvent, AuthSubject } from "@tripline/contracts/generated/tripline/events/v1/events";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventConsumer, FollowedTable } from "@tripline/kafka/port";
import { BatchCollector } from "@tripline/kafka/testing/batch-collector";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { decodeJwt } from "jose";
import { z } from "zod";
import { startAuth } from "../start-auth.js";
import {
  ANNA,
  authorizationRequest,
  Browser,
  beginSignIn,
  codeForm,
  csrfOf,
  exchange,
  PEOPLE_ENVIRONMENT,
  signIn,
} from "../testing/browser.js";
import { basic, requestToken, SHOP, SHOP_BASIC, testConfig } from "../testing/service.js";

const BOSS = { ...ANNA, user_name: "boss", name: "Boss", roles: ["admin"] };
const FOREIGN = { ...ANNA, user_name: "foreign", tenant: "other", roles: ["admin"] };
const OPERATOR = { ...SHOP, client_id: "operator", scopes: ["people:read", "people:write"] };

let service: RunningService;
let table: FollowedTable;
let auditReader: EventConsumer;
const audited = new BatchCollector();
const events = new Map<string, AuthEvent>();
const ARRIVES_MS_MAX = 120_000;

beforeAll(async () => {
  const { postgresUrl, kafkaBrokers: brokers, topicPrefix } = await testStack();
  const kafka = connectKafka({ brokers, clientId: "test", topicPrefix });
  const admin = await kafka.admin();
  await admin.ensureTopics();
  await admin.close();
  service = await startAuth(
    testConfig(postgresUrl, {
      ...PEOPLE_ENVIRONMENT,
      BOOTSTRAP_PEOPLE: JSON.stringify([ANNA, BOSS, FOREIGN]),
      BOOTSTRAP_CLIENTS: JSON.stringify([SHOP, OPERATOR]),
      KAFKA_BROKERS: brokers.join(","),
      KAFKA_TOPIC_PREFIX: topicPrefix,
    }),
  );
  table = await kafka.follow({
    topic: "auth-events",
    group: "test",
    apply: (changes) => {
      for (const { key, value } of changes) if (value !== undefined) events.set(key, AuthEvent.decode(value));
    },
    onStop: (error) => {
      throw error;
    },
  });
  await table.ready;
  auditReader = await kafka.consume({ group: "test-audit", topics: ["audit"], handle: audited.handle, onStop() {} });
});

afterAll(async () => {
  await service.close();
  await table.close();
  await auditReader.close();
});

const json = z.record(z.string(), z.json());

async function call(token: string, method: string, path: string, body?: object) {
  const authorization = `Bearer ${token}`;
  const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
  const sent = { method, headers: { authorization, ...type }, body: body === undefined ? null : JSON.stringify(body) };
  const response = await fetch(`${service.url}${path}`, sent);
  return { status: response.status, body: json.parse(await response.json()) };
}

async function tokensOf(person: { user_name: string; password: string }) {
  const { path, verifier } = authorizationRequest({ scope: "openid people:read people:write decisions:read" });
  const { tokens } = await exchange(
    service.url,
    codeForm(await signIn(new Browser(service.url), path, person), verifier),
  );
  return { access: tokens?.access_token ?? "", refresh: tokens?.refresh_token ?? "" };
}

const machineToken = async () =>
  (await requestToken(service.url, basic(OPERATOR.client_id, OPERATOR.client_secret))).access_token ?? "";

const refreshed = (refresh_token: string) => exchange(service.url, { grant_type: "refresh_token", refresh_token });

/** Records of a compacted topic arrive shortly after the response that reports them as published. */
async function soon(look: () => void): Promise<void> {
  const endMs = performance.now() + ARRIVES_MS_MAX;
  for (;;) {
    try {
      return look();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Issue times are in whole seconds, so a token issued in the same second as a revocation is rejected. */
const nextSecond = () => new Promise((resolve) => setTimeout(resolve, 1_005 - (Date.now() % 1_000)));

// Each test continues with the users and clients of the previous one.
describe("the admin API rejects", () => {
  test.each([
    ["a user of another tenant", "POST", "/v1/people/foreign/disable", undefined, 404, "not-found"],
    ["roles for a user of another tenant", "PUT", "/v1/people/foreign/roles", { roles: ["viewer"] }, 404, "not-found"],
    ["a password for a user of another tenant", "POST", "/v1/people/foreign/reset", undefined, 404, "not-found"],
    ["an unknown user", "POST", "/v1/people/nobody/disable", undefined, 404, "not-found"],
    [
      "changes to one of the system's clients",
      "POST",
      "/v1/clients/tripline-console/rotate-secret",
      undefined,
      404,
      "not-found",
    ],
    ["disabling the last administrator", "POST", "/v1/people/boss/disable", undefined, 409, "last-admin"],
    ["removing the last administrator's role", "PUT", "/v1/people/boss/roles", { roles: ["lead"] }, 409, "last-admin"],
    ["an empty list of roles", "PUT", "/v1/people/anna/roles", { roles: [] }, 422, "invalid-field"],
    ["an unknown role", "PUT", "/v1/people/anna/roles", { roles: ["root"] }, 422, "invalid-field"],
    [
      "a user name that is taken",
      "POST",
      "/v1/people",
      { user_name: "anna", name: "A", roles: ["lead"] },
      409,
      "name-taken",
    ],
    [
      "a user name that another tenant uses",
      ...["POST", "/v1/people", { user_name: "foreign", name: "A", roles: ["lead"] }, 409, "name-taken"],
    ],
    [
      "a user in a chosen tenant",
      ...["POST", "/v1/people", { user_name: "x", name: "X", roles: ["lead"], tenant: "other" }, 422, "invalid-field"],
    ],
    [
      "a short password",
      ...[
        "POST",
        "/v1/people",
        { user_name: "x", name: "X", roles: ["lead"], password: "short" },
        422,
        "invalid-field",
      ],
    ],
    [
      "a client that redirects to an unencrypted URL",
      ...[
        "POST",
        "/v1/clients",
        { client_id: "phish", scopes: ["decisions:read"], redirect_uris: ["http://evil.example/cb"] },
        422,
        "invalid-field",
      ],
    ],
    [
      "a client that redirects to any URL of a host",
      ...[
        "POST",
        "/v1/clients",
        { client_id: "phish", scopes: ["decisions:read"], redirect_uris: ["https://evil.example/*"] },
        422,
        "invalid-field",
      ],
    ],
    [
      "regression #24: a client with a scope of Tripline's own services",
      ...["POST", "/v1/clients", { client_id: "relay", scopes: ["labels:relay"] }, 422, "invalid-field"],
    ],
    [
      "a client ID that is taken",
      "POST",
      "/v1/clients",
      { client_id: "shop", scopes: ["labels:write"] },
      409,
      "name-taken",
    ],
    [
      "SQL in an ID",
      ...["POST", `/v1/clients/${encodeURIComponent("x' OR '1'='1")}/disable`, undefined, 404, "not-found"],
    ],
  ] as [string, string, string, object | undefined, number, string][])(
    "%s",
    async (_case, method, path, body, status, code) => {
      const answer = await call(await machineToken(), method, path, body);
      expect(answer).toMatchObject({ status, body: { code } });
      expect(JSON.stringify(answer.body)).not.toContain("short");
    },
  );

  test("any request without the required scope", async () => {
    const { access } = await tokensOf(ANNA);
    for (const [method, path] of [
      ["GET", "/v1/people"],
      ["POST", "/v1/people"],
      ["POST", "/v1/people/anna/disable"],
      ["PUT", "/v1/people/anna/roles"],
      ["GET", "/v1/clients"],
      ["POST", "/v1/clients"],
      ["POST", "/v1/clients/shop/disable"],
    ] as const) {
      const sent = method === "GET" ? undefined : {};
      expect(await call(access, method, path, sent)).toMatchObject({ status: 403, body: { code: "scope-missing" } });
    }
    const shop = (await requestToken(service.url, SHOP_BASIC)).access_token ?? "";
    expect(await call(shop, "GET", "/v1/people")).toMatchObject({ status: 403 });
    expect((await fetch(`${service.url}/v1/people`)).status).toBe(401);
  });
});

test("removing a role from a user revokes tokens with that role but keeps the session", async () => {
  const boss = await tokensOf(BOSS);
  const anna = await tokensOf(ANNA);
  await call(boss.access, "PUT", "/v1/people/anna/roles", { roles: ["analyst", "lead"] });
  expect(events.size).toBe(0);
  await call(boss.access, "PUT", "/v1/people/anna/roles", { roles: ["viewer"] });
  await soon(() => expect([...events.values()]).toMatchObject([{ kind: AuthSubject.PERSON, disabled: false }]));
  const next = await refreshed(anna.refresh);
  expect(decodeJwt(next.tokens?.access_token ?? "")).toMatchObject({ roles: ["viewer"], scope: "decisions:read" });
});

test("an administrator adds, changes and disables users of their own tenant", async () => {
  const { access } = await tokensOf(BOSS);
  const added = await call(access, "POST", "/v1/people", { user_name: "New", name: "New One", roles: ["viewer"] });
  expect(added).toMatchObject({ status: 201, body: { user_name: "new", tenant: "acme", roles: ["viewer"] } });
  const created = { user_name: "new", password: String(added.body.password) };
  expect(created.password).toHaveLength(32);
  const first = await tokensOf(created);
  const id = decodeJwt(first.access).sub;
  expect(await call(access, "PUT", "/v1/people/new/roles", { roles: ["lead", "analyst"] })).toMatchObject({
    status: 200,
    body: { roles: ["analyst", "lead"], is_published: true },
  });
  expect(await call(access, "POST", "/v1/people/new/disable")).toMatchObject({
    status: 200,
    body: { disabled_at: expect.any(String), is_published: true },
  });
  const gone = { subject: id, kind: AuthSubject.PERSON, tenant: "acme", disabled: true };
  await soon(() => expect(events.get(`person/${id}`)).toMatchObject(gone));
  expect((await refreshed(first.refresh)).error).toBe("invalid_grant");
  await expect(tokensOf(created)).rejects.toThrow("is wrong");
  expect(await call(access, "POST", "/v1/people/new/enable")).toMatchObject({ body: { disabled_at: null } });
  await tokensOf(created);
  const reset = await call(access, "POST", "/v1/people/new/reset");
  await expect(tokensOf(created)).rejects.toThrow("is wrong");
  const last = await tokensOf({ user_name: "new", password: String(reset.body.password) });
  await call(access, "POST", "/v1/people/new/sign-out");
  expect((await refreshed(last.refresh)).error).toBe("invalid_grant");
  const { body } = await call(access, "GET", "/v1/people");
  expect(
    z
      .array(json)
      .parse(body.people)
      .map((person) => person.user_name),
  ).toEqual(["anna", "boss", "new"]);
  expect(JSON.stringify(body)).not.toMatch(/argon2|password/);
});

test("an administrator adds clients, disables them and rotates their secrets in their own tenant", async () => {
  const token = await machineToken();
  const added = await call(token, "POST", "/v1/clients", { client_id: "till", scopes: ["transactions:write"] });
  expect(added).toMatchObject({ status: 201, body: { client_id: "till", tenant: "acme" } });
  const secret = String(added.body.client_secret);
  expect((await requestToken(service.url, basic("till", secret))).status).toBe(200);
  const rotated = await call(token, "POST", "/v1/clients/till/rotate-secret");
  expect((await requestToken(service.url, basic("till", secret))).status).toBe(401);
  const second = basic("till", String(rotated.body.client_secret));
  expect((await requestToken(service.url, second)).status).toBe(200);
  await soon(() => expect(events.get("client/till")).toMatchObject({ kind: AuthSubject.CLIENT, disabled: false }));
  await call(token, "POST", "/v1/clients/till/disable");
  expect((await requestToken(service.url, second)).status).toBe(401);
  await soon(() => expect(events.get("client/till")).toMatchObject({ disabled: true }));
  await call(token, "POST", "/v1/clients/till/enable");
  expect((await requestToken(service.url, second)).status).toBe(200);
  const { body } = await call(token, "GET", "/v1/clients");
  expect(
    z
      .array(json)
      .parse(body.clients)
      .map((client) => client.client_id),
  ).toEqual(["operator", "shop", "till"]);
  expect(JSON.stringify(body)).not.toMatch(/scrypt|secret_hash/);
});

test("regression #24: a client counts as its owner until the owner is disabled", async () => {
  const { access } = await tokensOf(BOSS);
  const bossId = decodeJwt(access).sub;
  const scopes = ["decisions:read", "policy:read"];
  const added = await call(access, "POST", "/v1/clients", { client_id: "owned", scopes });
  expect(added.body).toMatchObject({ owner: { person_id: bossId, user_name: "boss" } });
  const secret = basic("owned", String(added.body.client_secret));
  const claims = async () => decodeJwt((await requestToken(service.url, secret)).access_token ?? "");
  expect(await claims()).toMatchObject({ sub: "owned", owner: bossId, scope: scopes.join(" ") });
  const { body } = await call(access, "PUT", "/v1/clients/owned/owner", { owner: "Anna" });
  expect(body).toMatchObject({ owner: { user_name: "anna", is_disabled: false } });
  expect(await call(access, "PUT", "/v1/clients/owned/owner", { owner: "foreign" })).toMatchObject({
    status: 422,
    body: { code: "invalid-field", errors: [{ pointer: "/owner" }] },
  });
  const held = (await requestToken(service.url, secret)).access_token ?? "";
  await call(access, "POST", "/v1/people/anna/disable");
  expect(await call(held, "GET", "/v1/people")).toMatchObject({ status: 401, body: { code: "token-revoked" } });
  const orphan = await claims();
  expect(orphan).toMatchObject({ scope: "decisions:read" });
  expect(orphan).not.toHaveProperty("owner");
  await call(access, "POST", "/v1/people/anna/enable");
  expect(await claims()).toHaveProperty("owner");
  // A client that the installation registered has no owner until it is assigned one.
  const shop = (await requestToken(service.url, SHOP_BASIC)).access_token ?? "";
  expect(decodeJwt(shop)).not.toHaveProperty("owner");
});

test("regression #24: a relying party registered by an administrator signs in only users of its tenant", async () => {
  const { access } = await tokensOf(BOSS);
  const redirect = "https://reports.example/callback";
  const party = { client_id: "reports", scopes: ["decisions:read"], redirect_uris: [redirect] };
  const added = await call(access, "POST", "/v1/clients", party);
  expect(added).toMatchObject({ status: 201, body: { redirect_uris: [redirect] } });
  const changes = { client_id: "reports", redirect_uri: redirect, scope: "openid profile decisions:read" };
  const { path, verifier } = authorizationRequest(changes);
  const callback = await signIn(new Browser(service.url), path, BOSS);
  const form = { ...codeForm(callback, verifier), redirect_uri: redirect };
  const { tokens } = await exchange(service.url, form, basic("reports", String(added.body.client_secret)));
  expect(tokens?.scope).toBe("openid profile decisions:read");
  const info = await call(tokens?.access_token ?? "", "GET", "/oauth/userinfo");
  const known = { name: "Boss", preferred_username: "boss", tenant: "acme", roles: ["admin"] };
  expect(info).toEqual({ status: 200, body: { sub: decodeJwt(access).sub, ...known } });
  expect(await call(await machineToken(), "GET", "/oauth/userinfo")).toMatchObject({ status: 401 });
  const stranger = new Browser(service.url);
  const { uid, page } = await beginSignIn(stranger, path);
  const { user_name, password } = FOREIGN;
  const posted = await stranger.post(uid, { csrf: csrfOf(page), user_name, password });
  const { location } = await stranger.get(posted.location);
  expect(location).not.toContain("code=");
});

test("rejects a revoked token immediately", async () => {
  const token = await machineToken();
  const { access } = await tokensOf(BOSS);
  await call(access, "POST", "/v1/clients/operator/rotate-secret");
  expect(await call(token, "GET", "/v1/people")).toMatchObject({ status: 401, body: { code: "token-revoked" } });
  await call(access, "POST", "/v1/people/boss/sign-out");
  expect(await call(access, "GET", "/v1/people")).toMatchObject({ status: 401, body: { code: "token-revoked" } });
  await nextSecond();
  const again = await tokensOf(BOSS);
  expect(await call(again.access, "GET", "/v1/people")).toMatchObject({ status: 200 });
});

test("regression #24: if there is a second administrator, an administrator cannot take the lead role without approval", async () => {
  const { access } = await tokensOf(BOSS);
  const added = await call(access, "POST", "/v1/people", { user_name: "second", name: "Second", roles: ["admin"] });
  expect(added.status).toBe(201);
  const asked = await call(access, "PUT", "/v1/people/boss/roles", { roles: ["lead", "admin"] });
  expect(asked).toMatchObject({ status: 202, body: { grant: { change: { action: "person-roles" } } } });
  const client = { client_id: "approver", scopes: ["policy:approve"] };
  expect(await call(access, "POST", "/v1/clients", client)).toMatchObject({
    status: 202,
    body: { client_secret: expect.any(String), grant: { change: { ...client, action: "client-add" } } },
  });
  expect(await call(access, "POST", "/v1/people/second/reset")).toMatchObject({ status: 202 });
  const { body } = await call(access, "GET", "/v1/grants");
  const [grant, ...others] = z.array(z.object({ grant_id: z.string() })).parse(body.grants);
  expect(others).toHaveLength(2);
  const approve = `/v1/grants/${grant?.grant_id}/approve`;
  expect(await call(access, "POST", approve)).toMatchObject({ status: 409, body: { code: "approval-missing" } });
  const second = await tokensOf({ user_name: "second", password: String(added.body.password) });
  expect(await call(second.access, "POST", approve)).toMatchObject({ status: 200, body: { roles: ["lead", "admin"] } });
  for (const { grant_id: id } of others) {
    expect(await call(access, "POST", `/v1/grants/${id}/reject`)).toMatchObject({ status: 200 });
  }
});

test("the audit log records administrators' actions with IDs, without names or secrets", async () => {
  const actions = [
    ...["person-roles", "person-roles", "person-add", "person-roles"],
    ...["person-disable", "person-enable", "person-reset", "person-sign-out"],
    ...["client-add", "client-rotate-secret", "client-disable", "client-enable"],
    ...["client-add", "client-owner", "person-disable", "person-enable", "client-add"],
    ...["client-rotate-secret", "person-sign-out"],
    ...["person-add", "grant-request", "grant-request", "grant-request", "grant-approve", "person-roles"],
    ...["grant-reject", "grant-reject"],
  ];
  await audited.untilRecords(actions.length);
  const noted = audited.records.map(({ value }) => AuditEvent.decode(value));
  expect(noted.map(({ action }) => action)).toEqual(actions);
  for (const { tenant, source, actor, actorKind, subjectId, details } of noted) {
    expect({ tenant, source }).toEqual({ tenant: "acme", source: "auth" });
    expect(actorKind).toBe(actor === OPERATOR.client_id ? "client" : "person");
    expect(`${actor} ${subjectId} ${details}`).not.toMatch(/anna|boss|secret|password/i);
  }
});
