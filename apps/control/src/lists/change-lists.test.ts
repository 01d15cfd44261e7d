import type { ListEntry } from "@tripline/contracts/generated/tripline/events/v1/events";
import { ListEntry as ListEntryMessage } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import type { FollowedTable } from "@tripline/kafka/port";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { TestBed } from "../testing/test-bed.js";
import { OPERATOR_TENANT, startTestBed } from "../testing/test-bed.js";

const SCOPES = "lists:read lists:write";
const CARD = `ct_${"a".repeat(32)}`;
const DEVICE = `dt_${"b".repeat(32)}`;
const DAY_MS = 86_400_000;
const IN_AN_HOUR = new Date(Date.now() + 3_600_000).toISOString();

let bed: TestBed;
let table: FollowedTable;
const received = new Map<string, ListEntry>();
let wake = () => {};

beforeAll(async () => {
  bed = await startTestBed();
  table = await bed.kafka.follow({
    topic: TABLES.lists.name,
    group: "test",
    apply(changes) {
      for (const { key, value } of changes) {
        if (value === undefined) received.delete(key);
        else received.set(key, ListEntryMessage.decode(value));
      }
      wake();
    },
    onStop(error) {
      throw error;
    },
  });
  await table.ready;
});
afterAll(async () => {
  await table?.close();
  await bed?.close();
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}

/** Each test has its own tenant. */
function callerOf(tenant: string, scope = SCOPES) {
  return bed.as("ana", { tenant, scope });
}

const card = (change: object = {}) => ({ kind: "card", value: CARD, reason: "Reported stolen", ...change });

test("adds, replaces and removes an entry, and notifies the services each time", async () => {
  const caller = callerOf("one");
  const key = `one/deny/card/${CARD}`;
  await expect(
    caller.send("POST", "/v1/lists/deny/entries", { entries: [card({ expires_at: IN_AN_HOUR })] }),
  ).resolves.toEqual({ status: 200, body: { list: "deny", entries: 1 } });
  await until(() => received.has(key));
  expect(received.get(key)).toMatchObject({
    tenant: "one",
    list: "deny",
    kind: "card",
    value: CARD,
    effect: "deny",
    reason: "Reported stolen",
    author: "ana",
    expiresAtMs: Date.parse(IN_AN_HOUR),
  });
  await caller.send("POST", "/v1/lists/deny/entries", { entries: [card({ reason: " Lost " })] });
  await until(() => received.get(key)?.reason === "Lost");
  expect(received.get(key)?.expiresAtMs).toBeUndefined();
  const path = `/v1/lists/deny/entries?kind=card&value=${CARD}`;
  await expect(caller.send("DELETE", path)).resolves.toMatchObject({ status: 204 });
  await until(() => !received.has(key));
  await expect(caller.send("DELETE", path)).resolves.toMatchObject({ status: 404, body: { code: "not-found" } });
});

test("each tenant searches its own lists page by page", async () => {
  const caller = callerOf("many");
  const entries = Array.from({ length: 250 }, (_, index) => {
    return { kind: "terminal", value: `t-${String(index).padStart(3, "0")}`, reason: "Mule" };
  });
  await caller.send("POST", "/v1/lists/mules/entries", { effect: "watch", entries });
  await caller.send("POST", "/v1/lists/deny/entries", { entries: [card()] });
  const values: unknown[] = [];
  const page = z.object({ entries: z.array(z.looseObject({ value: z.string() })), next: z.string().nullable() });
  for (let after = ""; ; ) {
    const { body } = await caller.get(`/v1/lists/entries?limit=100${after}`);
    const { entries: found, next } = page.parse(body);
    values.push(...found.map(({ value }) => value));
    if (next === null) break;
    after = `&after=${encodeURIComponent(next)}`;
  }
  expect(values).toEqual([CARD, ...entries.map(({ value }) => value)]);
  await expect(caller.get("/v1/lists")).resolves.toMatchObject({
    body: {
      lists: [
        { list: "deny", effect: "deny", entries: 1 },
        { list: "mules", effect: "watch", entries: 250 },
      ],
    },
  });
  await expect(caller.get("/v1/lists/entries?value=t-007")).resolves.toMatchObject({
    body: { entries: [{ list: "mules", effect: "watch", author: "ana", expires_at: null }], next: null },
  });
  await expect(callerOf("other").get("/v1/lists/entries")).resolves.toEqual({
    status: 200,
    body: { entries: [], next: null },
  });
});

test.each<[string, string, object, string]>([
  ["a card number", "deny", card({ value: "4111 1111 1111 1111" }), "/entries/0/value must not contain a card number"],
  ["an invalid token", "deny", card({ value: "ct_1" }), "/entries/0/value must be a card token"],
  ["a device token for the kind card", "deny", card({ value: DEVICE }), "/entries/0/value must be a card token"],
  ["a BIN of 7 digits", "deny", card({ kind: "bin", value: "4222221" }), "/entries/0/value must be the first 6 or 8"],
  [
    "an e-mail address in plain text",
    "deny",
    card({ kind: "email", value: "a@b.be" }),
    "/entries/0/value must be the token of an",
  ],
  [
    "a network range in plain text",
    "deny",
    card({ kind: "ip_range", value: "192.0.2.0/24" }),
    "/entries/0/value must be the token of",
  ],
  ["an invalid country", "deny", card({ kind: "country", value: "XX" }), "/entries/0/value must be an ISO 3166-1"],
  ["an unknown kind", "deny", card({ kind: "x" }), "/entries/0/kind must be one of card, bin, device, email"],
  [
    "a card number as the reason",
    "deny",
    card({ reason: "is 4111111111111111" }),
    "/entries/0/reason must not contain",
  ],
  ["no reason", "deny", card({ reason: " " }), "/entries/0/reason must state a reason"],
  [
    "an expiry in the past",
    "deny",
    card({ expires_at: "2020-01-01T00:00:00Z" }),
    "/entries/0/expires_at must be in the",
  ],
  ["an unknown field", "deny", card({ until: 1 }), "/entries/0/until is not a known field"],
  ["a list without an effect", "mules", card(), "/effect is required for the first entry of mules"],
  ["an invalid list name", "De%20ny", card(), "/list must be 1 to 32 lower-case letters"],
])("rejects %s and names the field", async (_what, list, entry, sentence) => {
  const { status, body } = await callerOf("bad").send("POST", `/v1/lists/${list}/entries`, { entries: [entry] });
  expect([status, JSON.stringify(body)]).toEqual([422, expect.stringContaining(sentence)]);
  expect(JSON.stringify(body)).not.toMatch(/4111/);
});

test("rejects a duplicate value, another effect, too many entries and a missing scope", async () => {
  const caller = callerOf("strict");
  const post = (body: object, list = "mules") => caller.send("POST", `/v1/lists/${list}/entries`, body);
  const detailOf = async (answer: ReturnType<typeof post>) => JSON.stringify((await answer).body);
  expect(await detailOf(post({ effect: "deny", entries: [card(), card()] }))).toContain(
    "/entries/1/value has the same value as entry 0",
  );
  await post({ effect: "watch", entries: [card()] });
  expect(await detailOf(post({ effect: "deny", entries: [card()] }))).toContain(
    "/effect must be watch, because the list mules has this effect",
  );
  expect(await detailOf(post({ effect: "allow", entries: [card()] }, "deny"))).toContain(
    "/effect must be deny, because the list",
  );
  const many = Array.from({ length: 1_001 }, (_, index) => card({ kind: "terminal", value: `t${index}` }));
  expect(await detailOf(post({ entries: many }))).toContain("must have at most 1000 entries");
  const reader = callerOf("strict", "lists:read");
  await expect(reader.send("POST", "/v1/lists/deny/entries", { entries: [card()] })).resolves.toMatchObject({
    status: 403,
  });
});

test("regression #24: a tenant has at most 100 lists in addition to the built-in ones", async () => {
  const caller = callerOf("many-lists");
  const add = (list: string) => caller.send("POST", `/v1/lists/${list}/entries`, { effect: "deny", entries: [card()] });
  for (let index = 0; index < 100; index += 1) expect((await add(`l-${index}`)).status).toBe(200);
  await expect(add("one-too-many")).resolves.toMatchObject({
    status: 422,
    body: { errors: [{ pointer: "/list", detail: expect.stringContaining("already has 100 lists") }] },
  });
  for (const list of ["l-7", "deny", "confirmed-fraud"]) expect((await add(list)).status).toBe(200);
});

test("only an operator can change another tenant's lists", async () => {
  const path = "/v1/lists/deny/entries?tenant=theirs";
  const operator = bed.as("olga", { tenant: OPERATOR_TENANT, scope: SCOPES });
  await expect(operator.send("POST", path, { entries: [card()] })).resolves.toMatchObject({ status: 200 });
  await until(() => received.has(`theirs/deny/card/${CARD}`));
  expect(received.get(`theirs/deny/card/${CARD}`)?.author).toBe("olga");
  await expect(operator.get("/v1/lists/entries?tenant=")).resolves.toMatchObject({ status: 422 });
  const foreign = await callerOf("ours").send("POST", path, { entries: [card()] });
  expect(foreign).toMatchObject({ status: 403, body: { code: "tenant-foreign" } });
});

test("a later round publishes committed but unpublished entries, and removes expired ones", async () => {
  const database = connectDatabase({
    url: bed.stack.postgresUrl,
    connectionsMax: 1,
    queryTimeoutMs: 10_000,
    onIdleError: () => {},
  });
  try {
    await callerOf("crash").send("POST", "/v1/lists/deny/entries", { entries: [card()] });
    const add = (value: string, expiresAtMs: number) =>
      database.execute(
        `INSERT INTO control.list_entries (tenant, list, kind, value, reason, author, created_at, expires_at)
         VALUES ('crash', 'deny', 'terminal', $1, 'Mule', 'ana', now(), $2)`,
        [value, new Date(expiresAtMs)],
      );
    await add("t-lives", Date.now() + DAY_MS);
    await until(() => received.has("crash/deny/terminal/t-lives"));
    await database.execute("UPDATE control.list_entries SET expires_at = $1 WHERE value = 't-lives'", [
      new Date(Date.now() - 2 * DAY_MS),
    ]);
    await until(() => !received.has("crash/deny/terminal/t-lives"));
    expect(received.has(`crash/deny/card/${CARD}`)).toBe(true);
  } finally {
    await database.close();
  }
});
