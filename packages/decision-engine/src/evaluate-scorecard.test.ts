import { readFileSync } from "node:fs";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { z } from "zod";
import { pointsOf, probabilityOf } from "./evaluate-scorecard.js";
import { parseScorecard } from "./parse-scorecard.js";
import type { Scorecard } from "./scorecard.js";

/** Written by the trainer, whose tests compare these probabilities with its own evaluation. */
const GOLDEN = z
  .object({
    names: z.array(z.string()),
    scorecard: z.object({ feature_spec_version: z.int() }).loose(),
    inputs: z.array(z.array(z.number())),
    probabilities: z.array(z.number()),
  })
  .parse(
    JSON.parse(readFileSync(new URL("../../../training/tests/core/golden_scorecard.json", import.meta.url), "utf8")),
  );

function specOf(version: number, names: readonly string[]): FeatureSpec {
  return {
    version,
    windows: {},
    entities: { card: { key: "card_token", optional: false }, terminal: { key: "terminal_id", optional: true } },
    profiles: {},
    features: names.map((name) => ({ name, kind: "amount", default: 0, sentence: "{value}" })),
  };
}

function cardOf(features: readonly { name: string; edges: number[]; weights: number[] }[], intercept = 0): Scorecard {
  const file = { format: "tripline-scorecard", format_version: 1, feature_spec_version: 1, intercept, features };
  return parseScorecard(JSON.stringify(file), specOf(1, ["a", "b", "c"]));
}

describe("the trainer's golden vectors", () => {
  const spec = specOf(GOLDEN.scorecard.feature_spec_version, GOLDEN.names);
  const card = parseScorecard(JSON.stringify(GOLDEN.scorecard), spec);

  test("give the trainer's probabilities", () => {
    expect(GOLDEN.inputs.length).toBeGreaterThan(50);
    for (const [index, row] of GOLDEN.inputs.entries()) {
      expect(Math.abs(probabilityOf(card, row) - (GOLDEN.probabilities[index] ?? Number.NaN))).toBeLessThanOrEqual(
        1e-12,
      );
    }
    expect(new Set(GOLDEN.probabilities).size).toBeGreaterThan(30);
  });

  test("give the same probabilities at any position in the vector", () => {
    const shifted = parseScorecard(JSON.stringify(GOLDEN.scorecard), specOf(spec.version, ["x", ...GOLDEN.names, "y"]));
    for (const row of GOLDEN.inputs) expect(probabilityOf(shifted, [1e9, ...row, -1e9])).toBe(probabilityOf(card, row));
  });

  test("points and intercept add up to the log odds", () => {
    for (const row of GOLDEN.inputs) {
      const margin = card.intercept + pointsOf(card, row).reduce((sum, points) => sum + points, 0);
      expect(1 / (1 + Math.exp(-margin))).toBeCloseTo(probabilityOf(card, row), 12);
    }
  });
});

test.each([
  [9.99, 1],
  [10, 2],
  [10.01, 2],
  [49.9, 2],
  [50, 3],
  [1e300, 3],
  [-1e300, 1],
])("a value of %d is in the bin with the weight %d", (value, weight) => {
  const card = cardOf([{ name: "b", edges: [10, 50], weights: [1, 2, 3] }], 0.5);
  expect(pointsOf(card, [0, value, 0])).toEqual([0, weight, 0]);
  expect(probabilityOf(card, [0, value, 0])).toBe(1 / (1 + Math.exp(-(0.5 + weight))));
});

test("compares values and edges as float32", () => {
  const card = cardOf([{ name: "a", edges: [0.1], weights: [-1, 1] }]);
  expect(pointsOf(card, [Math.fround(0.1), 0, 0])).toEqual([1, 0, 0]);
  expect(pointsOf(card, [0.1 - 1e-12, 0, 0])).toEqual([1, 0, 0]);
  expect(pointsOf(card, [0.0999, 0, 0])).toEqual([-1, 0, 0]);
});

test("a feature without edges contributes the same for every value", () => {
  expect(probabilityOf(cardOf([{ name: "c", edges: [], weights: [0] }]), [1, 2, 3])).toBe(0.5);
});
