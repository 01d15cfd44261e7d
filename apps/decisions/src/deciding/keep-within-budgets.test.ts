import { Decision, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { decisionKey } from "@tripline/contracts/redis-keys";
import { paymentTake } from "@tripline/decision-engine/budgets";
import { REDIS_PATIENCE_MS, testStack } from "@tripline/local-stack/testing/stack";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import { DecisionStore } from "./decision-store.js";
import { budgetKey } from "./keep-within-budgets.js";
import type { StoredChoice, StoredDecision } from "./stored-decision.js";

let redises: Redis[];
let stores: DecisionStore[];
beforeAll(async () => {
  const { redisUrl } = await testStack();
  redises = [1, 2].map(() => connectRedis(redisUrl, undefined, REDIS_PATIENCE_MS));
  await Promise.all(redises.map((redis) => awaitRedis(redis)));
  stores = redises.map((redis) => new DecisionStore(redis, { DECISION_TTL_HOURS: 1 }));
});
afterAll(() => {
  for (const redis of redises) redis.disconnect();
});

const choice = (transactionId: string, outcome: Outcome): StoredChoice => ({
  bytes: Decision.encode({ ...Decision.decode(new Uint8Array()), transactionId, outcome }).finish(),
});
const takeOf = (tenant: string, outcome: Outcome, perDay: number | undefined) =>
  paymentTake({ tenant, day: "2026-07-01", perDay }, outcome);

/** A payment for review. It is challenged if the review budget is spent, and declined if both budgets are spent. */
function reviewed(tenant: string, id: string, reviews: number | undefined, challenges = 1): StoredDecision {
  const transactionId = `${tenant}_${id}`;
  return {
    transactionId,
    ...choice(transactionId, Outcome.REVIEW),
    takes: takeOf(tenant, Outcome.REVIEW, reviews),
    otherwise: [
      { ...choice(transactionId, Outcome.CHALLENGE), takes: takeOf(tenant, Outcome.CHALLENGE, challenges) },
      choice(transactionId, Outcome.DECLINE),
    ],
  };
}
const approved = (tenant: string, id: string): StoredDecision => {
  const transactionId = `${tenant}_${id}`;
  return { transactionId, ...choice(transactionId, Outcome.APPROVE) };
};
const keep = async (decisions: readonly StoredDecision[], store = stores[0]): Promise<Outcome[]> =>
  ((await store?.putIfAbsent(decisions)) ?? []).map((bytes) => Decision.decode(bytes).outcome);
const countOf = async (tenant: string, outcome: Outcome): Promise<string | null | undefined> =>
  redises[0]?.get(budgetKey(takeOf(tenant, outcome, undefined)));

const { APPROVE, CHALLENGE, REVIEW, DECLINE } = Outcome;

test("payments use a budget in order, even if they are mixed with payments that use none", async () => {
  const batch = [
    ...[reviewed("a", "1", 2), approved("a", "2"), reviewed("a", "3", 2), reviewed("a", "4", 2)],
    ...[approved("a", "5"), reviewed("a", "6", 2)],
  ];
  const wanted = [REVIEW, APPROVE, REVIEW, CHALLENGE, APPROVE, DECLINE];
  expect(await keep(batch)).toEqual(wanted);
  expect([await countOf("a", REVIEW), await countOf("a", CHALLENGE)]).toEqual(["2", "1"]);
  const stored = await redises[0]?.mgetBuffer(batch.map(({ transactionId }) => decisionKey(transactionId)));
  expect(stored?.map((bytes) => Decision.decode(bytes ?? Buffer.of()).outcome)).toEqual(wanted);
});

test("a duplicate payment keeps its decision and is not counted again", async () => {
  const batch = [reviewed("b", "1", 1), reviewed("b", "1", 1), reviewed("b", "2", 1)];
  expect(await keep(batch)).toEqual([REVIEW, REVIEW, CHALLENGE]);
  expect(await keep(batch.toReversed(), stores[1])).toEqual([CHALLENGE, REVIEW, REVIEW]);
  expect([await countOf("b", REVIEW), await countOf("b", CHALLENGE)]).toEqual(["1", "1"]);
});

test("concurrent instances never exceed a budget", async () => {
  const rounds = Array.from({ length: 40 }, (_, round) =>
    keep(
      Array.from({ length: 10 }, (_, index) => reviewed("c", `${round}-${index}`, 25, 0)),
      stores[round % 2],
    ),
  );
  const outcomes = (await Promise.all(rounds)).flat();
  expect(outcomes.filter((outcome) => outcome === REVIEW)).toHaveLength(25);
  expect(outcomes.filter((outcome) => outcome === DECLINE)).toHaveLength(375);
});

test("unconditional actions count, and each tenant and day has its own budget", async () => {
  expect(await keep([reviewed("d", "1", undefined), reviewed("d", "2", undefined), reviewed("d", "3", 2)])).toEqual([
    ...[REVIEW, REVIEW, CHALLENGE],
  ]);
  const [today] = [reviewed("d", "4", 2)];
  const tomorrow = { ...today, takes: { ...takeOf("d", REVIEW, 2), day: "2026-07-02" } };
  expect(await keep([tomorrow as StoredDecision, reviewed("e", "1", 2)])).toEqual([REVIEW, REVIEW]);
  const key = budgetKey(takeOf("d", REVIEW, undefined));
  expect(await redises[0]?.ttl(key)).toBeGreaterThan(86_400);
  expect(await redises[0]?.ttl(decisionKey("d_1"))).toBeLessThanOrEqual(3_600);
});

/** A decline that may be explored: it is approved if it is drawn and enough is left of the day's limit. */
function explorable(tenant: string, id: string, amount: number, isDrawn: boolean): StoredDecision {
  const transactionId = `${tenant}_${id}`;
  const takes = { tenant, what: "explored-eur", day: "2026-07-01", perDay: 100, units: amount, isCharged: isDrawn };
  const open = choice(transactionId, isDrawn ? APPROVE : CHALLENGE);
  return { transactionId, ...open, takes, otherwise: [choice(transactionId, DECLINE)] };
}

test("explored amounts never exceed the day's limit, and declines that were not drawn only need what is left", async () => {
  const batch = [
    explorable("f", "1", 60, true),
    explorable("f", "2", 40, false),
    explorable("f", "3", 41, false),
    explorable("f", "4", 41, true),
    explorable("f", "5", 40, true),
    explorable("f", "6", 1, false),
  ];
  const wanted = [APPROVE, CHALLENGE, DECLINE, DECLINE, APPROVE, DECLINE];
  expect(await keep(batch)).toEqual(wanted);
  expect(await keep(batch, stores[1])).toEqual(wanted);
  const key = budgetKey({ tenant: "f", what: "explored-eur", day: "2026-07-01" });
  expect(await redises[0]?.get(key)).toBe("100");
});
