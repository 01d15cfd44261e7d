import { decodeJwt } from "jose";
import { z } from "zod";
import { authorizationRequest, exchange } from "../testing/browser.js";
import { LEADS_ID, ScimBed } from "../testing/scim-bed.js";
import { ScimClient } from "../testing/scim-client.js";
import { ISSUER } from "../testing/service.js";
import { singleSignOn } from "../testing/single-sign-on.js";

/** Shorter than a token's lifetime. `npm run journey -- revoke` measures the documented limit of two seconds. */
const REVOKED_MS_MAX = 60_000;
const PER_MINUTE = 1_800;
const AT_ONCE = 60;
const CARLA = "carla@acme.example";

let scim: ScimBed;
let acme: ScimClient;
let zebra: ScimClient;

beforeAll(async () => {
  scim = await ScimBed.start();
  acme = await scim.newClient("acme");
  zebra = await scim.newClient("zebra");
});

afterAll(() => scim?.close());

beforeEach(() => scim.reset());

const query = <S extends z.ZodType>(row: S, text: string, values: readonly unknown[] = []) =>
  scim.bed.database.query(row, text, values);

/** Adds a user to the company's provider, and to Tripline by SCIM. */
async function carla(more: object = {}): Promise<string> {
  scim.company.accounts.set("c-1", { name: "Carla", preferred_username: CARLA, groups: [] });
  scim.company.user = "c-1";
  const { status, body } = await acme.addUser({ userName: CARLA.replace("c", "C"), externalId: "c-1", ...more });
  expect(status).toBe(201);
  return body.id;
}

const signInCarla = () => singleSignOn(scim.bed.service.url, scim.company);

describe("the token", () => {
  test("is shown once, stored as a hash, and stops working when an administrator replaces it", async () => {
    const old = zebra;
    zebra = await scim.newClient("zebra");
    expect(await zebra.get("/Users")).toMatchObject({ status: 200 });
    const refused = await old.get("/Users");
    expect([refused.status, refused.headers.get("content-type")]).toEqual([
      ...[401, expect.stringContaining("application/scim+json")],
    ]);
    expect(refused.headers.get("www-authenticate")).toContain("Bearer");
    expect(refused.body).toMatchObject({ schemas: ["urn:ietf:params:scim:api:messages:2.0:Error"], status: "401" });
    const { body } = await scim.admin("acme", "GET", "/v1/identity-provider/scim-token");
    expect(body).toEqual({ tenant: "acme", created_by: expect.any(String), created_at: expect.any(String) });
    const stored = await query(z.looseObject({}), "SELECT * FROM auth.scim_tokens");
    expect(JSON.stringify(stored)).not.toContain(acme.token);
    const { created_by: by } = z.looseObject({ created_by: z.string() }).parse(body);
    expect(JSON.stringify(await scim.auditOf("acme", `${by} scim-token-set`))).not.toContain("hash");
  });

  test("needs an identity provider and a second administrator", async () => {
    const roles = (text: string) =>
      scim.bed.database.execute("UPDATE auth.people SET roles = $1 WHERE user_name = 'anna'", [text]);
    await roles("{admin}");
    const { status, body } = await scim.admin("acme", "POST", "/v1/identity-provider/scim-token");
    await roles("{analyst}");
    expect([status, JSON.stringify(body)]).toEqual([202, expect.not.stringContaining("hash")]);
    expect(await new ScimClient(acme.url, String(body.token)).get("/Users")).toMatchObject({ status: 401 });
    expect(await acme.get("/Users")).toMatchObject({ status: 200 });
  });
});

test("the API describes itself", async () => {
  const [config, types, schemas] = await Promise.all(
    ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"].map((path) => acme.get(path)),
  );
  expect(config?.body).toMatchObject({ patch: { supported: true }, bulk: { supported: false } });
  expect(types?.body.Resources.map(({ id }) => id)).toEqual(["User", "Group"]);
  for (const { id } of schemas?.body.Resources ?? []) {
    expect(await acme.get(`/Schemas/${id}`)).toMatchObject({ status: 200, body: { id } });
  }
  expect(await acme.get("/ResourceTypes/User")).toMatchObject({ body: { endpoint: "/Users" } });
  expect(await acme.get("/Schemas/none")).toMatchObject({ status: 404, body: { status: "404" } });
});

describe("users", () => {
  test("can be added, found, listed in pages, and replaced", async () => {
    const id = await carla({ displayName: "Carla C", emails: [{ value: "carla@acme.example" }], active: true });
    const found = await acme.get(`/Users/${id}`);
    expect(found.body).toMatchObject({
      ...{ id, externalId: "c-1", userName: "carla@acme.example", displayName: "Carla C", active: true, groups: [] },
      meta: { resourceType: "User", location: `${ISSUER}/scim/v2/Users/${id}` },
    });
    await acme.addUser({ userName: "dora", externalId: "d-1", name: { givenName: "Dora", familyName: "D" } });
    for (const filter of [
      'userName eq "CARLA@acme.example"',
      'externalId eq "c-1"',
      `id eq "${id}" and userName eq "carla@acme.example"`,
      `urn:ietf:params:scim:schemas:core:2.0:User:username EQ "carla@acme.example"`,
    ]) {
      const { body } = await acme.find("Users", filter);
      expect([filter, body.totalResults, body.Resources[0]?.id]).toEqual([filter, 1, id]);
    }
    expect((await acme.find("Users", 'userName eq "nobody"')).body).toMatchObject({ totalResults: 0, Resources: [] });
    const page = await acme.get("/Users?startIndex=2&count=1&attributes=userName");
    expect(page.body).toMatchObject({ totalResults: 2, startIndex: 2, itemsPerPage: 1 });
    expect(Object.keys(page.body.Resources[0] ?? {}).sort()).toEqual(["id", "schemas", "userName"]);
    expect((await acme.get("/Users?count=100000")).body.Resources).toHaveLength(2);
    expect((await acme.get("/Users?count=0")).body).toMatchObject({ totalResults: 2, Resources: [] });
    const replaced = await acme.send("PUT", `/Users/${id}`, { userName: "carla.new", displayName: "Carla N" });
    expect(replaced.body).toMatchObject({ userName: "carla.new", displayName: "Carla N", externalId: "c-1" });
    const audited = await scim.auditOf(id, "scim person-provision", "scim person-change");
    expect(JSON.stringify(audited)).not.toMatch(/carla/i);
  });

  test.each<[string, object, object]>([
    ["Entra ID", { op: "Replace", path: "active", value: "False" }, { active: false }],
    ["Okta", { op: "replace", value: { active: false } }, { active: false }],
    ["a new name", { op: "Add", path: "name.formatted", value: "Carla D" }, { displayName: "Carla D", active: true }],
  ])("are changed correctly by %s", async (_what, operation, expected) => {
    const id = await carla();
    expect(await acme.patch(`/Users/${id}`, operation)).toMatchObject({ status: 200, body: expected });
    expect((await acme.get(`/Users/${id}`)).body).toMatchObject(expected);
  });

  test("have unique names and external IDs", async () => {
    await carla();
    for (const twice of [{ userName: "carla@acme.example" }, { userName: "other", externalId: "c-1" }]) {
      expect(await acme.addUser(twice)).toMatchObject({ status: 409, body: { scimType: "uniqueness", status: "409" } });
    }
  });

  test("with a password are invisible, and cannot be taken over", async () => {
    expect((await acme.get("/Users")).body.totalResults).toBe(0);
    const { body } = await acme.addUser({ userName: "anna", externalId: "a-1", active: false });
    expect((await acme.get("/Users")).body.totalResults).toBe(1);
    expect(
      await query(z.object({ user_name: z.string() }), "SELECT user_name FROM auth.people WHERE person_id = $1", [
        body.id,
      ]),
    ).toEqual([{ user_name: "acme:anna" }]);
    expect((await scim.admin("acme", "GET", "/v1/people")).body).toMatchObject({
      people: expect.arrayContaining([expect.objectContaining({ user_name: "anna", disabled_at: null })]),
    });
  });

  test("cannot get a password while the provider manages them", async () => {
    await carla();
    const reset = await scim.admin("acme", "POST", "/v1/people/acme:carla@acme.example/reset");
    expect(reset).toMatchObject({ status: 422, body: { detail: expect.stringContaining("manages this user") } });
  });
});

describe("a user who also signs in", () => {
  test("is matched with the provisioned user by subject", async () => {
    const id = await carla({ displayName: "Carla C" });
    const { tokens } = await signInCarla();
    expect(decodeJwt(tokens?.access_token ?? "")).toMatchObject({ sub: id, name: "Carla C", roles: ["viewer"] });
    expect((await acme.get("/Users")).body.totalResults).toBe(1);
  });

  test("remains the same user when provisioned later", async () => {
    scim.company.accounts.set("c-1", { preferred_username: "carla@acme.example", groups: ["fraud"] });
    scim.company.user = "c-1";
    const { tokens } = await signInCarla();
    const { sub } = decodeJwt(tokens?.access_token ?? "");
    expect((await acme.find("Users", 'userName eq "carla@acme.example"')).body.Resources).toMatchObject([{ id: sub }]);
    const added = await acme.addUser({ userName: "carla.c@acme.example", externalId: "c-1" });
    expect(added).toMatchObject({ status: 201, body: { id: sub, userName: "carla.c@acme.example" } });
    expect(await scim.rolesOf(added.body.id)).toEqual(["analyst"]);
  });

  test("is matched with the provisioned user by name if this is configured", async () => {
    await scim.settings("user_name", []);
    const id = await carla({ externalId: "carla-at-hr" });
    const { tokens } = await signInCarla();
    expect(decodeJwt(tokens?.access_token ?? "").sub).toBe(id);
  });

  test("gets an explanation instead of a second account if the ID differs", async () => {
    await carla({ externalId: "carla-at-hr" });
    const { answer } = await signInCarla();
    expect([answer.status, answer.text]).toEqual([401, expect.stringContaining("provisioned with another ID.")]);
    expect((await acme.get("/Users")).body.totalResults).toBe(1);
  });
});

describe("a deactivated user", () => {
  test("loses sessions and tokens long before they expire, and signs in again once active", async () => {
    const id = await carla();
    const { browser, tokens } = await signInCarla();
    const startedMs = Date.now();
    await acme.patch(`/Users/${id}`, { op: "Replace", path: "active", value: "False" });
    expect((await scim.revokedMs(id)) - startedMs).toBeLessThan(REVOKED_MS_MAX);
    const refresh = { grant_type: "refresh_token", refresh_token: tokens?.refresh_token ?? "" };
    expect(await exchange(scim.bed.service.url, refresh)).toMatchObject({ status: 400 });
    const headers = { authorization: `Bearer ${tokens?.access_token}` };
    expect((await fetch(`${scim.bed.service.url}/oauth/userinfo`, { headers })).status).toBe(401);
    expect((await browser.get(authorizationRequest().path)).location).toContain("/sign-in/");
    expect((await signInCarla()).answer.text).toContain("Your account is disabled.");
    await acme.patch(`/Users/${id}`, { op: "Replace", path: "active", value: "True" });
    expect((await signInCarla()).tokens).toBeDefined();
    await scim.auditOf(id, "scim person-disable", "scim person-enable");
  });

  test("stays disabled if an administrator disabled the account", async () => {
    const id = await carla();
    await scim.admin("acme", "POST", "/v1/people/acme:carla@acme.example/disable");
    const { body } = await acme.patch(`/Users/${id}`, { op: "replace", value: { active: true } });
    expect(body).toMatchObject({ active: false });
  });

  test("regains a role that requires two administrators only if it is mapped", async () => {
    await scim.settings("external_id", []);
    const id = await carla();
    await scim.bed.database.execute("UPDATE auth.people SET roles = '{analyst,admin}' WHERE person_id = $1", [id]);
    await acme.patch(`/Users/${id}`, { op: "replace", value: { active: false } });
    await acme.patch(`/Users/${id}`, { op: "replace", value: { active: true } });
    expect(await scim.rolesOf(id)).toEqual(["analyst"]);
  });

  test("cannot be found after deletion, but can be added again", async () => {
    const id = await carla();
    expect(await acme.send("DELETE", `/Users/${id}`)).toMatchObject({ status: 204 });
    expect(await acme.get(`/Users/${id}`)).toMatchObject({ status: 404 });
    expect((await signInCarla()).answer.text).toContain("Your account is disabled.");
    const again = await acme.addUser({ userName: "carla@acme.example", externalId: "c-1" });
    expect(again).toMatchObject({ status: 201, body: { id, active: true } });
    expect((await signInCarla()).tokens).toBeDefined();
  });

  test("is signed out but not disabled if no other administrator remains", async () => {
    const id = await carla();
    await signInCarla();
    await scim.bed.database.execute("UPDATE auth.people SET roles = '{viewer}' WHERE user_name = 'ada'", []);
    await scim.bed.database.execute("UPDATE auth.people SET roles = '{admin}' WHERE person_id = $1", [id]);
    const { status, body } = await acme.patch(`/Users/${id}`, { op: "replace", value: { active: false } });
    await scim.bed.database.execute("UPDATE auth.people SET roles = '{admin}' WHERE user_name = 'ada'", []);
    expect([status, body.detail]).toEqual([409, "First give another user the admin role."]);
    expect(await acme.get(`/Users/${id}`)).toMatchObject({ body: { active: true } });
    const left = await query(z.looseObject({}), "SELECT 1 FROM auth.sign_ins WHERE person_id = $1", [id]);
    expect(left).toEqual([]);
  });

  test("is changed completely or not at all if the database connection breaks during the change", async () => {
    const id = await carla();
    await signInCarla();
    let pending: ReturnType<ScimClient["patch"]> | undefined;
    const leave = () => acme.patch(`/Users/${id}`, { op: "replace", value: { active: false, displayName: "Gone" } });
    await scim.bed.database.transaction(async (transaction) => {
      // Blocks the deletion of the sign-in, which is the last part of the change.
      await transaction.execute("SELECT 1 FROM auth.sign_ins WHERE person_id = $1 FOR UPDATE", [id]);
      pending = leave();
      await until(async () => {
        const killed = await query(
          z.looseObject({}),
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'DELETE FROM auth.sign_ins%'`,
          [],
        );
        return killed.length > 0;
      });
    });
    expect(await pending).toMatchObject({ status: 503, body: { status: "503" } });
    expect((await acme.get(`/Users/${id}`)).body).toMatchObject({ active: true, displayName: "carla@acme.example" });
    expect(await leave()).toMatchObject({ status: 200, body: { active: false, displayName: "Gone" } });
    const audited = await scim.auditOf(id, "scim person-disable");
    expect(audited.filter(({ action }) => action === "person-disable")).toHaveLength(1);
  });
});

describe("groups", () => {
  test("grant mapped roles immediately, by name or external ID, and revoke them", async () => {
    const id = await carla();
    const fraud = await acme.addGroup({ displayName: "fraud", members: [{ value: id, display: "Carla" }] });
    expect(fraud).toMatchObject({ status: 201, body: { displayName: "fraud", members: [{ value: id }] } });
    const leads = await acme.addGroup({ displayName: "Leads of fraud", externalId: LEADS_ID });
    expect(await scim.rolesOf(id)).toEqual(["analyst"]);
    const entra = { op: "Add", path: "members", value: [{ value: id }] };
    await acme.patch(`/Groups/${leads.body.id}`, entra, entra);
    expect(await scim.rolesOf(id)).toEqual(["analyst", "lead"]);
    expect((await acme.get(`/Users/${id}`)).body.groups).toHaveLength(2);
    await acme.patch(`/Groups/${leads.body.id}`, { op: "remove", path: `members[value eq "${id}"]` });
    expect(await scim.rolesOf(id)).toEqual(["analyst"]);
    await acme.patch(`/Groups/${fraud.body.id}`, { op: "Remove", path: "members", value: [{ value: id }] });
    expect(await scim.rolesOf(id)).toEqual(["viewer"]);
    await acme.patch(`/Groups/${fraud.body.id}`, { op: "replace", path: "members", value: [{ value: id }] });
    await acme.patch(`/Groups/${fraud.body.id}`, { op: "replace", value: { id: fraud.body.id, displayName: "old" } });
    expect(await scim.rolesOf(id)).toEqual(["viewer"]);
    await acme.send("PUT", `/Groups/${fraud.body.id}`, { displayName: "fraud", members: [{ value: id }] });
    expect(await scim.rolesOf(id)).toEqual(["analyst"]);
    expect(await acme.send("DELETE", `/Groups/${fraud.body.id}`)).toMatchObject({ status: 204 });
    expect(await scim.rolesOf(id)).toEqual(["viewer"]);
    await scim.auditOf(fraud.body.id, "scim group-add", "scim group-change", "scim group-remove");
  });

  test("never grant a role if there is no mapping", async () => {
    const id = await carla();
    await acme.addGroup({ displayName: "admin", externalId: "admin", members: [{ value: id }] });
    expect(await scim.rolesOf(id)).toEqual(["viewer"]);
    await scim.settings("external_id", []);
    await acme.addGroup({ displayName: "fraud", members: [{ value: id }] });
    expect(await scim.rolesOf(id)).toEqual(["viewer"]);
  });

  test("apply at sign-in, even without a claim, until they are removed", async () => {
    const id = await carla();
    scim.company.accounts.set("c-1", { preferred_username: "carla@acme.example", groups: ["fraud"] });
    const { body } = await acme.addGroup({ displayName: "fraud", members: [{ value: id }] });
    expect(decodeJwt((await signInCarla()).tokens?.access_token ?? "").roles).toEqual(["analyst"]);
    await acme.patch(`/Groups/${body.id}`, { op: "remove", path: "members" });
    expect(await scim.rolesOf(id)).toEqual(["viewer"]);
    scim.company.accounts.set("c-1", { preferred_username: "carla@acme.example" });
    await acme.patch(`/Groups/${body.id}`, { op: "add", path: "members", value: [{ value: id }] });
    expect(decodeJwt((await signInCarla()).tokens?.access_token ?? "").roles).toEqual(["analyst"]);
  });

  test("can be found by name, and omit their members on request", async () => {
    const id = await carla();
    const { body } = await acme.addGroup({ displayName: "fraud", members: [{ value: id }] });
    const query = `?excludedAttributes=members&filter=${encodeURIComponent('displayName eq "Fraud"')}`;
    const found = await acme.get(`/Groups${query}`);
    expect(found.body).toMatchObject({ totalResults: 1, Resources: [{ id: body.id }] });
    expect(found.body.Resources[0]).not.toHaveProperty("members");
    const has = await acme.find("Groups", `id eq "${body.id}" and members eq "${id}"`);
    expect(has.body.totalResults).toBe(1);
    expect(await acme.addGroup({ displayName: "FRAUD" })).toMatchObject({
      status: 409,
      body: { scimType: "uniqueness" },
    });
  });
});

test("another tenant neither sees nor changes users and groups", async () => {
  const id = await carla();
  const group = (await acme.addGroup({ displayName: "fraud" })).body.id;
  for (const [method, path, body] of [
    ["GET", `/Users/${id}`],
    ["PUT", `/Users/${id}`, { userName: "x" }],
    ["PATCH", `/Users/${id}`, patchOf({ op: "replace", value: { active: false } })],
    ["DELETE", `/Users/${id}`],
    ["GET", `/Groups/${group}`],
    ["PUT", `/Groups/${group}`, { displayName: "x" }],
    ["PATCH", `/Groups/${group}`, patchOf({ op: "replace", path: "displayName", value: "x" })],
    ["DELETE", `/Groups/${group}`],
  ] as const) {
    expect([method, path, (await zebra.send(method, path, body)).status]).toEqual([method, path, 404]);
  }
  expect((await zebra.get("/Users")).body.totalResults).toBe(0);
  expect((await zebra.get("/Groups")).body.totalResults).toBe(0);
  expect(await zebra.addGroup({ displayName: "fraud", members: [{ value: id }] })).toMatchObject({ status: 400 });
  expect(await zebra.addUser({ userName: "carla@acme.example", externalId: "c-1" })).toMatchObject({ status: 201 });
  expect((await acme.get(`/Users/${id}`)).body).toMatchObject({ active: true });
});

const patchOf = (operation: object) => ({
  schemas: ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
  Operations: [operation],
});

test.each<[string, string, string, unknown, number, string | undefined]>([
  ["invalid JSON", "POST", "/Users", "{", 400, "invalidSyntax"],
  ["no user name", "POST", "/Users", {}, 400, "invalidValue"],
  ["a card number", "POST", "/Users", { userName: "a", externalId: "4111111111111111" }, 400, "invalidValue"],
  ["an unknown user", "PATCH", "/Users/x", patchOf({ op: "add", path: "displayName", value: "a" }), 404, undefined],
  ["an unknown filter", "GET", "/Users?filter=userName%20co%20%22a%22", undefined, 400, "invalidFilter"],
  ["a group without a name", "POST", "/Groups", { members: [] }, 400, "invalidValue"],
  ["an unknown member", "POST", "/Groups", { displayName: "a", members: [{ value: "x" }] }, 400, "invalidValue"],
  ["an unknown resource", "GET", "/Devices", undefined, 404, undefined],
  ["a method that is not supported", "DELETE", "/Users", undefined, 405, undefined],
])("invalid input gets a one-sentence error: %s", async (_what, method, path, given, status, scimType) => {
  const answer = await acme.send(method, path, given);
  expect([answer.status, answer.body.status, answer.body.scimType]).toEqual([status, String(status), scimType]);
  expect(answer.body.detail).toMatch(/^\S.*\.$/);
  expect(answer.headers.get("content-type")).toContain("application/scim+json");
});

test("the rate limit of one tenant does not affect other tenants", async () => {
  const statuses: number[] = [];
  while (statuses.length <= PER_MINUTE && !statuses.includes(429)) {
    const answers = Array.from({ length: AT_ONCE }, () => zebra.get("/ServiceProviderConfig"));
    for (const { status, headers } of await Promise.all(answers)) {
      statuses.push(status);
      if (status === 429) expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    }
  }
  expect(statuses).toContain(429);
  expect(await acme.get("/ServiceProviderConfig")).toMatchObject({ status: 200 });
});

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 120_000;
  while (!(await isTrue())) {
    if (Date.now() > endMs) throw new Error("It did not become true within 120 s.");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
