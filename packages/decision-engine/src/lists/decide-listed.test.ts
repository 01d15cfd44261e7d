import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { ListHit } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { decide } from "../decide-payment.js";
import { parsePolicy } from "../parse-policy.js";

const SPEC: FeatureSpec = {
  version: 3,
  windows: {},
  entities: { card: { key: "card_token", optional: false } },
  profiles: {},
  features: [{ name: "amount", kind: "amount", default: 0, sentence: "{value}" }],
};
const STATIC = 'default_decision: { default: { action: approve, reason: STATIC, text: "Open." } }';
const BANDS = 'bands: [{ at_least: 0.6, action: decline, reason: HIGH, text: "{score}" }]';

const POLICY = policyOf(`
  - { id: denied, when: lists.deny.any, action: decline, reason: DENIED, text: "{deny_entries}" }
  - { id: watched, when: lists.watch.any, action: review, reason: WATCHED, text: "{watch_entries}" }
  - { id: allowed, when: lists.allow.card, overrides_score: true, action: approve, reason: ALLOWED, text: "{allow_entries}" }
  - { id: mules, when: 'lists.named("mules").terminal', action: challenge, reason: MULES, text: "{list_entries}" }
  - { id: large, when: amount > 500, action: challenge, reason: LARGE, text: "{amount}" }
  - { id: both, when: lists.deny.any && amount >= 0, action: decline, reason: BOTH, text: "{amount}" }`);

function policyOf(rules: string) {
  return parsePolicy(`version: 1\nrules:${rules}\n${BANDS}\n${STATIC}\n`, SPEC);
}

const hit = (effect: string, change: Partial<ListHit> = {}): ListHit => {
  return { list: effect, kind: "card", effect, reason: "Reported stolen.", createdAtMs: 1, ...change };
};

function decided(
  listHits: readonly ListHit[],
  change: { score?: number; incomplete?: boolean; policy?: typeof POLICY } = {},
) {
  const { score = 0.01, incomplete = false, policy = POLICY } = change;
  const decision = decide(policy, {
    transaction: {
      transactionId: "txn_1",
      tenant: "demo",
      clientTransactionId: "c",
      cardToken: "ct_1",
      ...UNSENT,
      terminalId: "t",
      amountMinor: 100,
      currency: "EUR",
      occurredAtMs: 0,
      acceptedAtMs: 0,
    },
    features: { specVersion: 3, values: [1], incomplete },
    score: { value: score, modelName: "fraud", modelVersion: "v" },
    listHits,
    decidedAtMs: 0,
  });
  return { decision, codes: decision.reasons.map(({ code }) => code), outcome: decision.outcome };
}

test("list rules decide a listed payment, and the reason quotes the entry", () => {
  const { decision, codes, outcome } = decided([hit("deny", { expiresAtMs: Date.UTC(2026, 11, 3, 14, 5) })]);
  expect([codes, outcome]).toEqual([["DENIED", "BOTH"], Outcome.DECLINE]);
  expect(decision.reasons[0]?.text).toBe('The card is on the list "deny" until 2026-12-03 14:05 UTC: Reported stolen.');
});

test("the decision contains the entries, so that it can be reproduced", () => {
  const hits = [hit("deny", { expiresAtMs: 9 }), hit("watch")];
  expect(decided(hits).decision.listHits).toEqual(hits);
  expect(decided([]).decision.listHits).toEqual([]);
});

test("the strictest of conflicting lists wins", () => {
  expect(decided([hit("deny"), hit("allow")]).outcome).toBe(Outcome.DECLINE);
  expect(decided([hit("watch"), hit("allow")]).outcome).toBe(Outcome.REVIEW);
});

test("the policy can change the order of lists", () => {
  const milder =
    '\n  - { id: denied, when: lists.deny.any && !lists.allow.any, action: decline, reason: DENIED, text: "{deny_entries}" }';
  const policy = policyOf(milder);
  expect(decided([hit("deny")], { policy }).outcome).toBe(Outcome.DECLINE);
  expect(decided([hit("deny"), hit("allow")], { policy }).outcome).toBe(Outcome.APPROVE);
});

test("a rule with overrides_score overrides the score's band, and no other rule", () => {
  expect(decided([], { score: 0.9 }).outcome).toBe(Outcome.DECLINE);
  const allowed = decided([hit("allow")], { score: 0.9 });
  expect([allowed.codes, allowed.outcome]).toEqual([["ALLOWED"], Outcome.APPROVE]);
  expect(allowed.decision).toMatchObject({ score: 0.9, rung: Rung.MODEL });
  expect(decided([hit("allow", { kind: "terminal" })], { score: 0.9 }).outcome).toBe(Outcome.DECLINE);
});

test("a tenant's own list is found by its name, and its effect applies", () => {
  const mules = hit("watch", { list: "mules", kind: "terminal" });
  expect(decided([mules]).codes).toEqual(["WATCHED", "MULES"]);
  expect(decided([{ ...mules, kind: "card" }]).codes).toEqual(["WATCHED"]);
});

test("only list rules apply without features", () => {
  const { decision, codes, outcome } = decided([hit("deny")], { incomplete: true });
  expect([codes, outcome]).toEqual([["DENIED", "STATIC"], Outcome.DECLINE]);
  expect(decision).toMatchObject({ rung: Rung.STATIC_POLICY, listHits: [hit("deny")] });
  expect(decided([], { incomplete: true }).outcome).toBe(Outcome.APPROVE);
});
