import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { featureWords } from "./feature-words.js";
import { wordingVersion } from "./wording-version.js";

const SPEC = currentFeatureSpec();
const versionOf = (spec: FeatureSpec): string => wordingVersion(featureWords(spec));

/** The spec with some features and entities changed. */
function changed(change: (feature: FeatureSpec["features"][number]) => object, entities: object = {}): FeatureSpec {
  const features = SPEC.features.map((feature) => ({ ...feature, ...change(feature) })) as FeatureSpec["features"];
  return { ...SPEC, features, entities: { ...SPEC.entities, ...entities } };
}

test("the version depends on every word", () => {
  const version = versionOf(SPEC);
  expect(version).toMatch(/^[0-9a-f]{8}$/);
  expect(versionOf(changed(() => ({})))).toBe(version);
  const others = [
    changed(({ name }) => (name === "amount" ? { sentence: "The amount was {value}." } : {})),
    changed(({ sentence_without_past: text }) => (text === undefined ? {} : { sentence_without_past: `${text}.` })),
    // The value has a different unit.
    changed(({ name }) => (name === "card_distance_from_home" ? { kind: "seconds_since_last" } : {})),
    changed(() => ({}), { card: { key: "card_token", optional: false } }),
    changed(() => ({}), { card: { key: "card_token", optional: false, usually: { rate: "it makes {value}" } } }),
    changed(() => ({}), { card: { key: "card_token", optional: false, usually: { amount: "it pays {value}" } } }),
  ];
  expect(new Set([version, ...others.map(versionOf)]).size).toBe(others.length + 1);
  // A different grouping leads to different features in the reasons.
  const regrouped = featureWords(SPEC).map((words) => (words === undefined ? words : { ...words, topic: "all" }));
  expect(wordingVersion(regrouped)).not.toBe(version);
});

test("every feature of the spec has a sentence", () => {
  expect(featureWords(SPEC)).not.toContain(undefined);
});
