import { TOPICS } from "@tripline/contracts/topics";
import type { IncomingRecord } from "@tripline/kafka/port";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Subscription } from "./subscriptions.js";
import { WebhookEventsController } from "./webhook-events.controller.js";

const NOW_MS = 1_800_000_000_000;
const HOUR_MS = 3_600_000;

/** An invalid record, so that any attempt to decode it fails. */
const unreadable: IncomingRecord = {
  ...{ topic: TOPICS.decisions.name, partition: 0, offset: 7, key: "k", timestampMs: NOW_MS },
  value: Buffer.from([0xff]),
  headers: {},
};

function controllerOf(createdAtMs: number) {
  const endpoint: Subscription = {
    ...{ id: "a", tenant: "acme", createdAtMs, isFull: false },
    types: new Set(["decision.decline"]),
  };
  const subscriptions = { read: async () => [endpoint], noteMissed: async () => undefined };
  const queries = { execute: async () => 0, query: async () => [] };
  const database = { ...queries, transaction: (run: (on: typeof queries) => unknown) => run(queries) };
  const handled: number[] = [];
  const positions = {
    handled: (batches: readonly { readonly records: readonly IncomingRecord[] }[]) =>
      void handled.push(...batches.flatMap(({ records }) => records.map(({ offset }) => offset))),
  };
  const controller = new WebhookEventsController(database as unknown as Database, subscriptions as never, positions, {
    OPERATOR_TENANT: "bank",
  });
  const { topic, partition } = unreadable;
  return { handled, handle: () => controller.handle([{ topic, partition, records: [unreadable] }]) };
}

test("skips records older than every endpoint without decoding them", async () => {
  const { handle, handled } = controllerOf(NOW_MS + HOUR_MS);
  await handle();
  expect(handled).toEqual([7]);
});

test("decodes a record that an endpoint may need, even if the endpoint's clock is slightly behind", async () => {
  const { handle, handled } = controllerOf(NOW_MS + 1_000);
  await expect(handle()).rejects.toMatchObject({ code: "message-unreadable" });
  expect(handled).toEqual([]);
});
