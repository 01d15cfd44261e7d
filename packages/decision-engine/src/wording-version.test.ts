import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { parseTemplate } from "./render-text.js";
import { wordingVersion } from "./wording-version.js";

const names = ["amount", "card_seconds_since_last"];
const sentences = ["The amount is {value}.", "Previous payment: {value} earlier."].map(parseTemplate);

test("the version is that of the words, and changes with any of them", () => {
  const version = wordingVersion(names, sentences);
  expect(version).toMatch(/^[0-9a-f]{8}$/);
  expect(wordingVersion(names, [...sentences])).toBe(version);
  expect(wordingVersion(names, [parseTemplate("The amount was {value}."), sentences[1]])).not.toBe(version);
  // Under a name whose values are written in another unit.
  expect(wordingVersion(["amount", "card_count"], sentences)).not.toBe(version);
});

test("every sentence of the feature spec can be written", () => {
  const { features } = currentFeatureSpec();
  const all = features.map(({ sentence }) => parseTemplate(sentence));
  expect(all).not.toContain(undefined);
  expect(
    wordingVersion(
      features.map(({ name }) => name),
      all,
    ),
  ).toMatch(/^[0-9a-f]{8}$/);
});
