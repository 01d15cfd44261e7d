import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { DAY_MS } from "@tripline/simulator/payment-times";
import { averagePrecision } from "./average-precision.js";
import { coverage } from "./exploration-bars.js";
import { BANK, bankPolicy, DECLINE_FROM } from "./exploring-bank.js";
import { LiveWorld } from "./live-world.js";

const SPEC = currentFeatureSpec();
const AMOUNT = SPEC.features.findIndex(({ kind }) => kind === "amount");
const untilMs = BANK.startMs + 25 * DAY_MS;
/** Stands in for a model. */
const byAmount = (values: readonly number[]): number => Math.min(1, (values[AMOUNT] ?? 0) / 300);

test("a bank approves a share of its declines, and decides all others as it would without exploration", () => {
  const [exploring, other] = [true, false].map((explores) =>
    new LiveWorld({ ...BANK, cards: 60 }, SPEC, bankPolicy(SPEC, 1, explores)).live(untilMs, byAmount),
  );
  const flagged = exploring?.filter(({ score = 0 }) => score >= DECLINE_FROM) ?? [];
  const explored = flagged.filter(({ isExplored }) => isExplored);
  expect(explored.length / flagged.length).toBeGreaterThan(0.05);
  expect(explored.length / flagged.length).toBeLessThan(0.3);
  for (const { payment, score = 0, isExplored, probability } of exploring ?? []) {
    expect(payment.fate === "declined").toBe(score >= DECLINE_FROM && !isExplored);
    if (score < DECLINE_FROM) expect(probability).toBeUndefined();
  }
  expect(other?.some(({ isExplored, probability }) => isExplored || probability !== undefined)).toBe(false);
  expect(coverage(exploring ?? []).covered).toBeGreaterThanOrEqual(90);
});

test("average precision counts equal scores together", () => {
  expect(averagePrecision([0.9, 0.8, 0.8, 0.1], [true, true, false, true])).toBeCloseTo((1 + 2 / 3 + 3 / 4) / 3);
});
