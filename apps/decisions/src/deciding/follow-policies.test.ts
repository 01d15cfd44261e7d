import { setTimeout as delay } from "node:timers/promises";
import { Decision, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { EventConsumer, EventProducer } from "@tripline/kafka/port";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import type { RunningService } from "@tripline/nest-kit/start-service";
import { readConfig } from "@tripline/settings/read-config";
import { writeMetrics } from "@tripline/telemetry/write-metrics";
import { decisionsConfig } from "../config.js";
import { startDecisions } from "../start-decisions.js";
import { activation, policyText, recordOf } from "../testing/activation.js";
import { payment } from "../testing/payment.js";

const EVERY_MS = 20;
/** Maximum number of a tenant's payments per round, so that a round with mixed policies would be detected. */
const PAYMENTS_EACH = 20;

let producer: EventProducer;
let listener: EventConsumer;
let start: () => Promise<RunningService>;
let services: RunningService[];
let decisions: Map<string, Decision[]>;
let wake: (() => void) | undefined;

beforeEach(async () => {
  const stack = await testStack();
  const kafka = connectKafka({ brokers: stack.kafkaBrokers, topicPrefix: stack.topicPrefix, clientId: "test" });
  const admin = await kafka.admin();
  await admin.ensureTopics();
  await admin.close();
  producer = await kafka.producer();
  decisions = new Map();
  listener = await kafka.consume({
    group: "test-inbox",
    topics: [TOPICS.decisions.name],
    async handle(batches) {
      for (const { value } of batches.flatMap(({ records }) => records)) {
        const decision = Decision.decode(value);
        decisions.set(decision.transactionId, [...(decisions.get(decision.transactionId) ?? []), decision]);
      }
      wake?.();
    },
    onStop: () => {},
  });
  await listener.ready;
  const config = readConfig(decisionsConfig, {
    PORT: "0",
    LOG_LEVEL: "silent",
    KAFKA_BROKERS: stack.kafkaBrokers.join(","),
    KAFKA_TOPIC_PREFIX: stack.topicPrefix,
    REDIS_URL: stack.redisUrl,
    REDIS_TIMEOUT_MS: String(REDIS_PATIENCE_MS),
    SCORING_ADDRESS: "127.0.0.1:1",
    SCORING_WAIT_MS_MAX: "0",
  });
  start = () => startDecisions(config);
  services = await Promise.all([start(), start()]);
  for (const { url } of services) while ((await fetch(`${url}/health/ready`)).status !== 200) await delay(EVERY_MS);
});

afterEach(async () => {
  await Promise.all(services.map((service) => service.close()));
  await listener.close();
  await producer.close();
});

async function decide(tenant: string): Promise<Decision[]> {
  const sent = Array.from({ length: PAYMENTS_EACH }, () => payment({ tenant }));
  await producer.send(sent.map(({ record }) => record));
  while (sent.some(({ id }) => !decisions.has(id))) await new Promise<void>((resolve) => (wake = resolve));
  return sent.map(({ id }) => decisions.get(id)?.[0] as Decision);
}

const said = (made: readonly Decision[]) =>
  new Set(made.map(({ policyRevision, reasons }) => `${policyRevision} ${reasons[0]?.code}`));

test("two instances use the same revision, use one revision per decision, and lose no payment during a change", async () => {
  expect(said(await decide("acme"))).toEqual(new Set(["0 NOTHING_UNUSUAL"]));
  await producer.send([recordOf(activation({ tenant: "", revision: 1, text: policyText("FOR_ALL") }))]);
  // Both instances have partitions of the topic; each wave of payments is spread over all partitions.
  while (said(await decide("acme")).has("0 NOTHING_UNUSUAL")) await delay(EVERY_MS);
  expect(said(await decide("acme"))).toEqual(new Set(["1 FOR_ALL"]));
  await producer.send([recordOf(activation({ tenant: "acme", revision: 3, text: policyText("THIRD") }))]);
  const waves: ReadonlySet<string>[] = [];
  do waves.push(said(await decide("acme")));
  while (waves.at(-1)?.has("1 FOR_ALL"));
  expect(waves.flatMap((wave) => [...wave]).filter((one) => one !== "1 FOR_ALL" && one !== "3 THIRD")).toEqual([]);
  expect(said(await decide("acme"))).toEqual(new Set(["3 THIRD"]));
  expect(said(await decide("other"))).toEqual(new Set(["1 FOR_ALL"]));
  expect([...decisions.values()].filter((made) => made.length !== 1)).toEqual([]);
});

test("a new instance uses the active policy from its first payment", async () => {
  await producer.send([recordOf(activation({ tenant: "acme", revision: 4, text: policyText("FOURTH") }))]);
  while (said(await decide("acme")).has("0 NOTHING_UNUSUAL")) await delay(EVERY_MS);
  await Promise.all(services.map((service) => service.close()));
  const waiting = decide("acme");
  services = [await start()];
  expect(said(await waiting)).toEqual(new Set(["4 FOURTH"]));
});

/**
 * A revision from an earlier release that accepted it: 50^5 comparisons, a backtracking pattern, and a swallowed error.
 */
const BOMBS = [
  ["a", "b", "c", "d", "e"].reduceRight(
    (inner, name) => `[${Array.from({ length: 50 }, () => "1").join(",")}].all(${name}, ${inner})`,
    "e > 0",
  ),
  `"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!".matches("^(a+)+$")`,
].flatMap((when, index) => [
  `  - { id: bomb-${index}, when: '${when}', reason: BOMB, action: decline, text: Bomb. }`,
  `  - { id: shadow-bomb-${index}, when: '(${when}) || true', mode: shadow, reason: BOMB, action: decline, text: Bomb. }`,
]);

test("regression #24: a rule that exceeds its budget fails alone, and affects no other tenant", async () => {
  const text = policyText("FIRST", "challenge", `${BOMBS.join("\n")}\n`);
  await producer.send([recordOf(activation({ tenant: "acme", revision: 5, text }))]);
  while (said(await decide("acme")).has("0 NOTHING_UNUSUAL")) await delay(EVERY_MS);
  const acme = await decide("acme");
  expect(said(acme)).toEqual(new Set(["5 FIRST"]));
  for (const { outcome, skippedRules, shadowHits } of acme) {
    expect(outcome).toBe(Outcome.CHALLENGE);
    expect(skippedRules).toEqual([
      { ruleId: "bomb-0", why: "budget-exceeded", inShadow: false },
      { ruleId: "shadow-bomb-0", why: "budget-exceeded", inShadow: true },
    ]);
    expect(shadowHits.map(({ ruleId }) => ruleId)).toEqual(["shadow-bomb-1"]);
  }
  expect(said(await decide("other"))).toEqual(new Set(["0 NOTHING_UNUSUAL"]));
  const metrics = (await writeMetrics()).body;
  expect(metrics).toMatch(
    /tripline_decisions_rules_skipped_total\{why="budget-exceeded",mode="shadow",tenant="acme"\} [1-9]/,
  );
  for (const { url } of services) expect((await fetch(`${url}/health/live`)).status).toBe(200);
});
