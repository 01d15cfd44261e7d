import { NO_AGREEMENT } from "./agreement.js";
import type { LabelledAlert } from "./judge-precision.js";
import { judgePrecision } from "./judge-precision.js";

const PLAN = { false_alarm_points_max: 0.01, labels_min: 20, mature_labels_min: 200 };

/** Alternating alerts of both models, with verdicts in fixed proportions. */
function alerts(count: number, candidateFrauds: number, championFrauds: number): LabelledAlert[] {
  const isFraud = (at: number, frauds: number): boolean => (at * 7) % 20 < frauds;
  return Array.from({ length: count }, (_, at) => [
    { isCandidate: true, isFraud: isFraud(at, candidateFrauds) },
    { isCandidate: false, isFraud: isFraud(at + 3, championFrauds) },
  ]).flat();
}

test.each<[string, LabelledAlert[], boolean, boolean]>([
  ["too few labels", alerts(19, 0, 20), false, false],
  ["equal precision", alerts(2_000, 10, 10), true, false],
  ["better precision", alerts(2_000, 12, 10), true, false],
  ["precision of .35 instead of .5", alerts(2_000, 7, 10), true, true],
  ["no fraud at all", alerts(60, 0, 10), true, true],
  ["no alerts by the champion", alerts(60, 0, 10).filter(({ isCandidate }) => isCandidate), false, false],
])("judges %s", (_name, given, isJudged, isBreached) => {
  expect(judgePrecision(given, 0, NO_AGREEMENT, PLAN)).toMatchObject({ guard: "precision", isJudged, isBreached });
});

test("tolerates the difference in precision that existed before the rollout", () => {
  const band = { from: 0.15, both: 900, only_candidate: 100, only_champion: 100 };
  const expected = { ...NO_AGREEMENT, bands: [{ ...band, candidate_frauds: 350, champion_frauds: 500 }] };
  expect(judgePrecision(alerts(2_000, 7, 10), 0, expected, PLAN).isBreached).toBe(false);
  expect(judgePrecision(alerts(2_000, 4, 10), 0, expected, PLAN).isBreached).toBe(true);
});

test("regression #31: only the data of a finding says how many mature labels are missing", () => {
  const { text, data } = judgePrecision([], 12, NO_AGREEMENT, PLAN);
  expect(data).toContainEqual({ kind: "mature-labels", count: 12, needed: 200 });
  // The Models screen shows the text and the data, so it repeated the number.
  expect(text).not.toContain("mature labels");
});
