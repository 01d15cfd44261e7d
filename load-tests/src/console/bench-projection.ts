import { projectBatches } from "@tripline/console/projection/project-batches";
import { ProjectionStore } from "@tripline/console/projection/projection-store";
import { newCard, testPayment } from "@tripline/console/testing/test-records";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { OutgoingRecord, RecordBatch } from "@tripline/kafka/port";
import type { BenchContext } from "../harness/bench-context.js";
import { ownCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import { samplesOf } from "../harness/run-contestants.js";
import { openConsoleDatabase } from "./open-console-database.js";

const ROUNDS = 5;
const PAYMENTS = 20_000;
const SHORT_PAYMENTS = 500;
/** As many as come together at a high rate: half of them payments, half their decisions. */
const TOGETHER = 2_000;
const CARDS = 5_000;
/** Of each topic. */
const PARTITIONS = TOPICS.decisions.partitions;
/** One payment in so many is held. */
const HELD_EVERY = 50;
const TENANT = "bench";
const HOUR_MS = 3_600_000;

/** From the bytes of the topics to rows, cases included; without Kafka. */
export const projectionPart: BenchPart = {
  name: "projection",
  title: "payments with their decisions, from records to committed rows of Postgres",
  run: measureProjection,
};

async function measureProjection(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const payments = isShort ? SHORT_PAYMENTS : PAYMENTS;
  const { database, postgres } = await openConsoleDatabase(context);
  const store = new ProjectionStore(database, {
    outcomes: new Set([Outcome.CHALLENGE, Outcome.REVIEW]),
    dueAfterMs: 24 * HOUR_MS,
  });
  const cards = Array.from({ length: CARDS }, newCard);
  let rounds: (readonly RecordBatch[])[] = [];
  const measured = await context.measure(
    [
      {
        name: "console",
        meters: [ownCpu("console"), postgres],
        async prepare() {
          rounds = makeRounds(payments, cards);
        },
        async run() {
          for (const batches of rounds) await projectBatches(store, batches);
          return { operations: payments };
        },
      },
    ],
    { roundsDefault: isShort ? 1 : ROUNDS, warmUpRounds: isShort ? 0 : 1 },
  );
  return {
    contestants: measured,
    summary: {
      decisions_per_s: samplesOf(measured, "console", "ops_per_s"),
      cpu_us_per_decision: samplesOf(measured, "console", "console_cpu_us_per_op"),
      postgres_us_per_decision: samplesOf(measured, "console", "postgres_cpu_us_per_op"),
    },
    notes: [
      `As the consumer hands them over: ${TOGETHER} records of ${PARTITIONS} partitions at a time, written by two transactions beside each other; one payment in ${HELD_EVERY} opens a case or joins one. The table grows with each round.`,
      "cpu_us_per_decision: of the console's process, without reading from Kafka; postgres_us_per_decision: of Postgres.",
    ],
  };
}

function makeRounds(payments: number, cards: readonly string[]): (readonly RecordBatch[])[] {
  const rounds: (readonly RecordBatch[])[] = [];
  for (let from = 0; from < payments; from += TOGETHER / 2) {
    const made = Array.from({ length: Math.min(TOGETHER / 2, payments - from) }, (_, index) => {
      const place = from + index;
      const card = (place * 7) % cards.length;
      const payment = testPayment(TENANT, {
        card: cards[card] ?? "",
        terminal: `T${place % 1_000}`,
        outcome: place % HELD_EVERY === 0 ? Outcome.REVIEW : Outcome.APPROVE,
        device: `dt_${String(place % 4_000).padStart(32, "0")}`,
      });
      return { ...payment, partition: card % PARTITIONS };
    });
    const partitions = [...Map.groupBy(made, ({ partition }) => partition)];
    rounds.push(
      partitions.flatMap(([partition, of]) => [
        batchOf(
          TOPICS.features.name,
          partition,
          Array.from(of, ({ vector }) => vector),
        ),
        batchOf(
          TOPICS.decisions.name,
          partition,
          Array.from(of, ({ decision }) => decision),
        ),
      ]),
    );
  }
  return rounds;
}

function batchOf(topic: string, partition: number, records: readonly OutgoingRecord[]): RecordBatch {
  return {
    topic,
    partition,
    records: records.map(({ key, value, headers }, offset) => {
      return { topic, partition, offset, key, headers, timestampMs: 0, value: Buffer.from(value) };
    }),
  };
}
