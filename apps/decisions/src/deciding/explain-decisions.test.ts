import { readFile } from "node:fs/promises";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Decision, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { decisionKey } from "@tripline/contracts/redis-keys";
import { TOPICS } from "@tripline/contracts/topics";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventProducer, IncomingRecord } from "@tripline/kafka/port";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import { InferenceClient } from "../scoring/inference-client.js";
import { batchDecider } from "../testing/decider.js";
import { payment } from "../testing/payment.js";
import { rowsOf, TestScorer } from "../testing/scorer.js";

const SPEC = currentFeatureSpec();
const POLICY = parsePolicy(await readFile(new URL("../../policy.yaml", import.meta.url), "utf8"), SPEC);
const AMOUNT = SPEC.features.findIndex((feature) => feature.name === "amount");
const COUNT = SPEC.features.findIndex((feature) => feature.name === "card_count_30d");

interface TestPayment {
  readonly id: string;
  readonly record: IncomingRecord;
}

/** A payment as it arrives from Kafka. Its only history is 20 payments of the card. */
function delivered(amount: number): TestPayment {
  const { id, record } = payment({ values: { amount } });
  return {
    id,
    record: { ...record, value: Buffer.from(record.value), partition: 0, offset: 0, timestampMs: Date.now() },
  };
}

describe("reasons for a raised score", () => {
  let redis: Redis;
  let producer: EventProducer;
  let scorer: TestScorer;
  let client: InferenceClient;

  beforeAll(async () => {
    const stack = await testStack();
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
  beforeEach(async () => {
    scorer = new TestScorer();
    scorer.probability = (row) => ((row[AMOUNT] ?? 0) > 100 ? 0.7 : 0.01);
    // The amount raises every score; the number of payments raises only the scores of the largest amounts.
    scorer.contributions = (row) =>
      row.map((_, index) => (index === AMOUNT ? 2 : index === COUNT ? (row[AMOUNT] ?? 0) - 300 : -1));
    await scorer.start();
    client = new InferenceClient(scorer.address);
  });
  afterEach(() => {
    client.close();
    scorer.stop();
  });

  async function decide(payments: readonly TestPayment[], contributionsWaitMsMax = 60_000): Promise<Decision[]> {
    const decider = batchDecider({ redis, client, producer, policy: POLICY, contributionsWaitMsMax });
    const records = payments.map(({ record }) => record);
    await (await decider.handle([{ topic: TOPICS.features.name, partition: 0, records }])).finished;
    const kept = await redis.mgetBuffer(payments.map(({ id }) => decisionKey(id)));
    return kept.map((bytes) => Decision.decode(bytes ?? Buffer.of()));
  }
  const codesOf = (decision: Decision | undefined) => decision?.reasons.map((reason) => reason.code);

  test("are in every decision except approve, for which no explanation is requested from scoring", async () => {
    const [approved, declined, another] = await decide([delivered(10), delivered(250), delivered(320)]);
    expect(approved).toMatchObject({ outcome: Outcome.APPROVE, rung: Rung.MODEL });
    expect(codesOf(approved)).toEqual(["NOTHING_UNUSUAL"]);
    for (const decision of [declined, another]) {
      expect(decision).toMatchObject({ outcome: Outcome.DECLINE, rung: Rung.MODEL, degradedBecause: "" });
    }
    const byAmount = (amount: number) => ({
      code: "SCORE_RAISED_BY_AMOUNT",
      text: `The amount is ${amount}.00 EUR.`,
      outcome: Outcome.APPROVE,
    });
    expect(declined?.reasons.slice(1)).toEqual([byAmount(250)]);
    expect(another?.reasons.slice(1)).toEqual([
      {
        code: "SCORE_RAISED_BY_CARD_COUNT_30D",
        text: "This card made 20 payments within 30 days.",
        outcome: Outcome.APPROVE,
      },
      byAmount(320),
    ]);
    expect(codesOf(declined)?.[0]).toBe("SCORE_VERY_HIGH");
    expect(scorer.explanationRequests).toHaveLength(1);
    expect(scorer.explanationRequests.flatMap(rowsOf).map((row) => row[AMOUNT])).toEqual([250, 320]);
    await decide([delivered(20)]);
    expect(scorer.explanationRequests).toHaveLength(1);
  });

  test("are missing if scoring has no contributions, and the payment is still decided", async () => {
    scorer.contributions = undefined;
    const [refused] = await decide([delivered(250)]);
    scorer.contributions = () => [1];
    const [unreadable] = await decide([delivered(250)]);
    for (const decision of [refused, unreadable]) {
      expect(decision).toMatchObject({ outcome: Outcome.DECLINE, rung: Rung.MODEL, degradedBecause: "" });
      expect(codesOf(decision)).toEqual(["SCORE_VERY_HIGH"]);
    }
    expect(scorer.explanationRequests).toHaveLength(2);
  });

  test("are not requested if they are switched off or there is no time", async () => {
    for (const waitMsMax of [0, 1]) {
      const [decision] = await decide([delivered(250)], waitMsMax);
      expect(decision).toMatchObject({ outcome: Outcome.DECLINE, rung: Rung.MODEL });
      expect(codesOf(decision)).toEqual(["SCORE_VERY_HIGH"]);
    }
    expect(scorer.explanationRequests).toHaveLength(0);
  });

  test("a retry gets the earlier decision, with its reasons", async () => {
    const one = delivered(250);
    const [first] = await decide([one]);
    scorer.contributions = undefined;
    expect(await decide([one])).toEqual([first]);
    expect(codesOf(first)).toContain("SCORE_RAISED_BY_AMOUNT");
  });
});
