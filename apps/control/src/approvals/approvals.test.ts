import { randomUUID } from "node:crypto";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { TestBed, TestCaller } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import { ChangeRequests } from "./change-requests.js";

const SCOPE = "policy:read policy:write policy:approve lists:read lists:write audit:read";
const MISSING = { status: 409, body: { code: "approval-missing" } };

let bed: TestBed;
let database: Database;
let tenant: string;
beforeAll(async () => {
  bed = await startTestBed();
  const url = bed.stack.postgresUrl;
  database = connectDatabase({ url, connectionsMax: 1, queryTimeoutMs: 5_000, onIdleError() {} });
});
afterAll(async () => {
  await database?.close();
  await bed?.close();
});
beforeEach(() => {
  tenant = `t-${randomUUID().slice(0, 8)}`;
});

const as = (subject: string, more: { owner?: string; tenant?: string } = {}) =>
  bed.as(subject, { tenant, scope: SCOPE, ...more });
const change = (caller: TestCaller, settings: object) => caller.send("PUT", "/v1/policy/settings", settings);
const settle = (caller: TestCaller, id: string, how: "confirm" | "refuse") =>
  caller.send("POST", `/v1/approvals/${id}/${how}`, { note: "looked at" });

async function waiting(caller: TestCaller): Promise<{ id: string; kind: string }[]> {
  const answer = z.object({ approvals: z.array(z.looseObject({ id: z.string(), kind: z.string() })) });
  return answer.parse((await caller.get("/v1/approvals")).body).approvals;
}
async function settingsOf(caller: TestCaller): Promise<unknown> {
  const { needs_approval, lists_need_approval } = z.looseObject({}).parse((await caller.get("/v1/policy")).body);
  return [needs_approval, lists_need_approval];
}

test("regression #24: one user can enable approval, but disabling it takes two", async () => {
  const [ann, bob] = [as("ann"), as("bob")];
  await expect(change(ann, { needs_approval: true, lists_need_approval: true })).resolves.toMatchObject({
    status: 204,
  });
  expect(await settingsOf(ann)).toEqual([true, true]);
  await expect(change(ann, { needs_approval: false, note: "holidays" })).resolves.toMatchObject({
    status: 202,
    body: { waiting: [{ kind: "policy-approval-off", author: "ann", note: "holidays", takes_effect_at: null }] },
  });
  expect(await settingsOf(ann)).toEqual([true, true]);
  const [{ id } = { id: "" }] = await waiting(bob);
  await expect(settle(ann, id, "confirm")).resolves.toMatchObject(MISSING);
  await expect(settle(as("ci", { owner: "ann" }), id, "confirm")).resolves.toMatchObject(MISSING);
  await expect(settle(as("old", { owner: "" }), id, "confirm")).resolves.toMatchObject(MISSING);
  await expect(change(as("old", { owner: "" }), { needs_approval: false })).resolves.toMatchObject(MISSING);
  // Another tenant can neither see nor settle this tenant's requests.
  const stranger = as("bob", { tenant: "another" });
  expect(await waiting(stranger)).toEqual([]);
  await expect(settle(stranger, id, "confirm")).resolves.toMatchObject({ status: 404 });
  await expect(settle(stranger, id, "refuse")).resolves.toMatchObject({ status: 404 });
  await expect(settle(bob, id, "confirm")).resolves.toMatchObject({ status: 204 });
  expect(await settingsOf(ann)).toEqual([false, true]);
  await expect(settle(bob, id, "confirm")).resolves.toMatchObject({ status: 404 });
  await change(ann, { lists_need_approval: false });
  const [{ id: second } = { id: "" }] = await waiting(ann);
  await expect(settle(bob, second, "refuse")).resolves.toMatchObject({ status: 204 });
  expect(await settingsOf(ann)).toEqual([false, true]);
});

test("an unconfirmed change expires", async () => {
  const [ann, bob] = [as("ann"), as("bob")];
  await change(ann, { needs_approval: true });
  await change(ann, { needs_approval: false });
  const [{ id } = { id: "" }] = await waiting(ann);
  await database.execute("UPDATE control.change_requests SET expires_at = now() WHERE id = $1", [id]);
  await expect(settle(bob, id, "confirm")).resolves.toMatchObject({ status: 404 });
  await bed.service.get(ChangeRequests).settleDue();
  expect(await waiting(ann)).toEqual([]);
  expect(await settingsOf(ann)).toEqual([true, false]);
});

test("regression #24: a single user can break glass with a reason and after a delay, unless another user rejects it", async () => {
  const [ann, bob] = [as("ann"), as("bob")];
  await change(ann, { needs_approval: true });
  const off = { needs_approval: false, break_glass: true };
  await expect(change(ann, off)).resolves.toMatchObject({ status: 422 });
  const breakGlass = () => change(ann, { ...off, note: "Everybody else left the company." });
  await expect(breakGlass()).resolves.toMatchObject({
    status: 202,
    body: { waiting: [{ takes_effect_at: expect.any(String) }] },
  });
  const [{ id: first } = { id: "" }] = await waiting(ann);
  await bed.service.get(ChangeRequests).settleDue();
  expect(await settingsOf(ann)).toEqual([true, false]);
  await settle(bob, first, "refuse");
  await breakGlass();
  const [{ id } = { id: "" }] = await waiting(ann);
  await database.execute("UPDATE control.change_requests SET takes_effect_at = now() WHERE id = $1", [id]);
  await bed.service.get(ChangeRequests).settleDue();
  expect(await settingsOf(ann)).toEqual([false, false]);
  expect(await waiting(ann)).toEqual([]);
});

test("regression #24: entries that affect many payments wait for another user if the tenant requires it", async () => {
  const [ann, bob] = [as("ann"), as("bob")];
  const put = (caller: TestCaller, entries: object[]) => caller.send("POST", "/v1/lists/deny/entries", { entries });
  const bin = { kind: "bin", value: "411111", reason: "Leaked" };
  const terminal = { kind: "terminal", value: "t-1", reason: "Skimmer" };
  const listed = async () =>
    z
      .object({ entries: z.array(z.looseObject({ kind: z.string(), author: z.string() })) })
      .parse((await ann.get("/v1/lists/entries")).body)
      .entries.map(({ kind, author }) => `${kind} of ${author}`);
  await expect(put(ann, [{ kind: "country", value: "BE", reason: "Test" }])).resolves.toMatchObject({ status: 200 });
  await change(ann, { lists_need_approval: true });
  await expect(put(ann, [terminal])).resolves.toMatchObject({ status: 200, body: { entries: 1 } });
  await expect(put(as("old", { owner: "" }), [bin])).resolves.toMatchObject(MISSING);
  const later = new Date(Date.now() + 3_600_000).toISOString();
  await expect(
    put(ann, [
      { ...bin, expires_at: later },
      { ...terminal, value: "t-2" },
    ]),
  ).resolves.toMatchObject({
    status: 202,
    body: { list: "deny", entries: 0, waiting: { kind: "list-entries" } },
  });
  expect(await listed()).toEqual(["country of ann", "terminal of ann"]);
  const [{ id } = { id: "" }] = await waiting(bob);
  await expect(settle(ann, id, "confirm")).resolves.toMatchObject(MISSING);
  await expect(settle(bob, id, "confirm")).resolves.toMatchObject({ status: 204 });
  expect(await listed()).toEqual(["bin of ann", "country of ann", "terminal of ann", "terminal of ann"]);
});
