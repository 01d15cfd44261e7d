import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { EVALUATION_CRASH, EVALUATION_FAULT } from "@tripline/contracts/degraded-reasons";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Decision, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { decisionKey } from "@tripline/contracts/redis-keys";
import { TOPICS } from "@tripline/contracts/topics";
import { decide } from "@tripline/decision-engine/decide-payment";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { recordedInputs } from "@tripline/decision-engine/recorded-inputs";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { Unfinished } from "@tripline/kafka/consumer/unfinished";
import type { EventProducer, IncomingRecord, RecordBatch } from "@tripline/kafka/port";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { createLogger } from "@tripline/telemetry/logger";
import type { Redis } from "ioredis";
import { batchDecider, NO_SCORING } from "../testing/decider.js";
import type { Order } from "../testing/mortal-decider.js";
import { payment } from "../testing/payment.js";
import type { Attempt } from "./attempt-store.js";
import { AttemptStore } from "./attempt-store.js";
import { CrashGuard } from "./crash-guard.js";
import { parsePayment } from "./parse-payment.js";

const SPEC = currentFeatureSpec();
const POLICY = parsePolicy(await readFile(new URL("../../policy.yaml", import.meta.url), "utf8"), SPEC);
const MORTAL_DECIDER = fileURLToPath(new URL("../testing/mortal-decider.js", import.meta.url));
const DEADLY = 666;
const TOPIC = TOPICS.features.name;
const LOGGER = createLogger("test", "silent");

interface Delivered {
  readonly id: string;
  readonly record: IncomingRecord;
}

function delivered(amount: number, offset: number): Delivered {
  const { id, record } = payment({ values: { amount } });
  return { id, record: { ...record, value: Buffer.from(record.value), partition: 0, offset, timestampMs: 1_000 } };
}

describe("payments that cannot be evaluated", () => {
  let stack: TestStack;
  let redis: Redis;
  let producer: EventProducer;

  beforeAll(async () => {
    stack = await testStack();
    const kafka = connectKafka({ brokers: stack.kafkaBrokers, topicPrefix: stack.topicPrefix, clientId: "test" });
    const admin = await kafka.admin();
    await admin.ensureTopics();
    await admin.close();
    producer = await kafka.producer();
    redis = connectRedis(stack.redisUrl, undefined, REDIS_PATIENCE_MS);
    await awaitRedis(redis);
  });
  afterAll(async () => {
    await producer.close();
    redis.disconnect();
  });

  async function standing(payments: readonly Delivered[]): Promise<Decision[]> {
    const kept = await redis.mgetBuffer(payments.map(({ id }) => decisionKey(id)));
    return kept.map((bytes) => Decision.decode(bytes ?? Buffer.of()));
  }

  test("regression #24: a payment whose evaluation fails gets the default decision, flagged, and the others are decided", async () => {
    const decider = batchDecider({
      redis,
      producer,
      client: NO_SCORING,
      policy: POLICY,
      hits({ amountMinor }) {
        if (amountMinor === 100 * DEADLY) throw new RangeError("Invalid array length");
        return [];
      },
      scoringWaitMsMax: 0,
      contributionsWaitMsMax: 0,
    });
    const payments = [delivered(10, 0), delivered(DEADLY, 1), delivered(20, 2)];
    const batch = { topic: TOPIC, partition: 0, records: payments.map(({ record }) => record) };
    await (await decider.handle([batch])).finished;
    const [before, faulty, after] = await standing(payments);
    for (const one of [before, after]) expect(one).toMatchObject({ outcome: Outcome.APPROVE, rung: Rung.RULES_ONLY });
    expect(faulty).toMatchObject({
      outcome: Outcome.REVIEW,
      rung: Rung.STATIC_POLICY,
      degradedBecause: EVALUATION_FAULT,
      reasons: [{ code: "NOT_ASSESSED" }],
    });
    const { notEvaluated } = recordedInputs(faulty ?? Decision.decode(Buffer.of()));
    const { transaction, features: vector } = parsePayment(payments[1]?.record ?? delivered(1, 1).record);
    const decidedAtMs = faulty?.decidedAtMs ?? 0;
    const input = { transaction, features: vector, score: { missing: "" }, listHits: [], notEvaluated, decidedAtMs };
    expect(decide(POLICY, input)).toEqual(faulty);
  });

  test("the next round starts before Kafka acknowledges decisions, but the partition waits for the acknowledgement", async () => {
    const acknowledged = Promise.withResolvers<void>();
    const decider = batchDecider({
      redis,
      producer: { send: () => acknowledged.promise, close: async () => {} },
      client: NO_SCORING,
      policy: POLICY,
      scoringWaitMsMax: 0,
      contributionsWaitMsMax: 0,
    });
    const one = delivered(10, 0);
    const { finished } = await decider.handle([{ topic: TOPIC, partition: 0, records: [one.record] }]);
    let isFinished = false;
    const settled = finished.then(() => {
      isFinished = true;
    });
    expect(await standing([one])).toMatchObject([{ outcome: Outcome.APPROVE }]);
    await setImmediate();
    expect(isFinished).toBe(false);
    acknowledged.resolve();
    await settled;
  });

  test("regression #24: a payment that crashes every process gets the default decision, and the others are decided", async () => {
    const payments = [10, 20, DEADLY, 30].map((amount, index) => delivered(amount, 70 + index));
    const wanted: Order = {
      brokers: [...stack.kafkaBrokers],
      topicPrefix: stack.topicPrefix,
      redisUrl: stack.redisUrl,
      deadlyMinor: 100 * DEADLY,
      records: payments.map(({ record }) => ({ ...record, value: record.value.toString("base64") })),
    };
    const ends: (string | number)[] = [];
    while (ends.length < 8 && ends.at(-1) !== 0) ends.push(await runOnce(wanted));
    // Three processes that decide the batch, and one that decides the payment alone.
    expect(ends).toEqual(["SIGKILL", "SIGKILL", "SIGKILL", "SIGKILL", 0]);
    const decisions = await standing(payments);
    const others = decisions.filter(({ degradedBecause }) => degradedBecause !== EVALUATION_CRASH);
    expect(others.map(({ rung }) => rung)).toEqual([Rung.RULES_ONLY, Rung.RULES_ONLY, Rung.RULES_ONLY]);
    expect(decisions[2]).toMatchObject({ rung: Rung.STATIC_POLICY, reasons: [{ code: "NOT_ASSESSED" }] });
    expect(await runOnce(wanted)).toBe(0);
    expect(await standing(payments)).toEqual(decisions);
  });

  describe("attempts", () => {
    const attempts = () => new AttemptStore(redis, { KAFKA_TOPIC_PREFIX: `${stack.topicPrefix}attempts.` });
    const records = [10, 20, 30].map((amount, offset) => delivered(amount, offset).record);

    /** The guard of another process, with a decider that only records the offsets. */
    function guardOf(decided: number[][]): CrashGuard {
      const handle = async (batches: readonly RecordBatch[]) => {
        decided.push(batches.flatMap((batch) => batch.records.map(({ offset }) => offset)));
        return new Unfinished(Promise.resolve());
      };
      return new CrashGuard(attempts(), { handle }, LOGGER);
    }
    const left = (partition: number, change: Partial<Attempt>) =>
      attempts().write(TOPIC, partition, { owner: "x", isOpen: true, from: 0, to: 2, stops: 0, unsafe: [], ...change });

    test.each<[string, Partial<Attempt>, number[][]]>([
      ["finished", { isOpen: false }, [[0, 1, 2]]],
      ["unfinished once", {}, [[0, 1, 2]]],
      ["unfinished by three processes", { stops: 2 }, [[0], [1], [2]]],
      ["of earlier offsets, unfinished by three processes", { stops: 2, from: -3, to: -1 }, [[0, 1, 2]]],
    ])("that were %s", async (name, change, wanted) => {
      const partition = name.length;
      await left(partition, change);
      const decided: number[][] = [];
      await guardOf(decided).handle([{ topic: TOPIC, partition, records }]);
      expect(decided).toEqual(wanted);
      expect(await attempts().read(TOPIC, partition)).toMatchObject({ isOpen: false, to: 2 });
    });

    test("that Redis rejects do not prevent decisions", async () => {
      const decided: number[][] = [];
      await redis.lpush(`attempt:${stack.topicPrefix}attempts.${TOPIC}:91`, "not a text");
      await guardOf(decided).handle([{ topic: TOPIC, partition: 91, records }]);
      expect(decided).toEqual([[0, 1, 2]]);
    });

    test("are no longer written once a partition has been stable for a while, and are written again after a reassignment", async () => {
      const [partition, decided]: [number, number[][]] = [90, []];
      const guard = guardOf(decided);
      const many = Array.from({ length: 2_000 }, (_, offset) => ({ ...delivered(1, offset).record }));
      await guard.handle([{ topic: TOPIC, partition, records: many }]);
      const watched = await attempts().read(TOPIC, partition);
      const next = (offset: number) => [{ ...delivered(1, offset).record }];
      await (await guard.handle([{ topic: TOPIC, partition, records: next(2_000) }])).finished;
      expect(await attempts().read(TOPIC, partition)).toEqual(watched);
      await guard.handle([{ topic: TOPIC, partition, records: next(5_000) }]);
      expect(await attempts().read(TOPIC, partition)).toMatchObject({ from: 5_000, isOpen: false });
      expect(decided).toHaveLength(3);
    });
  });
});

/** @returns the exit code or signal of the process */
async function runOnce(wanted: Order): Promise<string | number> {
  const child = spawn(process.execPath, [MORTAL_DECIDER], { stdio: ["pipe", "ignore", "inherit"] });
  child.stdin.end(JSON.stringify(wanted));
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  return signal ?? code ?? -1;
}
