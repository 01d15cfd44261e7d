import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SessionStore } from "@tripline/console/sessions/session-store";
import type { Role } from "@tripline/contracts/roles";
import { ROLE_SCOPES, ROLES, SCOPES } from "@tripline/contracts/roles";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { DEMO_CLIENT_ID, DEMO_TENANT } from "@tripline/system/services/plan-services";
import { buildPayment } from "../support/build-payment.js";
import type { InProcessSystem, ProgramName } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { testModel } from "../support/test-model.js";
import type { ServiceRoute } from "./collect-routes.js";
import { collectRoutes } from "./collect-routes.js";
import { mayCall } from "./describe-access.js";
import type { TokenClaims } from "./sign-token.js";
import { tokenSigner } from "./sign-token.js";

const ROUTES = collectRoutes();
const HOUR_MS = 3_600_000;
const AUDIENCE = "urn:tripline:api";
/** A user of the demo's tenant, whose name is used in the paths of routes. */
const PERSON = "demo-lead";

let system: InProcessSystem;
let database: Database;
let sessions: SessionStore;
let sign: (claims: TokenClaims) => string;
let lake: string;
let decisionId: string;
const cookies = new Map<string, string>();

beforeAll(async () => {
  lake = mkdtempSync(join(tmpdir(), "tripline-access-"));
  const { registryUrl } = await testModel();
  system = await startInProcess({ registryUrl, hasControl: true, hasConsole: true, lakeDirectory: lake });
  const { stack, secrets, addresses, client } = system;
  database = connectDatabase({
    url: stack.postgresUrl,
    connectionsMax: 2,
    queryTimeoutMs: 10_000,
    onIdleError() {},
  });
  const limits = { key: Buffer.from(secrets.sessionKey, "base64"), lifetimeMs: HOUR_MS, idleMs: HOUR_MS };
  sessions = new SessionStore(database, limits);
  const keys = { keyEncryptionKey: secrets.keyEncryptionKey, issuer: addresses.auth, audience: AUDIENCE };
  sign = await tokenSigner(database, keys);
  decisionId = (await client.send(buildPayment(), 10)).id ?? "";
}, 240_000);

afterAll(async () => {
  await system?.close();
  await database?.close();
  rmSync(lake, { recursive: true, force: true });
});

interface Caller {
  readonly name: string;
  readonly tenant: string;
  readonly scopes: readonly string[];
}

const asRole = (role: Role): Caller => ({ name: role, tenant: DEMO_TENANT, scopes: ROLE_SCOPES[role] });

/** The headers that identify the caller of a route. */
async function headersFor({ access }: ServiceRoute, caller: Caller | undefined): Promise<Record<string, string>> {
  if (caller === undefined || access.by === "open") return {};
  const { name, tenant, scopes } = caller;
  const token = sign({ sub: `person-${name}`, client_id: "tripline-console", tenant, scope: scopes.join(" ") });
  if (access.by === "token") return { authorization: `Bearer ${token}` };
  const known = cookies.get(name);
  const rights = { tenant, personId: `person-${name}`, personName: name, roles: [], scopes };
  const secret = known ?? (await sessions.create({ ...rights, endsMs: Date.now() + HOUR_MS }, { access: token }));
  cookies.set(name, secret);
  const { csrfToken = "" } = (await sessions.find(secret)) ?? {};
  return { cookie: `console=${secret}`, "x-csrf-token": csrfToken };
}

/** Fills the ids in a path with ids of the demo's tenant. */
function pathOf({ service, path }: ServiceRoute): string {
  const ids: Readonly<Record<string, string>> = {
    userName: PERSON,
    id: service === "auth" ? DEMO_CLIENT_ID : decisionId,
    revision: "1",
    model: "fraud",
    kind: "terminal",
  };
  return path.replaceAll(/:(\w+)/g, (_, name: string) => ids[name] ?? "matrix").replace("/*", "/v1/lists");
}

async function call(route: ServiceRoute, caller: Caller | undefined, query = "") {
  const method = route.method === "ALL" ? "GET" : route.method;
  const hasBody = method === "POST" || method === "PUT";
  const headers = await headersFor(route, caller);
  const response = await fetch(system.served(route.service as ProgramName).url + pathOf(route) + query, {
    method,
    redirect: "manual",
    headers: hasBody ? { ...headers, "content-type": "application/json" } : headers,
    ...(hasBody ? { body: "{}" } : {}),
  });
  if (response.headers.get("content-type") === "text/event-stream") {
    await response.body?.cancel();
    return { status: response.status, text: "" };
  }
  const text = await response.text();
  return { status: response.status, text };
}

/**
 * Whether the service rejected the caller because the scope is missing. Feature servers answer in Feast's format,
 * without codes.
 */
const lacksScope = ({ status, text }: { readonly status: number; readonly text: string }): boolean =>
  status === 403 && /"code":"scope-missing"|requires the scope/.test(text);

const shown = ({ service, method, path }: ServiceRoute): string => `${service} ${method} ${path}`;
const guarded = ROUTES.filter(({ access }) => access.by !== "open");

test("the table contains exactly the routes that the services register", () => {
  for (const service of new Set(ROUTES.map((route) => route.service))) {
    const registered = system.served(service as ProgramName).routes.filter(({ method }) => method !== "HEAD");
    const inTable = ROUTES.filter((route) => route.service === service);
    const all = new Set(inTable.filter(({ method }) => method === "ALL").map(({ path }) => path));
    const found = registered.filter(({ path }) => !all.has(path)).map(({ method, path }) => `${method} ${path}`);
    const listed = inTable.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`);
    expect([service, ...new Set(found)].sort()).toEqual([service, ...new Set(listed)].sort());
    expect(registered.map(({ path }) => path)).toEqual(expect.arrayContaining([...all]));
  }
});

test("every guarded route returns 401 without a token or a session", async () => {
  expect(guarded.length).toBeGreaterThan(60);
  for (const route of guarded) {
    const { status } = await call(route, undefined);
    expect([shown(route), status]).toEqual([shown(route), 401]);
  }
});

test.each(ROLES)("%s has exactly the access in the table", async (role) => {
  for (const route of guarded) {
    // Signing out would end the session that later calls need.
    if (route.path === "/session/sign-out") continue;
    const answer = await call(route, asRole(role));
    expect([shown(route), answer.status]).not.toEqual([shown(route), 401]);
    expect([shown(route), answer.status, lacksScope(answer)]).toEqual([
      ...[shown(route), answer.status, !mayCall(role, route)],
    ]);
  }
});

test("a caller with every scope except the required one gets 403", async () => {
  for (const route of guarded) {
    const needed = route.access.by === "open" ? "" : route.access.scope;
    if (needed === "signed-in") continue;
    const scopes = SCOPES.filter((scope) => scope !== needed);
    const answer = await call(route, { name: `but-${needed}`, tenant: DEMO_TENANT, scopes });
    expect([shown(route), answer.status, lacksScope(answer)]).toEqual([shown(route), 403, true]);
  }
});

test("another tenant with every scope can neither read nor change the demo's data, nor start a rollout", async () => {
  const [owner, stranger] = [DEMO_TENANT, "stranger"].map((tenant) => {
    return { name: `all-${tenant}`, tenant, scopes: SCOPES };
  });
  const find = (method: string, path: string): ServiceRoute => {
    const found = ROUTES.find((route) => route.method === method && route.path === path);
    if (found === undefined) throw new Error(`${method} ${path} is not in the table`);
    return found;
  };
  const snapshot = async () =>
    Promise.all(
      ["/v1/people", "/v1/clients", "/v1/policy", "/v1/lists", "/v1/policy/drafts"].map(
        async (path) => (await call(find("GET", path), owner)).text,
      ),
    );
  const before = await snapshot();
  expect(before.join()).toContain(PERSON);
  await expect(call(find("GET", "/v1/decisions/:id"), owner)).resolves.toMatchObject({ status: 200 });
  for (const route of guarded) {
    if (route.path === "/session/sign-out") continue;
    const answer = await call(route, stranger);
    if (route.isOperatorOnly) expect([shown(route), answer.status]).toEqual([shown(route), 403]);
    expect([shown(route), answer.text]).toEqual([shown(route), expect.not.stringContaining(PERSON)]);
    expect([shown(route), answer.text]).toEqual([shown(route), expect.not.stringContaining(DEMO_CLIENT_ID)]);
    if (route.path.includes(":id") || route.path.includes(":userName")) {
      expect([shown(route), answer.status]).toEqual([shown(route), expect.not.stringMatching(/^2/)]);
      expect([shown(route), Math.floor(answer.status / 100)]).toEqual([shown(route), 4]);
    }
    if (route.service === "control" && !route.path.endsWith("/check")) {
      const asked = await call(route, stranger, `?tenant=${DEMO_TENANT}`);
      // An invalid body is rejected before the tenant is checked.
      expect([shown(route), asked.status]).toEqual([
        ...[shown(route), asked.status === 422 && route.method !== "GET" ? 422 : 403],
      ]);
    }
  }
  expect(await snapshot()).toEqual(before);
});
