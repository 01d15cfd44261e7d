import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Permission } from "../contract/session.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import { TestBrowser } from "../testing/test-browser.js";
import { SessionStore } from "./session-store.js";

let bed: TestBed;

beforeAll(async () => {
  bed = await startTestBed();
});

afterAll(() => bed?.close());

const CASE = `/api/cases/${randomUUID()}`;
const change = { revision: 1 };

/** All permissions that each route requires. */
const ROUTES: readonly (readonly [method: string, path: string, body: unknown, ...needed: Permission[]])[] = [
  ["GET", "/api/decisions", undefined, "decisions:read"],
  ["GET", "/api/decisions/txn_0", undefined, "decisions:read"],
  ["GET", "/api/health", undefined, "decisions:read"],
  ["GET", "/api/overview", undefined, "overview:read"],
  ["GET", "/api/overview/work", undefined, "overview:read"],
  ["GET", "/api/models", undefined, "models:read"],
  ["GET", "/api/models/0123456789ab", undefined, "models:read"],
  ["GET", "/api/cases", undefined, "cases:read"],
  ["GET", "/api/cases.csv", undefined, "cases:read"],
  ["GET", CASE, undefined, "cases:read"],
  ["GET", `${CASE}/payments.csv`, undefined, "cases:read"],
  ["GET", `${CASE}/report.pdf`, undefined, "cases:read"],
  ["GET", "/api/entities/terminal/T1", undefined, "cases:read"],
  ["GET", "/api/entities/merchant/m-1", undefined, "cases:read"],
  ["GET", "/api/entities/account/at_0", undefined, "cases:read", "personal:read"],
  ["GET", "/api/decisions?merchant=m-1", undefined, "decisions:read"],
  ["GET", "/api/decisions?account=at_0", undefined, "decisions:read", "personal:read"],
  ["GET", "/api/entities/card/ct_0", undefined, "cases:read", "personal:read"],
  ["GET", "/api/people", undefined, "cases:read"],
  ["GET", "/api/views", undefined, "cases:read"],
  ["PUT", "/api/views/Mine", {}, "cases:read"],
  ["DELETE", "/api/views/Mine", undefined, "cases:read"],
  [
    "POST",
    "/api/personal/open",
    { transactionIds: [`txn_${"0".repeat(32)}`], reason: "verify-identity" },
    "personal:read",
  ],
  ["POST", "/api/policy/backtest", { text: "" }, "policy:read"],
  ["POST", "/api/policy/shadow", {}, "policy:read"],
  ["POST", "/api/search", { text: "T1" }, "cases:read"],
  ["POST", "/api/cases/next", {}, "cases:write"],
  [
    "POST",
    "/api/cases/bulk",
    { cases: [{ id: randomUUID(), ...change }], change: { assign: { assignee: null } } },
    "cases:write",
  ],
  ["POST", `${CASE}/assign`, { ...change, assignee: null }, "cases:write"],
  ["POST", `${CASE}/snooze`, { ...change, untilMs: Date.now() + 3_600_000 }, "cases:write"],
  ["POST", `${CASE}/escalate`, change, "cases:write"],
  ["POST", `${CASE}/reopen`, change, "cases:write"],
  ["POST", `${CASE}/notes`, { text: "A note." }, "cases:write"],
  ["POST", `${CASE}/narrative`, {}, "cases:read"],
  ["POST", `${CASE}/attachments`, {}, "cases:write"],
  ["GET", `${CASE}/attachments/${randomUUID()}`, undefined, "cases:read", "personal:read"],
  ["DELETE", `${CASE}/attachments/${randomUUID()}`, undefined, "cases:write"],
  ["POST", `${CASE}/verdict`, { ...change, verdict: "fraud", reason: "other-fraud" }, "labels:write", "cases:write"],
  ["POST", `${CASE}/verdict/refuse`, change, "labels:write", "cases:write"],
  ["POST", `${CASE}/verdict/undo`, change, "labels:write", "cases:write"],
];

const ALL = [...new Set(ROUTES.flatMap(([, , , ...needed]) => needed))];

/** The browser of a user with these scopes. */
async function withScopes(scopes: readonly Permission[]): Promise<TestBrowser> {
  const rights = { tenant: bed.tenant, personId: "somebody", personName: "Somebody", roles: [], scopes };
  const secret = await bed.service
    .get(SessionStore)
    .create({ ...rights, endsMs: Date.now() + 3_600_000 }, { access: "none" });
  const browser = new TestBrowser(bed.service.url);
  browser.cookies.set("console", secret);
  browser.csrfToken = z.object({ csrfToken: z.string() }).parse((await browser.get("/api/session")).body).csrfToken;
  return browser;
}

test("every route requires a session", async () => {
  const stranger = new TestBrowser(bed.service.url);
  for (const [method, path, body] of [
    ...ROUTES,
    ["GET", "/api/live", undefined],
    ["GET", "/api/control/v1/lists", undefined],
    ["GET", "/api/auth/v1/people", undefined],
  ] as const) {
    expect([path, await stranger.send(method, path, body)]).toMatchObject([
      path,
      { status: 401, body: { code: "session-ended" } },
    ]);
  }
});

test.each(ALL)("without %s, a user cannot call any route that requires it", async (missing) => {
  const browser = await withScopes(ALL.filter((scope) => scope !== missing));
  for (const [method, path, body, ...needed] of ROUTES) {
    const { status } = await browser.send(method, path, body);
    if (needed.includes(missing)) expect([method, path, status]).toEqual([method, path, 403]);
    else expect([method, path, status]).not.toEqual([method, path, 403]);
  }
});
