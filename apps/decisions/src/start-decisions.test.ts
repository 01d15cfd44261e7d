import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Attributes } from "@opentelemetry/api";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import {
  Decision,
  DeclinedBy,
  FeatureVector,
  Outcome,
  PaymentUpdate,
  PaymentUpdateKind,
  Rung,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { DEAD_LETTER_HEADERS, HEADERS } from "@tripline/contracts/headers";
import { paymentUpdateId } from "@tripline/contracts/identifiers";
import { decisionKey, REPLY_DECISION, replyChannel } from "@tripline/contracts/redis-keys";
import { deadLetterTopic, TOPICS } from "@tripline/contracts/topics";
import { REDIS_PATIENCE_MS } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import type { Telemetry } from "@tripline/telemetry/telemetry";
import { startTelemetry } from "@tripline/telemetry/telemetry";
import { payment } from "./testing/payment.js";
import { TestBed } from "./testing/test-bed.js";

const SPEC = currentFeatureSpec();

const PROCESS = "process features";

interface FinishedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly attributes: Attributes;
}

describe("decisions", () => {
  let telemetry: Telemetry;
  let bed: TestBed;
  const spans: FinishedSpan[] = [];

  beforeAll(async () => {
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
    bed = await TestBed.start();
  });
  afterAll(async () => {
    await bed.close();
    await telemetry.shutdown();
  });
  beforeEach(() => {
    bed.scorer.probability = () => 0.01;
    bed.scorer.delayMs = 0;
  });

  test("is ready only while Kafka and Redis are available", async () => {
    const lost = await bed.startAnother({
      REDIS_URL: "redis://127.0.0.1:1",
      KAFKA_TOPIC_PREFIX: `${bed.stack.topicPrefix}other.`,
    });
    const answer = await fetch(`${lost.url}/health/ready`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ checks: { redis: expect.not.stringMatching("ok") } });
    expect((await fetch(`${lost.url}/health/live`)).status).toBe(200);
    await lost.close();
    let ready = await fetch(`${bed.service.url}/health/ready`);
    for (; ready.status !== 200; ready = await fetch(`${bed.service.url}/health/ready`)) await delay(50);
    const why = "without the model, only rules decide: REGISTRY_URL is not set.";
    expect(await ready.json()).toMatchObject({ status: "ready", checks: { scorecard: why } });
  });

  test("the model, rules and bands decide, and the decision contains the score and the versions", async () => {
    bed.scorer.probability = ([amount = 0]) => (amount > 1_000 ? 0.2 : 0.7);
    const declined = payment();
    const reviewed = payment({ values: { amount: 1_500 } });
    await bed.producer.send([declined.record, reviewed.record]);
    expect(await bed.decided(declined.id)).toMatchObject({
      outcome: Outcome.DECLINE,
      rung: Rung.MODEL,
      degradedBecause: "",
      score: Math.fround(0.7),
      modelName: "fraud",
      modelVersion: bed.scorer.modelVersion,
      featureSpecVersion: SPEC.version,
      policyVersion: expect.stringMatching(/^1\+/),
      clientTransactionId: `client-${declined.id}`,
      reasons: [{ code: "SCORE_VERY_HIGH", text: "Estimated fraud probability: 70 %." }],
    });
    const decision = await bed.decided(reviewed.id);
    expect(decision.outcome).toBe(Outcome.REVIEW);
    expect(decision.reasons.map((reason) => reason.code)).toEqual(["VERY_LARGE_AMOUNT", "SCORE_RAISED"]);
    expect(decision.reasons[0]?.text).toBe("The amount of 1,500.00 EUR is very large.");
    const [record] = await bed.decisionRecords(declined.id);
    expect(record).toMatchObject({
      key: declined.record.key,
      headers: { [HEADERS.schema]: TOPICS.decisions.schema, [HEADERS.tenant]: "demo" },
    });
  });

  test("rules decide while scoring is late or down, and the decision says why", async () => {
    await bed.restart({ SCORING_WAIT_MS_MAX: "100" });
    bed.scorer.delayMs = 5_000;
    const late = await bed.decideOne({ values: { amount: 300 } });
    expect(late).toMatchObject({
      outcome: Outcome.CHALLENGE,
      rung: Rung.RULES_ONLY,
      degradedBecause: "scoring did not respond within 100 ms",
      modelVersion: "",
      reasons: [{ code: "LARGE_AMOUNT_WITHOUT_SCORE" }],
    });
    expect(late.score).toBeUndefined();
    bed.scorer.stop();
    const down = await bed.decideOne();
    expect(down).toMatchObject({ outcome: Outcome.APPROVE, rung: Rung.RULES_ONLY });
    expect(down.degradedBecause).toMatch(/^scoring (was unreachable for|did not respond within) 100 ms$/);
    expect((await fetch(`${bed.service.url}/health/ready`)).status).toBe(200);
    bed.scorer.delayMs = 0;
    await bed.scorer.start();
    let back = down;
    while (back.rung !== Rung.MODEL) back = await bed.decideOne();
    expect(back.score).toBeCloseTo(0.01);
    await bed.restart();
  });

  test("the caller's deadline limits the wait for the score", async () => {
    bed.scorer.delayMs = 60_000;
    const startedMs = Date.now();
    const headers = { [HEADERS.deadline]: String(startedMs + 400) };
    const decision = await bed.decideOne({ headers });
    expect(decision.rung).toBe(Rung.RULES_ONLY);
    // Much less than the scorer would take, and much more than a busy machine needs.
    expect(decision.decidedAtMs).toBeLessThan(startedMs + 30_000);
  });

  test("treats a NaN score as missing", async () => {
    bed.scorer.probability = () => Number.NaN;
    const decision = await bed.decideOne();
    expect(decision).toMatchObject({ outcome: Outcome.APPROVE, rung: Rung.RULES_ONLY });
    expect(decision.degradedBecause).toBe("the model fraud returned NaN, which is not a probability");
    expect(decision.score).toBeUndefined();
  });

  test("does not use a model trained for another feature spec", async () => {
    const { modelVersion, properties } = bed.scorer;
    bed.scorer.modelVersion = "00000000beef";
    bed.scorer.properties = { ...properties, feature_spec_version: "99" };
    const decision = await bed.decideOne();
    expect(decision.rung).toBe(Rung.RULES_ONLY);
    expect(decision.degradedBecause).toContain("model 00000000beef was trained for feature spec 99");
    Object.assign(bed.scorer, { modelVersion, properties });
  });

  test("vectors of another spec version get the default decision, and the others are scored", async () => {
    const strange = payment({ specVersion: SPEC.version + 1 });
    const usual = payment();
    await bed.producer.send([strange.record, usual.record]);
    expect(await bed.decided(strange.id)).toMatchObject({
      outcome: Outcome.REVIEW,
      rung: Rung.STATIC_POLICY,
      degradedBecause: expect.stringContaining(`have spec version ${SPEC.version + 1}`),
      reasons: [{ code: "NOT_ASSESSED" }],
    });
    expect((await bed.decided(usual.id)).rung).toBe(Rung.MODEL);
  });

  test("a waiting caller gets the bytes stored in Redis", async () => {
    const waiting = connectRedis(bed.stack.redisUrl, undefined, REDIS_PATIENCE_MS);
    await awaitRedis(waiting);
    const channel = replyChannel("test");
    await waiting.subscribe(channel);
    const reply = once(waiting, "messageBuffer");
    const { id, record } = payment({ headers: { [HEADERS.replyTo]: channel } });
    await bed.producer.send([record]);
    const [, message] = (await reply) as [Buffer, Buffer];
    const stored = await bed.redis.getBuffer(decisionKey(id));
    expect(message).toEqual(Buffer.concat([Buffer.of(REPLY_DECISION), stored ?? Buffer.of()]));
    const [published] = await bed.decisionRecords(id);
    expect(published?.value).toEqual(stored);
    waiting.disconnect();
  });

  test("a retry gets the first decision, regardless of the current policy and model", async () => {
    bed.scorer.probability = () => 0.9;
    const { id, record } = payment();
    await bed.producer.send([record]);
    expect((await bed.decided(id)).outcome).toBe(Outcome.DECLINE);
    const policy = await readFile(bed.policyFile, "utf8");
    await writeFile(bed.policyFile, policy.replace("action: decline", "action: review").replace('"1"', '"1b"'));
    bed.scorer.probability = () => 0.01;
    await bed.restart();
    await bed.producer.send([record]);
    const [first, second] = await bed.decisionRecords(id, 2);
    expect(second?.value).toEqual(first?.value);
    await writeFile(bed.policyFile, policy);
    await bed.restart();
  });

  test("publishes only declines as payment updates, based on the decision in force", async () => {
    bed.scorer.probability = ([amount = 0]) => (amount > 1_000 ? 0.2 : 0.9);
    const [declined, reviewed] = [payment(), payment({ values: { amount: 1_500 } })];
    await bed.producer.send([reviewed.record, declined.record]);
    const decision = await bed.decided(declined.id);
    await bed.decided(reviewed.id);
    // Redelivers the payment with another score.
    bed.scorer.probability = () => 0.01;
    await bed.producer.send([declined.record]);
    const [first, second] = await bed.updateRecords(declined.id, 2);
    expect(first).toMatchObject({
      key: declined.record.key,
      headers: { [HEADERS.schema]: TOPICS.paymentUpdates.schema, [HEADERS.tenant]: "demo" },
    });
    expect(PaymentUpdate.decode(first?.value ?? Buffer.of())).toEqual({
      updateId: paymentUpdateId("demo", decision.clientTransactionId, ""),
      tenant: "demo",
      transactionId: declined.id,
      clientTransactionId: decision.clientTransactionId,
      cardToken: decision.cardToken,
      kind: PaymentUpdateKind.DECLINED,
      issuerCode: "",
      amountMinor: undefined,
      currency: "",
      updatedAtMs: decision.decidedAtMs,
      acceptedAtMs: decision.decidedAtMs,
      declinedBy: DeclinedBy.TRIPLINE,
      clientUpdateId: "",
    });
    expect(second?.value).toEqual(first?.value);
    // An update for this payment would be sent with its decision, before the second update of the declined payment.
    const found = await bed.inbox.until(({ topic }) => topic === TOPICS.paymentUpdates.name);
    const payments = found.map(({ value }) => PaymentUpdate.decode(value).transactionId);
    expect(payments).not.toContain(reviewed.id);
  });

  test("sends a decision that was stored but not sent because of a crash", async () => {
    const model = await bed.decideOne();
    const { id, record } = payment();
    const bytes = Decision.encode({ ...model, transactionId: id, outcome: Outcome.REVIEW }).finish();
    await bed.redis.set(decisionKey(id), Buffer.from(bytes));
    await bed.producer.send([record]);
    const [stored] = await bed.decisionRecords(id);
    expect(stored?.value).toEqual(Buffer.from(bytes));
  });

  test("dead-letters an unreadable record, and decides the records around it", async () => {
    const before = payment();
    const poison = { ...before.record, value: Buffer.from("not protobuf at all") };
    const nameless = { ...before.record, value: FeatureVector.encode(FeatureVector.decode(new Uint8Array())).finish() };
    const after = payment();
    const key = before.record.key;
    await bed.producer.send([before.record, poison, nameless, { ...after.record, key }]);
    await Promise.all([bed.decided(before.id), bed.decided(after.id)]);
    const dead = await bed.inbox.until((record) => record.topic === deadLetterTopic("features"), 2);
    expect(dead.map((record) => record.headers[DEAD_LETTER_HEADERS.code])).toEqual([
      "message-unreadable",
      "message-unreadable",
    ]);
    expect(dead[0]?.value.toString()).toBe("not protobuf at all");
    expect(dead[1]?.headers[DEAD_LETTER_HEADERS.message]).toContain("it has no transaction");
  });

  test("a valid policy change takes effect without a restart; an invalid one does not", async () => {
    const policy = await readFile(bed.policyFile, "utf8");
    await writeFile(bed.policyFile, policy.replace('version: "1"', 'version: "live"').replace("0.15", "0.001"));
    let decision = await bed.decideOne();
    while (!decision.policyVersion.startsWith("live")) decision = await bed.decideOne();
    expect(decision).toMatchObject({ outcome: Outcome.CHALLENGE, reasons: [{ code: "SCORE_RAISED" }] });
    await writeFile(bed.policyFile, policy.replace("at_least: 0.15", "at_least: 15"));
    await refusedReload();
    expect((await bed.decideOne()).policyVersion).toBe(decision.policyVersion);
    await writeFile(bed.policyFile, policy);
  });

  /** Reads a counter as an operator would see it. */
  async function refusedReload(): Promise<void> {
    const sample = /tripline_decisions_policy_reloads\S*\{[^}]*result="invalid"[^}]*\} 1/;
    for (;;) {
      const text = await (await fetch(`${bed.service.url}/metrics`)).text();
      if (sample.test(text)) return;
      await delay(50);
    }
  }

  test("each payment's trace continues through every step and shows the final decision", async () => {
    bed.scorer.probability = () => 0.7;
    const earlier = { ...(await bed.decideOne()), outcome: Outcome.REVIEW, rung: Rung.RULES_ONLY };
    const traceIds = [randomBytes(16).toString("hex"), randomBytes(16).toString("hex")];
    const payments = traceIds.map((traceId) =>
      payment({ headers: { [HEADERS.traceparent]: `00-${traceId}-00f067aa0ba902b7-01` } }),
    );
    const again = payments[1]?.id ?? "";
    const bytes = Decision.encode({ ...earlier, transactionId: again }).finish();
    await bed.redis.set(decisionKey(again), Buffer.from(bytes));
    await bed.producer.send(payments.map(({ record }) => record));
    for (const [index, { id }] of payments.entries()) {
      const [record] = await bed.decisionRecords(id);
      const traceId = traceIds[index] ?? "";
      expect(record?.headers[HEADERS.traceparent]).toContain(traceId);
      expect(JSON.stringify(bed.scorer.traceHeaders)).toContain(traceId);
    }
    expect(bed.scorer.traceHeaders.at(-1)?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    // The outermost span ends after the decision was sent.
    await bed.stopService();
    for (const traceId of traceIds) {
      const names = spans.filter((span) => span.traceId === traceId).map((span) => span.name);
      expect(names.toSorted()).toEqual(["send decisions", "explain", PROCESS, "redis set", "score"].toSorted());
    }
    const processed = traceIds.map((traceId) =>
      spans.find((span) => span.traceId === traceId && span.name === PROCESS),
    );
    expect(processed.map((span) => span?.attributes)).toMatchObject([
      {
        "tripline.payment.id": payments[0]?.id,
        "tripline.decision.outcome": "decline",
        "tripline.decision.fallback_level": "model",
        "tripline.decision.rung": "model",
      },
      {
        "tripline.payment.id": again,
        "tripline.decision.outcome": "review",
        "tripline.decision.fallback_level": "rules",
        "tripline.decision.rung": "rules_only",
      },
    ]);
    await bed.restart();
  });
});
