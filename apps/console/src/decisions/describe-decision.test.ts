import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { FeatureDescriber } from "./describe-decision.js";

test("regression #32: does not show a feature's default as the distance or duration if there is no earlier event", () => {
  const spec = currentFeatureSpec();
  const values = spec.features.map((feature) => feature.default);
  const vector: FeatureVector = {
    ...{ transaction: undefined, specVersion: spec.version, values, computedAtMs: 0, sequences: [] },
    ...{ tooLate: false, incomplete: false, profileTimesMs: [] },
  };
  const shown = new FeatureDescriber(spec).read(vector);
  const textOf = (name: string): string | undefined => shown.find((one) => one.name === name)?.text;
  expect(textOf("card_seconds_since_last")).toBe("none");
  expect(shown.map(({ text }) => text)).toEqual(expect.arrayContaining(["none", "unknown"]));
  expect(shown.filter(({ text }) => /^-|days$/.test(text))).toEqual([]);
});
