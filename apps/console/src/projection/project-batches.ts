import type { RecordBatch } from "@tripline/kafka/port";
import type { ProjectionStore } from "./projection-store.js";
import { readRecords } from "./read-records.js";

/** Number of concurrent transactions. Each one needs a Postgres core and one of the few background connections. */
const LANES = 2;

/**
 * Writes a round of records in two concurrent transactions, one for even and one for odd partitions. Records that
 * belong together (card, payment, decision, label) are in partitions of the same number.
 *
 * @throws the error of the first failing transaction, after the other one has ended
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
