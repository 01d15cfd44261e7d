import { asTriplineError } from "@tripline/contracts/error-table";
import type { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  Decision,
  FeatureVector,
  FraudReport,
  Label,
  PaymentUpdate,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { listFiles } from "@tripline/lake/log/list-files";
import type { LakeRow } from "@tripline/lake/read/read-rows";
import { readRows } from "@tripline/lake/read/read-rows";
import { decisionOf, fraudReportOf, labelOf, paymentUpdateOf, vectorOf } from "@tripline/lake/read/row-message";
import type { ProjectionStore } from "../projection/projection-store.js";
import { readRecords } from "../projection/read-records.js";

interface Part {
  readonly topic: string;
  readonly encode: (row: LakeRow) => Uint8Array;
  /** The lake may not have this topic, because clients need not send such events. */
  readonly isOptional?: true;
}

/** Labels first, because a labelled payment opens no case. */
const PARTS: readonly Part[] = [
  { topic: TOPICS.labels.name, encode: (row) => Label.encode(labelOf(row)).finish() },
  { topic: TOPICS.features.name, encode: (row) => FeatureVector.encode(vectorOf(row)).finish() },
  { topic: TOPICS.decisions.name, encode: (row) => Decision.encode(decisionOf(row)).finish() },
  {
    topic: TOPICS.paymentUpdates.name,
    encode: (row) => PaymentUpdate.encode(paymentUpdateOf(row)).finish(),
    isOptional: true,
  },
  {
    topic: TOPICS.fraudReports.name,
    encode: (row) => FraudReport.encode(fraudReportOf(row)).finish(),
    isOptional: true,
  },
];

export interface Rebuilding {
  readonly store: Pick<ProjectionStore, "add">;
  readonly lake: string;
  /** The days to read, in UTC, as `YYYY-MM-DD`. */
  readonly days: readonly string[];
  /** People who were erased so far. The lake still has their payments, with their tokens. Called again for each topic and day. */
  readErasures(): Promise<readonly Erasure[]>;
  /** Deletes erased data that a restored backup or the lake has brought back. */
  eraseAgain(erasure: Erasure): Promise<void>;
}

/**
 * Reads the console's data from a lake, which keeps more than the topics. It can run alongside the consumer, be
 * repeated and be killed at any point; existing rows stay unchanged.
 *
 * @returns the number of rows read, by topic
 * @throws TriplineError `not-found` if the lake has none of the topics; errors of `readRows` and `ProjectionStore.add`
 */
export async function rebuildProjection(of: Rebuilding): Promise<ReadonlyMap<string, number>> {
  // The input is checked before anything is written.
  const parts = await partsOf(of);
  const erasures = await of.readErasures();
  for (const erasure of erasures) await of.eraseAgain(erasure);
  const before = new Set(erasures.map(keyOf));
  const counts = new Map<string, number>();
  for (const { topic, encode } of parts) {
    for (const day of of.days) {
      // A payment that a running console erases meanwhile must not be stored, because the Overview has counted it.
      const erased = new Set((await of.readErasures()).map(keyOf));
      for await (const rows of readRows({ lake: of.lake, topic, days: [day] })) {
        const kept = rows.filter(({ tenant, card_token }) => !erased.has(`${tenant}/${card_token}`));
        await of.store.add(readRecords([batchOf(topic, kept, encode)]), partitionsOf(kept), true);
        counts.set(topic, (counts.get(topic) ?? 0) + kept.length);
      }
    }
  }
  // A running console erased these people before the rows came from the lake.
  for (const erasure of await of.readErasures()) if (!before.has(keyOf(erasure))) await of.eraseAgain(erasure);
  return counts;
}

/** @throws TriplineError `not-found` */
async function partsOf({ lake, days }: Pick<Rebuilding, "lake" | "days">): Promise<readonly Part[]> {
  const parts: Part[] = [];
  for (const part of PARTS) {
    try {
      await listFiles(lake, part.topic, days);
      parts.push(part);
    } catch (thrown) {
      if (part.isOptional === undefined || asTriplineError(thrown).code !== "not-found") throw thrown;
    }
  }
  return parts;
}

const keyOf = ({ tenant, subject }: Erasure): string => `${tenant}/${subject}`;

const partitionsOf = (rows: readonly LakeRow[]): Set<number> =>
  new Set(rows.map(({ kafka_partition }) => Number(kafka_partition)));

function batchOf(topic: string, rows: readonly LakeRow[], encode: Part["encode"]) {
  const records = rows.map((row) => ({
    topic,
    partition: Number(row.kafka_partition),
    offset: Number(row.kafka_offset),
    key: "",
    headers: {},
    value: Buffer.from(encode(row)),
    timestampMs: 0,
  }));
  return { topic, partition: 0, records };
}
