import { rolloutPlan } from "../rollouts/rollout-plan.js";
import type { Change } from "../rollouts/rollout-state.js";
import type { ModelPast, PromotionLimits } from "./promotion-limits.js";
import { limitsRequest, whyOutside } from "./promotion-limits.js";

const NOW_MS = Date.UTC(2026, 2, 1);
const DAY_MS = 86_400_000;
const PROMOTION: Change = { stage: "champion", canaryBasisPoints: 0 };
const PAST: ModelPast = { promotions: 0, wasRolledBack: false };
const OFFLINE = {
  champion: "0123456789ab",
  is_as_good: false,
  is_retrained: true,
  money: "It saves 12.00 EUR per day.",
};

function limitsOf(allowed: object = {}, change: Partial<PromotionLimits> = {}): PromotionLimits {
  const given = { owner: "Fraud models", expires_at: new Date(Date.now() + DAY_MS).toISOString(), ...allowed };
  const { expires_at: _, ...limits } = limitsRequest.parse(given);
  const signature = { signedBy: "bob", signedAtMs: NOW_MS };
  return { limits, expiresAtMs: NOW_MS + DAY_MS, setBy: "ann", setAtMs: NOW_MS - DAY_MS, ...signature, ...change };
}

function rolloutOf(offline: Partial<typeof OFFLINE> | undefined = {}, guards: object = {}) {
  const plan = rolloutPlan.parse({ guards: { label_days: 30, ...guards } });
  const money: string | null = offline.money === "" ? null : (offline.money ?? OFFLINE.money);
  return { canaryBasisPoints: 2_500, offline: { ...OFFLINE, ...offline, money }, plan };
}

test("a retrained version within signed limits needs no signature of its own", () => {
  expect(whyOutside(limitsOf(), PAST, rolloutOf(), PROMOTION, NOW_MS)).toBeUndefined();
  const asGood = limitsOf({ may_be_as_good: true, needs_money: false });
  expect(whyOutside(asGood, PAST, rolloutOf({ is_as_good: true, money: "" }), PROMOTION, NOW_MS)).toBeUndefined();
});

test.each([
  ["unsigned limits", limitsOf({}, { signedBy: null }), PAST, rolloutOf(), "Nobody has signed the limits"],
  ["expired limits", limitsOf({}, { expiresAtMs: NOW_MS }), PAST, rolloutOf(), "expired on 2026-03-01T00:00:00.000Z"],
  ["a rollback", limitsOf(), { ...PAST, wasRolledBack: true }, rolloutOf(), "must be set and signed again"],
  ["too many promotions", limitsOf(), { ...PAST, promotions: 4 }, rolloutOf(), "allow 4 promotions within 30 days"],
  ["too large a share", limitsOf({ percent_max: 50 }), PAST, rolloutOf(), "allow 50 % of the cards, not 100 %"],
  ["a version registered by hand", limitsOf(), PAST, rolloutOf({ is_retrained: false }), "that retraining compared"],
  ["no comparison", limitsOf(), PAST, { ...rolloutOf(), offline: undefined }, "that retraining compared"],
  ["a version that is only as good", limitsOf(), PAST, rolloutOf({ is_as_good: true }), "require a better one"],
  ["no comparison in money", limitsOf(), PAST, rolloutOf({ money: "" }), "require a comparison in money"],
  ["fewer mature labels", limitsOf(), PAST, rolloutOf({}, { mature_labels_min: 9 }), "waits for 9 mature labels"],
  ["younger labels", limitsOf(), PAST, rolloutOf({}, { label_days: 1 }), "mature after 1 days"],
  ["a wider guard", limitsOf(), PAST, rolloutOf({}, { outcome_ratio_max: 9 }), "a wider guard than the default"],
])("a user must sign in case of %s", (_, limits, past, rollout, why) => {
  expect(whyOutside(limits, past, rollout, PROMOTION, NOW_MS)).toContain(why);
});

test("regression #31: limits of 7 % allow 7 % of the cards", () => {
  const limits = limitsOf({ percent_max: 7 });
  const step = (canaryBasisPoints: number): Change => ({ stage: "canary", canaryBasisPoints });
  expect(whyOutside(limits, PAST, rolloutOf(), step(700), NOW_MS)).toBeUndefined();
  expect(whyOutside(limits, PAST, rolloutOf(), step(1_400), NOW_MS)).toContain("allow 7 % of the cards, not 14 %.");
});

test("the largest share applies to each step", () => {
  const step = (canaryBasisPoints: number): Change => ({ stage: "canary", canaryBasisPoints });
  const limits = limitsOf({ percent_max: 25 });
  expect(whyOutside(limits, PAST, rolloutOf(), step(2_500), NOW_MS)).toBeUndefined();
  expect(whyOutside(limits, PAST, rolloutOf(), step(5_000), NOW_MS)).toContain("not 50 %");
});
