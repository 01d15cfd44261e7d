import { randomUUID } from "node:crypto";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { createLogger } from "@tripline/telemetry/logger";
import { z } from "zod";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import { addDeliveries } from "./delivery-store.js";
import type { Attempted } from "./outbox.js";
import { Outbox } from "./outbox.js";
import { ATTEMPTS_IN_ORDER } from "./retry-schedule.js";
import { LOG_ROWS_MAX, WebhookUpkeep } from "./webhook-upkeep.js";

const LOGGER = createLogger("control", "silent");
/** More deliveries than one claim examines. */
const MANY = 1_000;
const TENANT = "acme";
const FINE = { failures: 0, restMs: 0, isGone: false };
const ROWS = z.looseObject({});
const URL_OF_ALL = "https://hooks.example.com/";

let bed: TestBed;
let database: Database;
let outbox: Outbox;

// Without a master key, only the test uses the outbox.
beforeAll(async () => {
  bed = await startTestBed();
  database = connectDatabase({
    url: bed.stack.postgresUrl,
    connectionsMax: 4,
    queryTimeoutMs: 10_000,
    onIdleError() {},
  });
  outbox = new Outbox(database);
});
afterAll(async () => {
  await database?.close();
  await bed?.close();
});

async function endpoint(): Promise<string> {
  const id = randomUUID();
  await database.execute(
    `INSERT INTO control.webhook_endpoints (id, tenant, url, description, event_types, created_by)
     VALUES ($1, $2, $3, '', '{case.opened}', 'lea')`,
    [id, TENANT, URL_OF_ALL],
  );
  return id;
}

const events = (endpointId: string, ...ids: readonly [id: string, orderKey: string | null][]) =>
  ids.map(([eventId, orderKey]) => {
    return {
      endpointId,
      eventId,
      tenant: TENANT,
      type: "case.opened",
      orderKey,
      payload: "{}",
      occurredAtMs: Date.now(),
    };
  });

const claim = (id: string, max: number, url = URL_OF_ALL) => outbox.claim({ id, url }, max);
const claimed = async (id: string, max = 10) => (await claim(id, max)).map((one) => one.event_id);

function settle(id: string, findings = FINE, ...attempted: readonly Partial<Attempted>[]) {
  const result = { eventId: "", attempt: 1, isDelivered: false, waitMs: 0, status: undefined, error: undefined };
  const all = attempted.map((one) => ({ ...result, ...one }));
  return outbox.settle({ id, tenant: TENANT }, all, findings);
}

const rowOf = async (id: string, eventId: string) => {
  const [row] = await database.query(
    ROWS,
    "SELECT state, attempts, is_overtaken, last_error FROM control.webhook_deliveries WHERE endpoint_id = $1 AND event_id = $2",
    [id, eventId],
  );
  return row;
};

test("creates one delivery for an event that is added twice, and none for another tenant's endpoint", async () => {
  const id = await endpoint();
  expect(await addDeliveries(database, events(id, ["a", null], ["b", null]))).toBe(2);
  expect(await addDeliveries(database, events(id, ["b", null], ["c", null]))).toBe(1);
  const foreign = events(id, ["d", null]).map((one) => ({ ...one, tenant: "other" }));
  expect(await addDeliveries(database, foreign)).toBe(0);
  expect(await claimed(id)).toEqual(["a", "b", "c"]);
});

test("claims only the oldest event of a case, and later events wait while it is being sent", async () => {
  const id = await endpoint();
  await addDeliveries(database, events(id, ["a1", "a"], ["a2", "a"], ["b1", "b"], ["x", null]));
  const both = await Promise.all([claimed(id), claimed(id)]);
  expect(both.flat().sort()).toEqual(["a1", "b1", "x"]);
  expect(await claimed(id)).toEqual([]);
  await settle(id, FINE, { eventId: "a1", isDelivered: true });
  expect(await claimed(id)).toEqual(["a2"]);
});

test("many events of one case delay neither other cases nor unordered events", async () => {
  const id = await endpoint();
  const many = Array.from({ length: MANY }, (_, index): [string, string] => [`a${index}`, "a"]);
  await addDeliveries(database, events(id, ...many, ["b1", "b"], ["b2", "b"], ["c1", "c"], ["x", null], ["y", null]));
  const both = await Promise.all([claimed(id, 32), claimed(id, 32)]);
  expect(both.flat().sort()).toEqual(["a0", "b1", "c1", "x", "y"]);
  expect(await claimed(id)).toEqual([]);
  for (const eventId of ["a0", "b1"]) await settle(id, FINE, { eventId, isDelivered: true });
  expect((await claimed(id)).sort()).toEqual(["a1", "b2"]);
  expect(await claimed(id)).toEqual([]);
});

test("claims the earliest due deliveries in a batch", async () => {
  const id = await endpoint();
  await addDeliveries(database, events(id, ["z", "z"], ["x", null], ["a", "a"], ["b", "b"]));
  expect(await claimed(id, 2)).toEqual(["z", "x"]);
  expect(await claimed(id, 2)).toEqual(["a", "b"]);
});

test("lets later events overtake an event that keeps failing and is still retried", async () => {
  const id = await endpoint();
  await addDeliveries(database, events(id, ["first", "a"], ["second", "a"]));
  for (let attempt = 1; attempt <= ATTEMPTS_IN_ORDER; attempt += 1) {
    expect(await claimed(id)).toEqual(["first"]);
    await settle(id, FINE, { eventId: "first", attempt, error: "ECONNRESET" });
  }
  expect(await rowOf(id, "first")).toEqual({
    ...{ state: "pending", attempts: ATTEMPTS_IN_ORDER, is_overtaken: true, last_error: "ECONNRESET" },
  });
  expect(await claimed(id)).toEqual(["first", "second"]);
});

test("after the lease ends, a failure changes nothing, but a success still counts", async () => {
  const id = await endpoint();
  await addDeliveries(database, events(id, ["a", null]));
  await claim(id, 1);
  await database.execute("UPDATE control.webhook_deliveries SET next_attempt_at = now() WHERE endpoint_id = $1", [id]);
  expect(await claim(id, 1)).toMatchObject([{ event_id: "a", attempts: 2 }]);
  await settle(id, FINE, { eventId: "a", attempt: 1, error: "TIMEOUT" });
  expect(await rowOf(id, "a")).toMatchObject({ state: "pending", last_error: null });
  await settle(id, FINE, { eventId: "a", attempt: 1, isDelivered: true });
  expect(await rowOf(id, "a")).toMatchObject({ state: "delivered" });
});

test("an event fails permanently when its next attempt would be after three days", async () => {
  const id = await endpoint();
  await addDeliveries(database, events(id, ["a", null]));
  await claim(id, 1);
  await settle(id, FINE, { eventId: "a", waitMs: 73 * 3_600_000, status: 500 });
  expect(await rowOf(id, "a")).toMatchObject({ state: "failed" });
});

test("has nothing due for a resting or paused endpoint, and pauses an endpoint after three days without success", async () => {
  const id = await endpoint();
  await addDeliveries(database, events(id, ["a", null]));
  const isDue = async () => (await outbox.due()).some((one) => one.id === id);
  expect(await isDue()).toBe(true);
  // This claim still has the previous URL, as if a user had changed it in the meantime.
  expect(await claim(id, 1, "https://before.example.com/")).toEqual([]);
  await settle(id, { failures: 5, restMs: 60_000, isGone: false });
  expect(await isDue()).toBe(false);
  await database.execute(
    "UPDATE control.webhook_endpoints SET rests_until = now(), failing_since = now() - interval '73 hours' WHERE id = $1",
    [id],
  );
  expect(await settle(id, { failures: 6, restMs: 0, isGone: false })).toBe("failing");
  expect(await isDue()).toBe(false);
  expect(await claimed(id)).toEqual([]);
  // Another batch that ends later does not pause it again.
  expect(await settle(id, { failures: 7, restMs: 0, isGone: true })).toBeUndefined();
});

test("regression #30: many failing endpoints do not crowd out a working one", async () => {
  const failing = await Promise.all(Array.from({ length: 260 }, () => endpoint()));
  for (const id of failing) await addDeliveries(database, events(id, ["a", null]));
  await database.execute("UPDATE control.webhook_endpoints SET failures = 5 WHERE id = ANY ($1::uuid[])", [failing]);
  const id = await endpoint();
  await addDeliveries(database, events(id, ["a", null]));
  const due = await outbox.due();
  expect(due.map((one) => one.id)).toContain(id);
  // The failing endpoints are also tried.
  expect(due.filter(({ failures }) => failures > 0)).toHaveLength(50);
  await database.execute("UPDATE control.webhook_endpoints SET is_removed = true WHERE id = ANY ($1::uuid[])", [
    failing,
  ]);
});

test("expires overdue deliveries, and deletes old rows and removed endpoints", async () => {
  const [id, removed] = [await endpoint(), await endpoint()];
  await addDeliveries(database, events(id, ["late", null], ["old", null], ["new", null]));
  await addDeliveries(database, events(removed, ["x", null]));
  await database.execute(
    "UPDATE control.webhook_deliveries SET gives_up_at = now() - interval '1 s' WHERE event_id = 'late' AND endpoint_id = $1",
    [id],
  );
  await database.execute(
    "UPDATE control.webhook_deliveries SET state = 'delivered', created_at = now() - interval '31 days' WHERE event_id = 'old' AND endpoint_id = $1",
    [id],
  );
  await database.execute("UPDATE control.webhook_endpoints SET is_removed = true WHERE id = $1", [removed]);
  const upkeep = new WebhookUpkeep(database, { WEBHOOK_LOG_DAYS: 30 }, LOGGER);
  await upkeep.look();
  expect(await rowOf(id, "late")).toMatchObject({ state: "failed", last_error: "expired" });
  expect(await rowOf(id, "old")).toBeUndefined();
  expect(await rowOf(id, "new")).toMatchObject({ state: "pending" });
  const left = await database.query(ROWS, "SELECT id FROM control.webhook_endpoints WHERE id = $1", [removed]);
  expect(left).toEqual([]);
  await upkeep.onApplicationShutdown();
});

test("regression #30: a failing cleanup step does not stop the other steps", async () => {
  const [id, removed] = [await endpoint(), await endpoint()];
  await addDeliveries(database, events(id, ["late", null]));
  await addDeliveries(database, events(removed, ["x", null]));
  await database.execute(
    "UPDATE control.webhook_deliveries SET gives_up_at = now() - interval '1 s' WHERE endpoint_id = $1",
    [id],
  );
  await database.execute("UPDATE control.webhook_endpoints SET is_removed = true WHERE id = $1", [removed]);
  const broken: Database = {
    ...database,
    async execute(text, values) {
      if (text.includes("is_full")) throw new Error("canceling statement due to statement timeout");
      return database.execute(text, values);
    },
  };
  const upkeep = new WebhookUpkeep(broken, { WEBHOOK_LOG_DAYS: 30 }, LOGGER);
  await upkeep.look();
  expect(await rowOf(id, "late")).toMatchObject({ state: "failed" });
  expect(await rowOf(removed, "x")).toBeUndefined();
  await upkeep.onApplicationShutdown();
});

test("limits the size of an endpoint's delivery log, but keeps undelivered events", async () => {
  const id = await endpoint();
  await database.execute(
    `INSERT INTO control.webhook_deliveries
       (endpoint_id, event_id, tenant, event_type, payload, occurred_at, gives_up_at, state)
     SELECT $1, 'e' || n, $2, 'case.opened', '{}', now() + n * interval '1 ms', now() + interval '1 day',
       CASE n WHEN 1 THEN 'failed' WHEN 2 THEN 'pending' ELSE 'delivered' END
     FROM generate_series(1, $3::int) n`,
    [id, TENANT, LOG_ROWS_MAX + 4],
  );
  const upkeep = new WebhookUpkeep(database, { WEBHOOK_LOG_DAYS: 30 }, LOGGER);
  await upkeep.look();
  const states = await Promise.all([1, 2, 3, 4, 5].map(async (n) => (await rowOf(id, `e${n}`))?.state));
  expect(states).toEqual(["failed", "pending", undefined, undefined, "delivered"]);
  await upkeep.onApplicationShutdown();
});
