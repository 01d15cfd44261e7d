import { TriplineError } from "@tripline/contracts/error-table";
import { TOPICS } from "@tripline/contracts/topics";
import type { RecordBatch } from "@tripline/kafka/port";
import { testPayment } from "../testing/test-records.js";
import { projectBatches } from "./project-batches.js";
import type { ReadRecords } from "./read-records.js";

function batch(kind: "features" | "decisions", partition: number): RecordBatch {
  const { vector, decision } = testPayment("acme");
  const { key, value } = kind === "features" ? vector : decision;
  const topic = TOPICS[kind].name;
  const record = { topic, partition, offset: 0, key, headers: {}, timestampMs: 0, value: Buffer.from(value) };
  return { topic, partition, records: [record] };
}

test("writes partitions with the same number in one transaction, and others concurrently", async () => {
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const added: [payments: number, decisions: number, partitions: number[]][] = [];
  const store = {
    async add({ payments, decisions }: ReadRecords, partitions: ReadonlySet<number>) {
      added.push([payments.length, decisions.length, [...partitions]]);
      // Each waits until the other one has begun.
      (added.length === 1 ? first : second).resolve();
      await Promise.all([first.promise, second.promise]);
    },
  };
  await projectBatches(store, [
    ...[batch("features", 0), batch("decisions", 0), batch("decisions", 3), batch("features", 4), batch("features", 5)],
  ]);
  expect(added).toEqual([
    [2, 1, [0, 4]],
    [1, 1, [3, 5]],
  ]);
});

test("reports a failure after all transactions have ended", async () => {
  let hasEnded = false;
  const store = {
    async add(_: ReadRecords, partitions: ReadonlySet<number>) {
      if (partitions.has(0)) throw new TriplineError("database-unavailable", "It is away.");
      await new Promise((resolve) => setImmediate(resolve));
      hasEnded = true;
    },
  };
  const round = projectBatches(store, [batch("features", 0), batch("features", 1)]);
  await expect(round).rejects.toMatchObject({ code: "database-unavailable" });
  expect(hasEnded).toBe(true);
});
