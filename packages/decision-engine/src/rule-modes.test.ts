import { parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { shareOf } from "./card-share.js";
import { decide } from "./decide-payment.js";
import { parsePolicy } from "./parse-policy.js";
import type { Policy } from "./policy.js";
import { switchOffRules } from "./policy.js";
import { recordedInputs } from "./recorded-inputs.js";

const SPEC = parseFeatureSpec(`
version: 7
windows: { 30d: { width: 30d, tile: 1d } }
entities: { card: { key: card_token }, terminal: { key: terminal_id, optional: true } }
features:
  - { name: amount, kind: amount, default: 0, sentence: "{value}" }
`);

const policyOf = (second: string, when = "amount > 500") => `version: 1
rules:
  - id: night
    when: amount > 100
    reason: NIGHT
    action: challenge
    text: It is night.
  - id: big
    when: ${when}
    reason: BIG
    action: decline
    text: It is big.
    ${second}
default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing is known." }
`;

const transaction: Transaction = {
  transactionId: "t",
  tenant: "acme",
  clientTransactionId: "c",
  cardToken: "ct_1",
  ...UNSENT,
  terminalId: "x",
  amountMinor: 90_000,
  currency: "EUR",
  occurredAtMs: 0,
  acceptedAtMs: 0,
};

function decideBy(text: string, cardToken = "ct_1") {
  return decideWith(parsePolicy(text, SPEC), cardToken);
}

function decideWith(policy: Policy, cardToken: string) {
  return decide(policy, {
    transaction: { ...transaction, cardToken },
    features: { specVersion: 7, values: [900], incomplete: false },
    score: { missing: "no score was requested" },
    listHits: [],
    decidedAtMs: 0,
  });
}

const SHADOW_HIT = { ruleId: "big", code: "BIG", outcome: Outcome.DECLINE };

test("a live rule decides, a shadow rule is only recorded, and a disabled rule is ignored", () => {
  expect(decideBy(policyOf("mode: live"))).toMatchObject({ outcome: Outcome.DECLINE, shadowHits: [] });
  const shadow = decideBy(policyOf("mode: shadow"));
  expect(shadow).toMatchObject({ outcome: Outcome.CHALLENGE, shadowHits: [SHADOW_HIT] });
  expect(shadow.reasons.map(({ code }) => code)).toEqual(["NIGHT"]);
  expect(decideBy(policyOf("mode: off"))).toMatchObject({ outcome: Outcome.CHALLENGE, shadowHits: [] });
});

test("regression #24: a shadow rule that cannot be evaluated changes nothing, and the decision lists it", () => {
  const faulty = "1 / (amount_minor - amount_minor) == 1";
  const skipped = (inShadow: boolean) => [{ ruleId: "big", why: "evaluation-failed", inShadow }];
  const live = decideBy(policyOf("mode: live", faulty));
  expect(live).toMatchObject({ rung: Rung.STATIC_POLICY, skippedRules: skipped(false) });
  const shadow = decideBy(policyOf("mode: shadow", faulty));
  expect(shadow).toMatchObject({ rung: Rung.RULES_ONLY, shadowHits: [], skippedRules: skipped(true) });
});

test("regression #24: a rule disabled by the control plane is skipped, and the decision records it", () => {
  const policy = switchOffRules(parsePolicy(policyOf("mode: live"), SPEC), ["big", "unknown"]);
  const decision = decideWith(policy, "ct_1");
  const skippedRules = [{ ruleId: "big", why: "switched-off", inShadow: false }];
  expect(decision).toMatchObject({ outcome: Outcome.CHALLENGE, shadowHits: [], skippedRules });
  expect(recordedInputs(decision).switchedOffRules).toEqual(["big"]);
  const shadow = switchOffRules(parsePolicy(policyOf("mode: shadow"), SPEC), ["big"]);
  expect(decideWith(shadow, "ct_1").skippedRules).toMatchObject([{ inShadow: true }]);
  const off = parsePolicy(policyOf("mode: off"), SPEC);
  expect(decideWith(switchOffRules(off, ["big"]), "ct_1").skippedRules).toEqual([]);
});

test("a live rule with a percentage decides for that share of cards, and is in shadow for the others", () => {
  const text = policyOf("percent: 20");
  const cards = Array.from({ length: 2_000 }, (_, index) => `ct_${index}`);
  const declinedBy = (policy: Policy) => cards.filter((card) => decideWith(policy, card).outcome === Outcome.DECLINE);
  const declined = declinedBy(parsePolicy(text, SPEC));
  expect(declined.length).toBeGreaterThan(340);
  expect(declined.length).toBeLessThan(460);
  expect(declined).toEqual(cards.filter((card) => shareOf(card, "big") < 20));
  const other = cards.find((card) => !declined.includes(card));
  expect(decideBy(text, other)).toMatchObject({ outcome: Outcome.CHALLENGE, shadowHits: [SHADOW_HIT] });
  // A larger share adds cards, and never replaces any.
  const wider = new Set(declinedBy(parsePolicy(policyOf("percent: 60"), SPEC)));
  expect(declined.every((card) => wider.has(card))).toBe(true);
});

test("shares are even, and shares for different purposes are independent", () => {
  const cards = Array.from({ length: 20_000 }, (_, index) => `ct_${index}`);
  const tenths = Array.from({ length: 10 }, () => 0);
  for (const card of cards)
    tenths[Math.floor(shareOf(card, "a") / 10)] = (tenths[Math.floor(shareOf(card, "a") / 10)] ?? 0) + 1;
  for (const count of tenths) expect(Math.abs(count - 2_000)).toBeLessThan(200);
  const low = cards.filter((card) => shareOf(card, "a") < 10);
  const both = low.filter((card) => shareOf(card, "b") < 10);
  expect(both.length / low.length).toBeGreaterThan(0.07);
  expect(both.length / low.length).toBeLessThan(0.13);
});

test.each([
  ["mode: sometimes", "must be one of live, shadow, off"],
  ["percent: 101", "must be from 0 to 100"],
  ["percent: many", "must be a number from 0 to 100"],
])("rejects %s", (line, expected) => {
  expect(() => parsePolicy(policyOf(line), SPEC)).toThrow(expected);
});
