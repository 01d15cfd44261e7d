import { readFile } from "node:fs/promises";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Decision, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { decisionKey } from "@tripline/contracts/redis-keys";
import { TOPICS } from "@tripline/contracts/topics";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { parseScorecard } from "@tripline/decision-engine/parse-scorecard";
import type { Scorecard } from "@tripline/decision-engine/scorecard";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventProducer } from "@tripline/kafka/port";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import { InferenceClient } from "../scoring/inference-client.js";
import { batchDecider } from "../testing/decider.js";
import { payment } from "../testing/payment.js";
import { TestScorer } from "../testing/scorer.js";

const SPEC = currentFeatureSpec();
const POLICY = parsePolicy(await readFile(new URL("../../policy.yaml", import.meta.url), "utf8"), SPEC);
/** Fraud with certainty from 100 on, and genuine with certainty below. */
const CARD_TEXT = JSON.stringify({
  format: "tripline-scorecard",
  format_version: 1,
  feature_spec_version: SPEC.version,
  intercept: 0,
  features: [{ name: "amount", edges: [100], weights: [-5, 5] }],
});
const CARD = parseScorecard(CARD_TEXT, SPEC);

describe("payments without a model score", () => {
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
    scorer = new TestScorer();
    await scorer.start();
    client = new InferenceClient(scorer.address);
  });
  afterAll(async () => {
    client.close();
    scorer.stop();
    await producer.close();
    redis.disconnect();
  });

  async function decide(amounts: readonly number[], scorecard?: Scorecard): Promise<Decision[]> {
    const decider = batchDecider({ redis, client, producer, policy: POLICY, scorecard });
    const payments = amounts.map((amount) => payment({ values: { amount } }));
    const records = payments.map(({ record }, offset) => {
      return { ...record, value: Buffer.from(record.value), partition: 0, offset, timestampMs: Date.now() };
    });
    await (await decider.handle([{ topic: TOPICS.features.name, partition: 0, records }])).finished;
    const kept = await redis.mgetBuffer(payments.map(({ id }) => decisionKey(id)));
    return kept.map((bytes) => Decision.decode(bytes ?? Buffer.of()));
  }

  test("get the scorecard's score and reasons, without a request to the model", async () => {
    // Scoring rejects the request immediately, so there is no retry.
    scorer.failures = [3];
    scorer.contributions = (row) => row.map(() => 1);
    const [small, large] = await decide([10, 250], CARD);
    const said = {
      rung: Rung.SCORECARD,
      degradedBecause: "scoring rejected the request (INVALID_ARGUMENT)",
      modelName: "scorecard",
      modelVersion: CARD.version,
    };
    expect(small).toMatchObject({ ...said, outcome: Outcome.APPROVE });
    expect(small?.score).toBeCloseTo(1 / (1 + Math.exp(5)), 12);
    expect(large).toMatchObject({ ...said, outcome: Outcome.DECLINE });
    expect(large?.reasons.map((reason) => reason.code)).toEqual([
      ...["SCORE_VERY_HIGH", "SCORED_BY_SCORECARD", "SCORE_RAISED_BY_AMOUNT"],
    ]);
    expect(scorer.explanationRequests).toHaveLength(0);
    expect((await decide([10], CARD))[0]).toMatchObject({ rung: Rung.MODEL, modelName: "fraud" });
  });

  test("are decided by rules alone if there is no scorecard", async () => {
    scorer.failures = [3];
    const [decision] = await decide([250]);
    expect(decision).toMatchObject({ rung: Rung.RULES_ONLY, outcome: Outcome.CHALLENGE, modelName: "" });
    expect(decision?.score).toBeUndefined();
  });
});
