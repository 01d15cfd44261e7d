import { createHash } from "node:crypto";
import { Rollout, RolloutStage, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { assignCard, placeOf } from "./assign-card.js";

const CARDS = Array.from({ length: 20_000 }, (_, index) => {
  return `ct_${createHash("sha256").update(String(index)).digest("hex").slice(0, 32)}`;
});
const rollout = (changes: Partial<Rollout>): Rollout => ({
  ...Rollout.decode(new Uint8Array()),
  rolloutId: "rol_1",
  stage: RolloutStage.CANARY,
  ...changes,
});
const cardsOf = (changes: Partial<Rollout>) => {
  const of = rollout(changes);
  return CARDS.filter((card) => assignCard(of, card)?.role === TrialRole.CANARY);
};

test.each([100, 500, 2_500, 5_000])(
  "a share of %i basis points selects that share of cards, within four standard errors",
  (share) => {
    const expected = (CARDS.length * share) / 10_000;
    const error = Math.sqrt(expected * (1 - share / 10_000));
    expect(Math.abs(cardsOf({ canaryBasisPoints: share }).length - expected)).toBeLessThan(4 * error);
  },
);

test("a growing share keeps its cards", () => {
  const wider = new Set(cardsOf({ canaryBasisPoints: 500 }));
  expect(cardsOf({ canaryBasisPoints: 100 }).every((card) => wider.has(card))).toBe(true);
});

test("another rollout selects different cards", () => {
  const again = new Set(cardsOf({ canaryBasisPoints: 500, rolloutId: "rol_2" }));
  const both = cardsOf({ canaryBasisPoints: 500 }).filter((card) => again.has(card)).length;
  // Expected: 5 % of 5 % of 20,000 cards, which is 50.
  expect(both).toBeGreaterThan(20);
  expect(both).toBeLessThan(90);
});

test("uses all ten thousand positions evenly: chi-square of 100 groups", () => {
  const groups = new Array<number>(100).fill(0);
  for (const card of CARDS) {
    const group = Math.floor(placeOf(card, "rol_1") / 100);
    groups[group] = (groups[group] ?? 0) + 1;
  }
  const chiSquare = groups.reduce((sum, count) => sum + (count - 200) ** 2 / 200, 0);
  // 148 is the 99.9th percentile for 99 degrees of freedom.
  expect(chiSquare).toBeLessThan(148);
});

test.each<[string, Partial<Rollout>, ReturnType<typeof assignCard>]>([
  [
    "puts all cards in shadow",
    { stage: RolloutStage.SHADOW, shadowBasisPoints: 10_000 },
    { role: TrialRole.SHADOW, isCandidateAsked: true },
  ],
  ["puts no card in shadow", { stage: RolloutStage.SHADOW, shadowBasisPoints: 0 }, undefined],
  ["puts all cards in the canary", { canaryBasisPoints: 10_000 }, { role: TrialRole.CANARY, isCandidateAsked: true }],
  [
    "puts all cards in control if the canary is empty",
    { canaryBasisPoints: 0 },
    { role: TrialRole.CONTROL, isCandidateAsked: false },
  ],
  [
    "also requests the candidate for control cards in shadow",
    { canaryBasisPoints: 0, shadowBasisPoints: 10_000 },
    { role: TrialRole.CONTROL, isCandidateAsked: true },
  ],
  [
    "assigns no card after a promotion",
    { stage: RolloutStage.CHAMPION, canaryBasisPoints: 10_000, shadowBasisPoints: 10_000 },
    undefined,
  ],
  [
    "assigns no card after a rollback",
    { stage: RolloutStage.ROLLED_BACK, canaryBasisPoints: 10_000, shadowBasisPoints: 10_000 },
    undefined,
  ],
])("%s", (_name, changes, expected) => {
  for (const card of CARDS.slice(0, 20)) expect(assignCard(rollout(changes), card)).toEqual(expected);
});
