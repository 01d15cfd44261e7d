import type { RecordBatch } from "@tripline/kafka/port";
import type { ProjectionStore } from "./projection-store.js";
import { readRecords } from "./read-records.js";

/** Transactions at a time. Each keeps a core of Postgres busy and has one of the few connections of the background. */
const LANES = 2;

/**
 * Writes what a round of the consumer brings, partitions of even numbers beside those of odd ones: whatever belongs together
 * (a card, a payment with its decision and its label) is in partitions of one number.
 *
 * @throws what the first transaction throws that fails, after the other one has ended
 */
export async function projectBatches(
  store: Pick<ProjectionStore, "add">,
  batches: readonly RecordBatch[],
): Promise<void> {
  const lanes = [...Map.groupBy(batches, ({ partition }) => partition % LANES).values()];
  const ended = await Promise.allSettled(
    lanes.map(async (lane) => store.add(readRecords(lane), new Set(lane.map(({ partition }) => partition)))),
  );
  for (const one of ended) if (one.status === "rejected") throw one.reason;
}
