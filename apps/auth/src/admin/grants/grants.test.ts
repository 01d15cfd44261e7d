import { generateKeyPairSync } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { TriplineError } from "@tripline/contracts/error-table";
import { asTriplineError } from "@tripline/contracts/error-table";
import type { Role, Scope } from "@tripline/contracts/roles";
import { problemHeaders } from "@tripline/http/problem";
import { testStack } from "@tripline/local-stack/testing/stack";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { migrateDatabase } from "@tripline/stores/postgres/migrate-database";
import { createLogger } from "@tripline/telemetry/logger";
import { z } from "zod";
import { AUTH_MIGRATIONS } from "../../database/set-up-database.js";
import { insertPerson } from "../../people/person-store.js";
import type { RevocationPublisher } from "../../revocations/revocation-publisher.js";
import { ScimChanges } from "../../scim/scim-changes.js";
import { hashScimToken, tenantOfToken } from "../../scim/token/scim-token-store.js";
import type { Actor } from "../admin-action.js";
import { ClientsAdmin } from "../clients-admin.js";
import { operatorOf } from "../note-action.js";
import { PeopleAdmin } from "../people-admin.js";
import { approveGrant } from "./approve-grant.js";
import type { Requested } from "./grants.js";
import { Grants } from "./grants.js";
import { lockAdmins } from "./second-admin.js";

const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const PUBLIC_KEY = publicKey.export({ format: "jwk" }) as Record<string, string>;

const publisher = { publish: () => Promise.resolve(true) } as unknown as RevocationPublisher;

let database: Database;
let grants: Grants;
let people: PeopleAdmin;
let clients: ClientsAdmin;

beforeAll(async () => {
  const { postgresUrl: url } = await testStack();
  database = connectDatabase({ url, connectionsMax: 4, queryTimeoutMs: 30_000, onIdleError() {} });
  await database.transaction((transaction) => migrateDatabase(transaction, AUTH_MIGRATIONS));
  const logger = createLogger("auth", "silent");
  grants = new Grants(database, publisher, logger);
  people = new PeopleAdmin(database, grants, publisher, logger);
  clients = new ClientsAdmin(database, grants, publisher, logger);
});

afterAll(() => database.close());

let tenants = 0;
const TEAM: Readonly<Record<string, readonly Role[]>> = {
  ada: ["admin"],
  bea: ["admin"],
  lea: ["lead"],
  ann: ["analyst"],
  vic: ["viewer"],
};

/** A new tenant in which users' names are also their IDs. bea is the second administrator, if there is one. */
async function newTenant({ hasSecond }: { readonly hasSecond: boolean }) {
  tenants += 1;
  const tenant = `t${tenants}`;
  const of = (name: string) => `${name}-${tenant}`;
  for (const [name, roles] of Object.entries(TEAM)) {
    if (name === "bea" && !hasSecond) continue;
    const person = { person_id: of(name), user_name: of(name), name, tenant, roles: [...roles] };
    await insertPerson(database, { ...person, password_hash: "none" });
  }
  const person = (name: string): Actor => ({ tenant, subject: of(name), principal: of(name), kind: "person" });
  const client = (owner?: string): Actor => ({
    tenant,
    subject: of("robot"),
    kind: "client",
    principal: owner === undefined ? undefined : of(owner),
  });
  /** Inserts a client without an owner, like those that were added before clients had owners. */
  const store = (id: string, scopes: readonly Scope[], owner: string | null = null) =>
    database.execute(
      `INSERT INTO auth.clients (client_id, tenant, auth_method, secret_hash, scopes, owner)
       VALUES ($1, $2, 'client_secret_basic', 'none', $3, $4)`,
      [of(id), tenant, scopes, owner === null ? null : of(owner)],
    );
  return { tenant, of, person, client, store };
}

type Tenant = Awaited<ReturnType<typeof newTenant>>;
type Attempt = (tenant: Tenant, by: Actor) => Promise<Requested>;

const rolesOf =
  (name: string, roles: Role[]): Attempt =>
  ({ of }, by) =>
    people.setRoles(by, of(name), roles);
const addWith =
  (roles: Role[]): Attempt =>
  ({ of }, by) =>
    people.add(by, { user_name: of("new"), name: "New", roles, password: "a password of some length" });
const clientWith =
  (scopes: Scope[], owner?: string): Attempt =>
  ({ of }, by) =>
    clients.add(by, {
      client_id: of("new"),
      scopes,
      // Not a real secret, because hashing one takes time.
      jwks: { keys: [PUBLIC_KEY] },
      ...(owner === undefined ? {} : { owner: of(owner) }),
    });
const onClient =
  (scopes: Scope[], step: Attempt, owner: string | null = null): Attempt =>
  async (tenant, by) => {
    await tenant.store("held", scopes, owner);
    return step(tenant, by);
  };
const rotate: Attempt = ({ of }, by) => clients.rotateSecret(by, of("held"), "a-secret-of-more-than-24-characters");
const giveTo =
  (owner: string): Attempt =>
  ({ of }, by) =>
    clients.setOwner(by, of("held"), of(owner));
const enable: Attempt = ({ of }, by) => clients.enable(by, of("held"));
const reset =
  (name: string): Attempt =>
  ({ of }, by) =>
    people.reset(by, of(name), "a password of some length");
const unlock =
  (name: string): Attempt =>
  async ({ of, person }, by) => {
    await people.disable(person("ada"), of(name));
    return people.enable(by, of(name));
  };

/** Actions by ada, and whether bea must approve them in a tenant that has both. */
const ATTEMPTS: readonly [what: string, attempt: Attempt, needsSecond: boolean][] = [
  ["becomes lead", rolesOf("ada", ["lead", "admin"]), true],
  ["becomes analyst", rolesOf("ada", ["analyst", "admin"]), true],
  ["makes another user a lead", rolesOf("ann", ["analyst", "lead"]), true],
  ["makes another user an admin", rolesOf("vic", ["viewer", "admin"]), true],
  ["makes another user an analyst", rolesOf("vic", ["analyst"]), false],
  ["removes the role lead", rolesOf("lea", ["viewer"]), false],
  ["adds an admin", addWith(["admin"]), true],
  ["adds a lead", addWith(["analyst", "lead"]), true],
  ["adds an analyst", addWith(["analyst"]), false],
  ["resets a lead", reset("lea"), true],
  ["resets an analyst", reset("ann"), false],
  ["resets their own password", reset("ada"), false],
  ["enables a lead", unlock("lea"), true],
  ["enables a viewer", unlock("vic"), false],
  ["adds a client that approves policies", clientWith(["policy:approve"]), true],
  ["adds a client that approves policies for a lead", clientWith(["policy:approve"], "lea"), true],
  ["adds a client that reads personal data for an analyst", clientWith(["personal:read"], "ann"), true],
  ["adds a client that adds users", clientWith(["people:write"]), true],
  ["adds a client with a scope beyond their own roles", clientWith(["transactions:write"]), true],
  ["adds a client with a scope beyond its owner's roles", clientWith(["cases:write"], "vic"), true],
  ["adds a client within their own roles", clientWith(["decisions:read", "audit:read"]), false],
  ["adds a client within its owner's roles, but beyond their own", clientWith(["cases:write"], "ann"), true],
  ["adds a client within both", clientWith(["decisions:read"], "ann"), false],
  ["rotates the secret of a client that approves", onClient(["policy:approve"], rotate, "lea"), true],
  ["rotates the secret of another user's client with more permissions", onClient(["lists:write"], rotate, "ann"), true],
  ["rotates the secret of a client without an owner", onClient(["lists:write"], rotate), false],
  ["transfers a client with more permissions to another user", onClient(["lists:write"], giveTo("ann")), true],
  ["rotates the secret of an unprivileged client", onClient(["transactions:write"], rotate), false],
  ["takes over a client that approves", onClient(["policy:approve"], giveTo("ada")), true],
  ["transfers a client that approves to a lead", onClient(["policy:approve"], giveTo("lea")), true],
  ["assigns an owner to an unprivileged client", onClient(["transactions:write"], giveTo("ann")), false],
  ["enables a client that reads personal data", onClient(["personal:read"], enable), true],
  ["enables an unprivileged client", onClient(["transactions:write"], enable), false],
];

describe("regression #24: a grant needs two administrators if the tenant has two", () => {
  test.each(ATTEMPTS)("an admin %s", async (_what, attempt, needsSecond) => {
    const two = await newTenant({ hasSecond: true });
    expect("grant" in (await attempt(two, two.person("ada")))).toBe(needsSecond);
    // The same applies to a client that ada owns.
    const byClient = await newTenant({ hasSecond: true });
    expect("grant" in (await attempt(byClient, byClient.client("ada")))).toBe(needsSecond);
    const one = await newTenant({ hasSecond: false });
    expect("grant" in (await attempt(one, one.person("ada")))).toBe(false);
    const noted = await notedIn(one.tenant);
    expect(noted.some((details) => details.includes("without_second_admin"))).toBe(needsSecond);
  });

  test.each(ATTEMPTS.filter(([, , needsSecond]) => needsSecond))(
    "rejects a client without an owner if either administrator could be its user: %s",
    async (_what, attempt) => {
      const two = await newTenant({ hasSecond: true });
      await expect(attempt(two, two.client())).rejects.toMatchObject({ code: "approval-missing" });
    },
  );
});

async function notedIn(tenant: string): Promise<string[]> {
  const row = z.object({ action: z.string(), details: z.string() });
  const rows = await database.query(row, "SELECT action, details FROM auth.audit_outbox WHERE tenant = $1", [tenant]);
  return rows.map(({ action, details }) => `${action} ${details}`);
}

const grantOf = (requested: Requested): string => {
  if (!("grant" in requested)) throw new Error("The change was made at once.");
  return requested.grant.grant_id;
};

describe("an approval", () => {
  test("must come from another administrator, applies the requested change, and is possible only once", async () => {
    const { tenant, of, person, client } = await newTenant({ hasSecond: true });
    const id = grantOf(await people.setRoles(person("ada"), of("ada"), ["lead", "admin"]));
    expect(await people.list(person("ada"))).toContainEqual(expect.objectContaining({ roles: ["admin"] }));
    expect(await grants.list(person("bea"))).toMatchObject([{ grant_id: id, principal: of("ada") }]);
    for (const by of [person("ada"), client("ada"), client("bea"), client()]) {
      await expect(grants.approve(by, id)).rejects.toMatchObject({ code: "approval-missing" });
    }
    const foreign = await newTenant({ hasSecond: true });
    await expect(grants.approve(foreign.person("bea"), id)).rejects.toMatchObject({ code: "not-found" });
    expect(await grants.approve(person("bea"), id)).toMatchObject({ user_name: of("ada"), roles: ["lead", "admin"] });
    await expect(grants.approve(person("bea"), id)).rejects.toMatchObject({ code: "not-found" });
    const noted = (await notedIn(tenant)).map((entry) => entry.split(" ", 1)[0]);
    expect(noted).toEqual(["grant-request", "grant-approve", "person-roles"]);
  });

  test("stores no secret, and drops a request that is rejected or expires, or whose requester is disabled", async () => {
    const { tenant, of, person } = await newTenant({ hasSecond: true });
    const asked = await addWith(["lead"])({ tenant, of, person } as Tenant, person("ada"));
    expect(JSON.stringify(asked)).not.toMatch(/argon2|password/);
    await grants.reject(person("bea"), grantOf(asked));
    const stale = grantOf(await people.setRoles(person("ada"), of("ann"), ["lead"]));
    await database.execute("UPDATE auth.grants SET expires_at = now() WHERE grant_id = $1", [stale]);
    const left = grantOf(await people.setRoles(person("ada"), of("vic"), ["lead"]));
    await people.disable(person("bea"), of("ada"));
    for (const id of [grantOf(asked), stale, left]) {
      await expect(grants.approve(person("bea"), id)).rejects.toMatchObject({ code: "not-found" });
    }
  });

  test("rejects invalid requests immediately, and keeps at most 100 pending", async () => {
    const { of, person, tenant } = await newTenant({ hasSecond: true });
    const taken = people.add(person("ada"), {
      user_name: of("vic"),
      name: "V",
      roles: ["lead"],
      password: "x".repeat(15),
    });
    await expect(taken).rejects.toMatchObject({ code: "name-taken" });
    await database.execute(
      `INSERT INTO auth.grants (grant_id, tenant, change, requested_by, actor_kind, principal, expires_at)
       SELECT $1 || n, $1, '{"action": "person-enable", "user_name": "x"}', 'x', 'person', $2, now() + interval '1 day'
       FROM generate_series(1, 100) n`,
      [tenant, of("ada")],
    );
    await expect(people.setRoles(person("ada"), of("vic"), ["lead"])).rejects.toMatchObject({
      code: "too-many-requests",
    });
  });
});

test("regression #24: removing the second administrator does not bypass the approval", async () => {
  const { of, person, tenant } = await newTenant({ hasSecond: true });
  await people.disable(person("ada"), of("bea"));
  const id = grantOf(await people.setRoles(person("ada"), of("ada"), ["lead", "admin"]));
  // The installation's operator approves if nobody else can.
  await database.transaction((transaction) => approveGrant(transaction, operatorOf(tenant), id));
  const demoted = await newTenant({ hasSecond: true });
  await people.setRoles(demoted.person("ada"), demoted.of("bea"), ["viewer"]);
  expect(await people.setRoles(demoted.person("ada"), demoted.of("ann"), ["lead"])).toHaveProperty("grant");
  await database.execute("UPDATE auth.people SET admin_removed_at = now() - interval '8 days' WHERE person_id = $1", [
    demoted.of("bea"),
  ]);
  expect(await people.setRoles(demoted.person("ada"), demoted.of("ann"), ["lead"])).not.toHaveProperty("grant");
});

test("regression #30: an administrator who is enabled again without the admin role still counts as removed", async () => {
  const { of, person } = await newTenant({ hasSecond: true });
  await people.disable(person("ada"), of("bea"));
  await people.setRoles(person("ada"), of("bea"), ["viewer"]);
  expect(await people.enable(person("ada"), of("bea"))).not.toHaveProperty("grant");
  expect(await people.setRoles(person("ada"), of("ann"), ["lead"])).toHaveProperty("grant");
});

test("regression #24: a user who loses a role also loses its sensitive scopes on their own clients", async () => {
  const { of, person, store } = await newTenant({ hasSecond: true });
  await store("deploy", ["policy:approve", "labels:write"], "lea");
  await store("approver", ["policy:approve"], "lea");
  await store("other", ["policy:approve"], "ann");
  await people.setRoles(person("ada"), of("lea"), ["viewer"]);
  const held = (await clients.list(person("ada"))).map(({ client_id, scopes, disabled_at }) => [
    client_id,
    scopes.join(" "),
    disabled_at === null,
  ]);
  expect(held).toEqual([
    [of("approver"), "policy:approve", false],
    [of("deploy"), "labels:write", true],
    [of("other"), "policy:approve", true],
  ]);
});

test("regression #30: a provider's user cannot become independent of the provider without a second administrator", async () => {
  const { of, person } = await newTenant({ hasSecond: true });
  const reset = () => people.reset(person("ada"), of("ada"), "a password of some length");
  expect(await reset()).not.toHaveProperty("grant");
  await database.execute(
    "UPDATE auth.people SET provider_issuer = 'https://a.example', provider_subject = '1' WHERE person_id = $1",
    [of("ada")],
  );
  expect(await reset()).toHaveProperty("grant");
});

describe("in a tenant with SCIM", () => {
  const setToken = (tenant: string, token: string) =>
    database.execute(
      `INSERT INTO auth.scim_tokens (tenant, token_hash, created_by) VALUES ($1, decode($2, 'hex'), 'x')
       ON CONFLICT (tenant) DO UPDATE SET token_hash = excluded.token_hash, created_at = now()`,
      [tenant, hashScimToken(token)],
    );

  async function newProvisioned() {
    const team = await newTenant({ hasSecond: true });
    const { tenant } = team;
    await database.execute(
      `INSERT INTO auth.identity_providers (tenant, issuer, client_id, client_secret, scope, domains, subject_claim,
         user_name_claim, roles_claim, role_mapping, required_claims, is_enforced)
       VALUES ($1, 'https://a.example', 'x', 'x', 'openid', '{}', 'sub', 'name', 'groups', '[]', '[]', false)`,
      [tenant],
    );
    await setToken(tenant, `first-${tenant}`);
    const caller = { tenant, authorization: `Bearer first-${tenant}` };
    const changes = new ScimChanges(database, publisher);
    return { ...team, change: () => changes.make(caller, () => Promise.resolve({ done: "done" })) };
  }

  test("regression #30: a change is rejected if its token is replaced before the approval", async () => {
    const { tenant, change } = await newProvisioned();
    expect(await change()).toBe("done");
    let waiting: Promise<unknown> | undefined;
    await database.transaction(async (transaction) => {
      await lockAdmins(transaction, tenant);
      waiting = expect(change()).rejects.toMatchObject({ code: "token-invalid" });
      await transaction.execute("UPDATE auth.scim_tokens SET token_hash = 'other' WHERE tenant = $1", [tenant]);
    });
    await waiting;
  });

  test("regression #30: changes that wait for each other do not exhaust the database connections", async () => {
    const { tenant, change } = await newProvisioned();
    const refused: TriplineError[] = [];
    let waiting: Promise<unknown>[] = [];
    await database.transaction(async (transaction) => {
      await lockAdmins(transaction, tenant);
      waiting = Array.from({ length: 10 }, () => change().catch((error) => refused.push(asTriplineError(error))));
      const answered = sleep(1_000, "no connection");
      expect(await Promise.race([database.query(z.unknown(), "SELECT 1"), answered])).toHaveLength(1);
      while (refused.length < 8) await sleep(50);
    });
    expect((await Promise.all(waiting)).filter((one) => one === "done")).toHaveLength(2);
    for (const error of refused) {
      expect([error.row.httpStatus, problemHeaders(error)["retry-after"]]).toEqual([429, "1"]);
    }
  });

  test("regression #30: approving an old request does not restore a replaced token", async () => {
    const { tenant, person } = await newProvisioned();
    const request = async (token: string) =>
      grantOf(await grants.request(person("ada"), { action: "scim-token-set", secret_hash: hashScimToken(token) }));
    const old = await request(`old-${tenant}`);
    await setToken(tenant, `new-${tenant}`);
    await expect(grants.approve(person("bea"), old)).rejects.toMatchObject({ code: "changed-meanwhile" });
    expect(await tenantOfToken(database, `Bearer new-${tenant}`)).toBe(tenant);
    expect(await grants.approve(person("bea"), await request(`last-${tenant}`))).toMatchObject({ tenant });
  });
});
