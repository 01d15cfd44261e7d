import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Attributes } from "@opentelemetry/api";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import {
  Decision,
  FeatureVector,
  Outcome,
  Rollout,
  RolloutStage,
  Rung,
  TrialRole,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { DEAD_LETTER_HEADERS, HEADERS } from "@tripline/contracts/headers";
import { decisionKey, REPLY_DECISION, replyChannel } from "@tripline/contracts/redis-keys";
import { deadLetterTopic, TABLES, TOPICS } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventConsumer, EventProducer, IncomingRecord } from "@tripline/kafka/port";
import type { TestStack } from "@tripline/local-stack/testing/stack";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/service-kit/config/read-config";
import { awaitRedis, connectRedis } from "@tripline/service-kit/redis/connect-redis";
import type { Telemetry } from "@tripline/service-kit/telemetry/telemetry";
import { startTelemetry } from "@tripline/service-kit/telemetry/telemetry";
import type { Redis } from "ioredis";
import { decisionsConfig } from "./config.js";
import { startDecisions } from "./start-decisions.js";
import type { PaymentChange } from "./testing/payment.js";
import { payment } from "./testing/payment.js";
import { TestScorer } from "./testing/scorer.js";

const SPEC = currentFeatureSpec();
const SHIPPED_POLICY = fileURLToPath(new URL("../policy.yaml", import.meta.url));

/** Collects what arrives on topics, and waits for it. */
class Inbox {
  readonly records: IncomingRecord[] = [];
  #waiting: (() => void)[] = [];

  push(records: readonly IncomingRecord[]): void {
    this.records.push(...records);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async until(enough: (record: IncomingRecord) => boolean, count = 1): Promise<IncomingRecord[]> {
    for (;;) {
      const found = this.records.filter(enough);
      if (found.length >= count) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

const PROCESS = "process features";

interface FinishedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly attributes: Attributes;
}

describe("decisions", () => {
  let stack: TestStack;
  let telemetry: Telemetry;
  let scorer: TestScorer;
  let producer: EventProducer;
  let listener: EventConsumer;
  let redis: Redis;
  let service: RunningService;
  let folder: string;
  let policyFile: string;
  const inbox = new Inbox();
  const spans: FinishedSpan[] = [];

  const start = (environment: Record<string, string> = {}) =>
    startDecisions(
      readConfig(decisionsConfig, {
        PORT: "0",
        LOG_LEVEL: "silent",
        KAFKA_BROKERS: stack.kafkaBrokers.join(","),
        KAFKA_TOPIC_PREFIX: stack.topicPrefix,
        REDIS_URL: stack.redisUrl,
        REDIS_TIMEOUT_MS: String(REDIS_PATIENCE_MS),
        SCORING_ADDRESS: scorer.address,
        SCORING_WAIT_MS_MAX: "5000",
        POLICY_FILE: policyFile,
        ...environment,
      }),
    );
  const restart = async (environment: Record<string, string> = {}) => {
    await service.close();
    service = await start(environment);
  };
  const decisionRecords = (id: string, count = 1) =>
    inbox.until((record) => record.topic === "decisions" && Decision.decode(record.value).transactionId === id, count);
  const decided = async (id: string) => {
    const [record] = await decisionRecords(id);
    return Decision.decode(record?.value ?? Buffer.of());
  };
  const decideOne = async (change: PaymentChange = {}) => {
    const { id, record } = payment(change);
    await producer.send([record]);
    return decided(id);
  };

  beforeAll(async () => {
    stack = await testStack();
    telemetry = startTelemetry({
      service: "decisions",
      spanProcessors: [
        {
          onStart: () => {},
          onEnd: (span) =>
            void spans.push({ name: span.name, traceId: span.spanContext().traceId, attributes: span.attributes }),
          forceFlush: async () => {},
          shutdown: async () => {},
        },
      ],
    });
    folder = await mkdtemp(join(tmpdir(), "decisions-"));
    policyFile = join(folder, "policy.yaml");
    await writeFile(policyFile, await readFile(SHIPPED_POLICY));
    scorer = new TestScorer();
    await scorer.start();
    const kafka = connectKafka({ ...stackKafka(), clientId: "test" });
    const admin = await kafka.admin();
    await admin.ensureTopics();
    await admin.close();
    producer = await kafka.producer();
    redis = connectRedis(stack.redisUrl, undefined, REDIS_PATIENCE_MS);
    await awaitRedis(redis);
    listener = await kafka.consume({
      group: "test-inbox",
      topics: [TOPICS.decisions.name, deadLetterTopic(TOPICS.features.name), deadLetterTopic(TABLES.rollouts.name)],
      handle: async (batches) => inbox.push(batches.flatMap(({ records }) => records)),
      onStop: () => {},
    });
    service = await start();
    await listener.ready;
  });
  afterAll(async () => {
    await service.close();
    await listener.close();
    await producer.close();
    redis.disconnect();
    scorer.stop();
    await telemetry.shutdown();
    await rm(folder, { recursive: true });
  });
  beforeEach(() => {
    scorer.probability = () => 0.01;
    scorer.delayMs = 0;
  });
  const stackKafka = () => ({ brokers: stack.kafkaBrokers, topicPrefix: stack.topicPrefix });

  test("ready only with Kafka and Redis; not without Redis", async () => {
    const lost = await start({ REDIS_URL: "redis://127.0.0.1:1", KAFKA_TOPIC_PREFIX: `${stack.topicPrefix}other.` });
    const answer = await fetch(`${lost.url}/health/ready`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ checks: { redis: expect.not.stringMatching("ok") } });
    expect((await fetch(`${lost.url}/health/live`)).status).toBe(200);
    await lost.close();
    let ready = await fetch(`${service.url}/health/ready`);
    for (; ready.status !== 200; ready = await fetch(`${service.url}/health/ready`)) await delay(50);
    const why = "without the model rules alone decide: REGISTRY_URL is not set.";
    expect(await ready.json()).toMatchObject({ status: "ready", checks: { scorecard: why } });
  });

  test("model, rules and bands decide; score and versions are named", async () => {
    scorer.probability = ([amount = 0]) => (amount > 1_000 ? 0.2 : 0.7);
    const declined = payment();
    const reviewed = payment({ values: { amount: 1_500 } });
    await producer.send([declined.record, reviewed.record]);
    expect(await decided(declined.id)).toMatchObject({
      outcome: Outcome.DECLINE,
      rung: Rung.MODEL,
      degradedBecause: "",
      score: Math.fround(0.7),
      modelName: "fraud",
      modelVersion: scorer.modelVersion,
      featureSpecVersion: SPEC.version,
      policyVersion: expect.stringMatching(/^1\+/),
      clientTransactionId: `client-${declined.id}`,
      reasons: [{ code: "SCORE_VERY_HIGH", text: "Estimated fraud probability: 70 %." }],
    });
    const decision = await decided(reviewed.id);
    expect(decision.outcome).toBe(Outcome.REVIEW);
    expect(decision.reasons.map((reason) => reason.code)).toEqual(["VERY_LARGE_AMOUNT", "SCORE_RAISED"]);
    expect(decision.reasons[0]?.text).toBe("The amount of 1,500.00 EUR is very large.");
    const [record] = await decisionRecords(declined.id);
    expect(record).toMatchObject({
      key: declined.record.key,
      headers: { [HEADERS.schema]: TOPICS.decisions.schema, [HEADERS.tenant]: "demo" },
    });
  });

  test("late, down, and back: rules only in between, and it says why", async () => {
    await restart({ SCORING_WAIT_MS_MAX: "100" });
    scorer.delayMs = 5_000;
    const late = await decideOne({ values: { amount: 300 } });
    expect(late).toMatchObject({
      outcome: Outcome.CHALLENGE,
      rung: Rung.RULES_ONLY,
      degradedBecause: "scoring did not answer within 100 ms",
      modelVersion: "",
      reasons: [{ code: "LARGE_AMOUNT_WITHOUT_SCORE" }],
    });
    expect(late.score).toBeUndefined();
    scorer.stop();
    const down = await decideOne();
    expect(down).toMatchObject({ outcome: Outcome.APPROVE, rung: Rung.RULES_ONLY });
    expect(down.degradedBecause).toMatch(/^scoring (was not reachable|did not answer) within 100 ms$/);
    expect((await fetch(`${service.url}/health/ready`)).status).toBe(200);
    scorer.delayMs = 0;
    await scorer.start();
    let back = down;
    while (back.rung !== Rung.MODEL) back = await decideOne();
    expect(back.score).toBeCloseTo(0.01);
    await restart();
  });

  test("a caller's deadline bounds the wait for the score", async () => {
    scorer.delayMs = 60_000;
    const startedMs = Date.now();
    const headers = { [HEADERS.deadline]: String(startedMs + 400) };
    const decision = await decideOne({ headers });
    expect(decision.rung).toBe(Rung.RULES_ONLY);
    // Far less than the scorer would take, far more than a busy machine does.
    expect(decision.decidedAtMs).toBeLessThan(startedMs + 30_000);
  });

  test("a score that is NaN counts as missing", async () => {
    scorer.probability = () => Number.NaN;
    const decision = await decideOne();
    expect(decision).toMatchObject({ outcome: Outcome.APPROVE, rung: Rung.RULES_ONLY });
    expect(decision.degradedBecause).toBe("the model fraud gave NaN, which is not a probability");
    expect(decision.score).toBeUndefined();
  });

  test("a model for another feature spec is not used", async () => {
    const { modelVersion, properties } = scorer;
    scorer.modelVersion = "00000000beef";
    scorer.properties = { ...properties, feature_spec_version: "99" };
    const decision = await decideOne();
    expect(decision.rung).toBe(Rung.RULES_ONLY);
    expect(decision.degradedBecause).toContain("the model 00000000beef was trained for feature spec 99");
    Object.assign(scorer, { modelVersion, properties });
  });

  test("features of another spec version get the static answer, beside others that are scored", async () => {
    const strange = payment({ specVersion: SPEC.version + 1 });
    const usual = payment();
    await producer.send([strange.record, usual.record]);
    expect(await decided(strange.id)).toMatchObject({
      outcome: Outcome.REVIEW,
      rung: Rung.STATIC_POLICY,
      degradedBecause: expect.stringContaining(`of spec version ${SPEC.version + 1}`),
      reasons: [{ code: "NOT_ASSESSED" }],
    });
    expect((await decided(usual.id)).rung).toBe(Rung.MODEL);
  });

  test("a waiting caller gets the bytes that are stored in Redis", async () => {
    const waiting = connectRedis(stack.redisUrl, undefined, REDIS_PATIENCE_MS);
    await awaitRedis(waiting);
    const channel = replyChannel("test");
    await waiting.subscribe(channel);
    const told = once(waiting, "messageBuffer");
    const { id, record } = payment({ headers: { [HEADERS.replyTo]: channel } });
    await producer.send([record]);
    const [, message] = (await told) as [Buffer, Buffer];
    const stored = await redis.getBuffer(decisionKey(id));
    expect(message).toEqual(Buffer.concat([Buffer.of(REPLY_DECISION), stored ?? Buffer.of()]));
    const [published] = await decisionRecords(id);
    expect(published?.value).toEqual(stored);
    waiting.disconnect();
  });

  test("the first decision stands: a retry gets the same, whatever policy and model would say by then", async () => {
    scorer.probability = () => 0.9;
    const { id, record } = payment();
    await producer.send([record]);
    expect((await decided(id)).outcome).toBe(Outcome.DECLINE);
    const policy = await readFile(policyFile, "utf8");
    await writeFile(policyFile, policy.replace("action: decline", "action: review").replace('"1"', '"1b"'));
    scorer.probability = () => 0.01;
    await restart();
    await producer.send([record]);
    const [first, second] = await decisionRecords(id, 2);
    expect(second?.value).toEqual(first?.value);
    await writeFile(policyFile, policy);
    await restart();
  });

  test("a decision that was stored but never sent, as after a crash, is sent", async () => {
    const model = await decideOne();
    const { id, record } = payment();
    const bytes = Decision.encode({ ...model, transactionId: id, outcome: Outcome.REVIEW }).finish();
    await redis.set(decisionKey(id), Buffer.from(bytes));
    await producer.send([record]);
    const [told] = await decisionRecords(id);
    expect(told?.value).toEqual(Buffer.from(bytes));
  });

  describe("while a model is rolled out", () => {
    const CANDIDATE = "0000000000ca";
    let revision = 0;

    /** Returns when the service follows it. */
    async function rollOut(stage: RolloutStage, canaryBasisPoints: number): Promise<void> {
      revision += 1;
      const value = Rollout.encode({
        ...Rollout.decode(new Uint8Array()),
        ...{ rolloutId: "rol_1", modelName: "fraud", stage, canaryBasisPoints, shadowBasisPoints: 10_000, revision },
        candidateVersion: CANDIDATE,
      }).finish();
      await producer.send([{ topic: TABLES.rollouts.name, key: "fraud", value, headers: {} }]);
      const role = { [RolloutStage.SHADOW]: TrialRole.SHADOW, [RolloutStage.CANARY]: TrialRole.CANARY }[Number(stage)];
      while ((await decideOne()).trial?.trialRole !== role);
    }

    beforeEach(() => {
      scorer.probability = () => 0.01;
      scorer.others.set(CANDIDATE, { probability: () => 0.9 });
    });
    afterAll(async () => {
      await rollOut(RolloutStage.ROLLED_BACK, 0);
    });

    test("in shadow the champion decides, and the candidate's score is on the record", async () => {
      await rollOut(RolloutStage.SHADOW, 0);
      expect(await decideOne()).toMatchObject({
        outcome: Outcome.APPROVE,
        modelVersion: scorer.modelVersion,
        trial: {
          ...{ trialRole: TrialRole.SHADOW, candidateVersion: CANDIDATE, candidateMissing: "" },
          candidateScore: Math.fround(0.9),
        },
      });
    });

    test("in the canary the candidate decides, also after a restart", async () => {
      await rollOut(RolloutStage.CANARY, 10_000);
      await restart();
      let decision = await decideOne();
      while (decision.trial === undefined) decision = await decideOne();
      expect(decision).toMatchObject({
        ...{ outcome: Outcome.DECLINE, rung: Rung.MODEL, score: Math.fround(0.9), modelVersion: CANDIDATE },
        trial: { trialRole: TrialRole.CANARY, candidateScore: Math.fround(0.9), championScore: Math.fround(0.01) },
      });
    });

    test("the first decision stands when the same payment comes again after the rollback", async () => {
      await rollOut(RolloutStage.CANARY, 10_000);
      const { id, record } = payment();
      await producer.send([record]);
      expect(await decided(id)).toMatchObject({ outcome: Outcome.DECLINE, modelVersion: CANDIDATE });
      await rollOut(RolloutStage.ROLLED_BACK, 0);
      await producer.send([record]);
      const [first, second] = await decisionRecords(id, 2);
      expect(second?.value).toEqual(first?.value);
    });

    test("a candidate that scoring does not have leaves its cards to the champion, and the decision says why", async () => {
      scorer.others.clear();
      await rollOut(RolloutStage.CANARY, 10_000);
      expect(await decideOne()).toMatchObject({
        ...{ outcome: Outcome.APPROVE, rung: Rung.MODEL, degradedBecause: "", modelVersion: scorer.modelVersion },
        trial: { trialRole: TrialRole.CANARY, candidateMissing: expect.stringMatching(/NOT_FOUND|has not answered/) },
      });
    });

    test("a rollout that cannot be read is a dead letter and changes nothing", async () => {
      await rollOut(RolloutStage.CANARY, 10_000);
      const value = Rollout.encode({ ...Rollout.decode(new Uint8Array()), canaryBasisPoints: 20_000 }).finish();
      await producer.send([{ topic: TABLES.rollouts.name, key: "fraud", value, headers: {} }]);
      await inbox.until((record) => record.topic === deadLetterTopic(TABLES.rollouts.name));
      expect((await decideOne()).trial?.trialRole).toBe(TrialRole.CANARY);
    });
  });

  test("a record that cannot be read goes to the dead letters, its neighbours are decided", async () => {
    const before = payment();
    const poison = { ...before.record, value: Buffer.from("not protobuf at all") };
    const nameless = { ...before.record, value: FeatureVector.encode(FeatureVector.decode(new Uint8Array())).finish() };
    const after = payment();
    const key = before.record.key;
    await producer.send([before.record, poison, nameless, { ...after.record, key }]);
    await Promise.all([decided(before.id), decided(after.id)]);
    const dead = await inbox.until((record) => record.topic === deadLetterTopic("features"), 2);
    expect(dead.map((record) => record.headers[DEAD_LETTER_HEADERS.code])).toEqual([
      "message-unreadable",
      "message-unreadable",
    ]);
    expect(dead[0]?.value.toString()).toBe("not protobuf at all");
    expect(dead[1]?.headers[DEAD_LETTER_HEADERS.message]).toContain("it holds no transaction");
  });

  test("a changed policy is used without a restart; a faulty one is not", async () => {
    const policy = await readFile(policyFile, "utf8");
    await writeFile(policyFile, policy.replace('version: "1"', 'version: "live"').replace("0.15", "0.001"));
    let decision = await decideOne();
    while (!decision.policyVersion.startsWith("live")) decision = await decideOne();
    expect(decision).toMatchObject({ outcome: Outcome.CHALLENGE, reasons: [{ code: "SCORE_RAISED" }] });
    await writeFile(policyFile, policy.replace("at_least: 0.15", "at_least: 15"));
    await refusedReload();
    expect((await decideOne()).policyVersion).toBe(decision.policyVersion);
    await writeFile(policyFile, policy);
  });

  /** Reads the counter that an operator would see. */
  async function refusedReload(): Promise<void> {
    const sample = /tripline_decisions_policy_reloads\S*\{[^}]*result="invalid"[^}]*\} 1/;
    for (;;) {
      const text = await (await fetch(`${service.url}/metrics`)).text();
      if (sample.test(text)) return;
      await delay(50);
    }
  }

  test("each payment's trace continues through every step, and shows the decision that stands", async () => {
    scorer.probability = () => 0.7;
    const earlier = { ...(await decideOne()), outcome: Outcome.REVIEW, rung: Rung.RULES_ONLY };
    const traceIds = [randomBytes(16).toString("hex"), randomBytes(16).toString("hex")];
    const payments = traceIds.map((traceId) =>
      payment({ headers: { [HEADERS.traceparent]: `00-${traceId}-00f067aa0ba902b7-01` } }),
    );
    const again = payments[1]?.id ?? "";
    const bytes = Decision.encode({ ...earlier, transactionId: again }).finish();
    await redis.set(decisionKey(again), Buffer.from(bytes));
    await producer.send(payments.map(({ record }) => record));
    for (const [index, { id }] of payments.entries()) {
      const [record] = await decisionRecords(id);
      const traceId = traceIds[index] ?? "";
      expect(record?.headers[HEADERS.traceparent]).toContain(traceId);
      expect(JSON.stringify(scorer.traceHeaders)).toContain(traceId);
    }
    expect(scorer.traceHeaders.at(-1)?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    // The outermost span ends after the decision was told.
    await service.close();
    for (const traceId of traceIds) {
      const names = spans.filter((span) => span.traceId === traceId).map((span) => span.name);
      expect(names.toSorted()).toEqual(["send decisions", "explain", PROCESS, "redis set", "score"].toSorted());
    }
    const told = traceIds.map((traceId) => spans.find((span) => span.traceId === traceId && span.name === PROCESS));
    expect(told.map((span) => span?.attributes)).toMatchObject([
      {
        "tripline.payment.id": payments[0]?.id,
        "tripline.decision.outcome": "decline",
        "tripline.decision.rung": "model",
      },
      { "tripline.payment.id": again, "tripline.decision.outcome": "review", "tripline.decision.rung": "rules_only" },
    ]);
    service = await start();
  });
});
