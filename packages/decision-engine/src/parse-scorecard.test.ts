import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { parseScorecard } from "./parse-scorecard.js";

const SPEC: FeatureSpec = {
  version: 3,
  windows: {},
  entities: { card: { key: "card_token", optional: false }, terminal: { key: "terminal_id", optional: true } },
  profiles: {},
  features: ["amount", "ratio"].map((name) => ({ name, kind: "amount", default: 0, sentence: "{value}" })),
};

function fileWith(change: Readonly<Record<string, unknown>>, feature: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    format: "tripline-scorecard",
    format_version: 1,
    feature_spec_version: 3,
    intercept: -4.2,
    features: [{ name: "ratio", edges: [0.1, 2], weights: [-0.3, 0.1, 0.8], ...feature }],
    ...change,
  });
}

test("puts a card's features in the spec's order, and derives the version from its text", () => {
  const card = parseScorecard(fileWith({}), SPEC);
  expect(card).toEqual({
    version: expect.stringMatching(/^scorecard@[0-9a-f]{12}$/),
    specVersion: 3,
    intercept: -4.2,
    features: [{ name: "ratio", index: 1, edges: [Math.fround(0.1), 2], weights: [-0.3, 0.1, 0.8] }],
  });
  expect(parseScorecard(fileWith({}), SPEC).version).toBe(card.version);
  expect(parseScorecard(fileWith({ intercept: -4.3 }), SPEC).version).not.toBe(card.version);
});

const cases: [string, string, string][] = [
  ["text that is not JSON", "{", "scorecard.json: is not JSON: "],
  ["another file", JSON.stringify({ rules: [] }), 'format: must be "tripline-scorecard"'],
  ["a later format", fileWith({ format_version: 2 }), "format_version: must be 1"],
  [
    "another spec",
    fileWith({ feature_spec_version: 4 }),
    "feature_spec_version: is 4, but the feature spec of this installation has version 3; train a scorecard for it",
  ],
  ["no features", fileWith({ features: [] }), "features: must not be empty"],
  [
    "an unknown feature",
    fileWith({}, { name: "rato" }),
    'features.0.name: "rato" is not a feature, or is listed twice',
  ],
  [
    "a duplicate feature",
    fileWith({ features: [1, 2].map(() => ({ name: "amount", edges: [], weights: [1] })) }),
    'features.1.name: "amount" is not a feature, or is listed twice',
  ],
  [
    "too few weights",
    fileWith({}, { weights: [1, 2] }),
    "features.0.weights: must have one more entry than the 2 edges, but has 2",
  ],
  ["edges out of order", fileWith({}, { edges: [2, 2] }), "features.0.edges: must be in ascending order"],
  ["an invalid number", fileWith({ intercept: null }), "intercept: must be a finite number"],
  ["an extreme weight", fileWith({}, { weights: [1e7, 0, 0] }), "features.0.weights.0: must be at most 1000000"],
  ["an unknown field", fileWith({ interzept: 1 }), "the file: "],
];
test.each(cases)("rejects %s", (_name, text, sentence) => {
  expect(() => parseScorecard(text, SPEC)).toThrow(
    expect.objectContaining({ code: "scorecard-invalid", message: expect.stringContaining(sentence) }),
  );
});

test("reports all faults together, each with the file's name", () => {
  const text = fileWith({ feature_spec_version: 4 }, { edges: [2, 1] });
  expect(() => parseScorecard(text, SPEC, "card.json")).toThrow(
    expect.objectContaining({
      fields: [expect.anything(), { pointer: "", detail: "card.json: features.0.edges: must be in ascending order." }],
    }),
  );
});
