import type { FeatureSource } from "@tripline/contracts/features/feature-sources";
import { RESULTS } from "@tripline/contracts/features/feature-sources";
import type { Label, PaymentUpdate, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { Row } from "./row-message.js";
import { labelOf, paymentUpdateOf, transactionOf } from "./row-message.js";
import { LakeScan } from "./scan-lake.js";

/** A record that the feature service consumes, and whether its result is in the lake. */
export type TailRecord = {
  readonly partition: number;
  readonly offset: number;
  readonly isEmitted: boolean;
} & (
  | { readonly kind: "payment"; readonly transaction: Transaction }
  | { readonly kind: "label"; readonly label: Label }
  | { readonly kind: "update"; readonly update: PaymentUpdate }
);

interface Tail {
  /** The column on which the topic is joined with the topic of its results. */
  readonly id: string;
  parse(row: Row): TailRecord;
}

const placeOf = (row: Row) => ({
  partition: Number(row.kafka_partition),
  offset: Number(row.kafka_offset),
  isEmitted: row.is_emitted === true,
});

/** How to read the records of each topic that the feature service consumes. */
export const TAILS: Readonly<Record<FeatureSource, Tail>> = {
  transactions: {
    id: "transaction_id",
    parse: (row) => ({ ...placeOf(row), kind: "payment", transaction: transactionOf(row) }),
  },
  labels: {
    id: "label_id",
    parse: (row) => ({ ...placeOf(row), kind: "label", label: labelOf(row) }),
  },
  paymentUpdates: {
    id: "update_id",
    parse: (row) => ({ ...placeOf(row), kind: "update", update: paymentUpdateOf(row) }),
  },
};

/**
 * The archived records of a topic that the feature service reads, starting at an offset, ordered by partition and
 * offset. Each partition ends with its last record that has a result in the lake. A retry by a client has no result of
 * its own, so it does not extend the range, but it counts as emitted if it is within the range. The archives must be up
 * to date.
 *
 * @param from by partition. Default: the beginning
 * @param after reads only files of log entries after these. A record whose result is in an earlier file does not count
 *   as emitted. Default: all
 * @throws TriplineError `lake-unavailable`
 */
export async function* readTail(
  lake: string,
  name: FeatureSource,
  from: ReadonlyMap<number, number>,
  after: { readonly source: number; readonly emitted: number } = { source: 0, emitted: 0 },
): AsyncGenerator<TailRecord> {
  const { id, parse } = TAILS[name];
  const scan = await LakeScan.open();
  try {
    const records = await scan.table(lake, TOPICS[name], {}, undefined, after.source);
    const results = await scan.table(lake, TOPICS[RESULTS[name]], {}, undefined, after.emitted);
    if (records === undefined || results === undefined) return;
    // The tail contains few ids; those of all results would not fit into memory.
    const rows = scan.rows(`
      WITH tail AS MATERIALIZED (SELECT * FROM ${records} WHERE ${isFrom(from)}),
        emitted AS MATERIALIZED (SELECT DISTINCT ${id} FROM ${results} WHERE ${id} IN (SELECT ${id} FROM tail)),
        firsts AS (
          SELECT ${id}, min(kafka_offset) AS kafka_offset FROM ${records} WHERE ${id} IN (SELECT ${id} FROM emitted) GROUP BY ALL
        ),
        ends AS (
          SELECT kafka_partition, max(kafka_offset) AS last FROM tail JOIN firsts USING (${id}, kafka_offset) GROUP BY ALL
        )
      SELECT tail.*, ${id} IN (SELECT ${id} FROM emitted) AS is_emitted FROM tail JOIN ends USING (kafka_partition)
      WHERE kafka_offset <= last ORDER BY kafka_partition, kafka_offset`);
    for await (const chunk of rows) for (const row of chunk) yield parse(row);
  } finally {
    await scan.close();
  }
}

function isFrom(from: ReadonlyMap<number, number>): string {
  const cases = [...from].map(([partition, offset]) => `WHEN ${partition} THEN ${offset}`);
  return cases.length === 0 ? "true" : `kafka_offset >= CASE kafka_partition ${cases.join(" ")} ELSE 0 END`;
}
