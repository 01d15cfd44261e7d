import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backfill } from "@tripline/backfill/backfill";
import { fileSource } from "@tripline/backfill/input/transactions-source";
import { writeHistory } from "@tripline/backfill/input/write-history";
import { readSnapshot } from "@tripline/backfill/states/state-snapshot";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { AppliedLabel, FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { CountedEvent } from "@tripline/feature-engine/apply/counted-event";
import { stateKeysOf } from "@tripline/feature-engine/apply/counted-event";
import type { FoldedPayment } from "@tripline/feature-engine/apply/fold-in-order";
import { FoldInOrder } from "@tripline/feature-engine/apply/fold-in-order";
import { featuresConfig } from "@tripline/features/config";
import { startFeatures } from "@tripline/features/start-features";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import { readConfig } from "@tripline/settings/read-config";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { readTopic } from "@tripline/system/ledger/ledger";
import { produceHistory } from "@tripline/system/replay/produce-history";
import type { Redis } from "ioredis";

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2025, 0, 6);
const UNTIL_MS = START_MS + 12 * DAY_MS;
const INSTANCES = 3;
const SETTLE_POLLS_MAX = 400;
const SETTLE_POLL_MS = 100;

const DIFFERENCES_SHOWN_MAX = 5;
const engine = compileEngine(currentFeatureSpec());

const folder = mkdtempSync(join(tmpdir(), "tripline-fleet-"));
let redis: Redis | undefined;
afterAll(() => {
  redis?.disconnect();
  rmSync(folder, { recursive: true, force: true });
});

test("a history that many services read from Kafka gives the same features and states as a backfill on one machine", async () => {
  const { kafkaBrokers, topicPrefix, redisUrl } = await testStack();
  const [input, statePath] = [join(folder, "history.parquet"), join(folder, "state.bin")];
  const simulation = { seed: 5, cards: 120, terminals: 60, startMs: START_MS };
  await writeHistory({ simulation, untilMs: UNTIL_MS, tenant: "demo", cardTokenKey: Buffer.alloc(32, 1), path: input });
  const single = await backfill({
    spec: engine.spec,
    source: fileSource(input),
    tenant: "demo",
    outputPath: join(folder, "features.parquet"),
    statePath,
  });

  const kafka = connectKafka({ brokers: kafkaBrokers, topicPrefix, clientId: "fleet" });
  const admin = await kafka.admin();
  await admin.ensureTopics();
  const environment = {
    PORT: "0",
    LOG_LEVEL: "silent",
    KAFKA_BROKERS: kafkaBrokers.join(","),
    KAFKA_TOPIC_PREFIX: topicPrefix,
    REDIS_URL: redisUrl,
  };
  const readCounted = async (): Promise<CountedEvent[]> => {
    const events: CountedEvent[] = [];
    await readTopic(kafka, TOPICS.features.name, ({ value }) => {
      events.push({ kind: "payment", vector: FeatureVector.decode(value) });
    });
    await readTopic(kafka, TOPICS.appliedLabels.name, ({ value }) => {
      events.push({ kind: "label", applied: AppliedLabel.decode(value) });
    });
    return events;
  };
  const fleet = await Promise.all(
    Array.from({ length: INSTANCES }, () => startFeatures(readConfig(featuresConfig, environment))),
  );
  const producer = await kafka.producer();
  try {
    const produced = await produceHistory({ source: fileSource(input), tenant: "demo", producer });
    expect(produced).toEqual({ payments: single.rows, labels: single.labels });
    await settled(async () => countedIds(await readCounted()), produced);
  } finally {
    await producer.close();
    await Promise.all(fleet.map((service) => service.close()));
    await admin.close();
  }

  const events = await readCounted();
  expect(numbersGivenTwice(events)).toEqual([]);
  const folded: FoldedPayment[] = [];
  const folding = new FoldInOrder({ engine, onPayment: (payment) => folded.push(payment) });
  for (const event of events) folding.add(event);
  // Compares counts only: one lost count changes all later values, and the diff would be as long as the history.
  expect(folding.stuck.length).toBe(0);
  expect(folded.length).toBe(single.rows);
  expect(folded.filter(({ vector, values }) => !sameValues(vector.values, values)).length).toBe(0);

  const connection = connectRedis(redisUrl, undefined, REDIS_PATIENCE_MS);
  redis = connection;
  await awaitRedis(connection);
  let states = 0;
  const differing: string[] = [];
  for await (const [key, value] of readSnapshot(statePath, () => {})) {
    const entity = engine.entities.findIndex(({ name }) => key.startsWith(`state:${name}:`));
    const counted = engine.decodeState(entity, await connection.getBuffer(key));
    const computed = engine.decodeState(entity, value);
    const [read, expected] = [counted, computed].map((state) => engine.readEntity(entity, state, UNTIL_MS));
    if (!sameValues(read ?? [], expected ?? [])) differing.push(`${key}: ${counted.sequence} of ${computed.sequence}`);
    states += 1;
  }
  expect(differing.slice(0, DIFFERENCES_SHOWN_MAX)).toEqual([]);
  expect(states).toBeGreaterThan(180);
});

/** A few of the sequence numbers that two different events share, if there are any. */
function numbersGivenTwice(events: readonly CountedEvent[]): string[] {
  const owners = new Map<string, string>();
  const twice = new Set<string>();
  for (const event of events) {
    const { sequences } = event.kind === "payment" ? event.vector : event.applied;
    const id = idOf(event);
    if (id === undefined) continue;
    const keys = stateKeysOf(engine, event);
    sequences.forEach((number, entity) => {
      const key = keys[entity];
      if (number === 0 || key === undefined) return;
      const place = `${key} ${number}`;
      if ((owners.get(place) ?? id) !== id) twice.add(place);
      owners.set(place, id);
    });
  }
  return [...twice].slice(0, DIFFERENCES_SHOWN_MAX);
}

function sameValues(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((value, index) => Object.is(value, other[index]));
}

/** Number of distinct events: an instance that lost a partition may have emitted some events twice. */
function countedIds(events: readonly CountedEvent[]): number {
  return new Set(events.map(idOf)).size;
}

function idOf(event: CountedEvent): string | undefined {
  if (event.kind === "payment") return event.vector.transaction?.transactionId;
  return event.kind === "label" ? event.applied.label?.labelId : event.applied.update?.updateId;
}

async function settled(count: () => Promise<number>, wanted: { readonly payments: number; readonly labels: number }) {
  for (let poll = 0; poll < SETTLE_POLLS_MAX; poll += 1) {
    if ((await count()) >= wanted.payments + wanted.labels) return;
    await new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
  }
  throw new Error(`only ${await count()} of ${wanted.payments + wanted.labels} events were counted`);
}
