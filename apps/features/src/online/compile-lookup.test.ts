import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { Lookups } from "./compile-lookup.js";
import { describeViews } from "./feature-views.js";
import { LOOKUPS_MAX } from "./requests/limits.js";

const views = describeViews(compileEngine(currentFeatureSpec()));
const selectionOf = (...features: readonly string[]) => ({
  features,
  service: undefined,
  fullNames: false,
  viewMetadata: false,
  joinKeys: ["card_token"],
});

test("compiles a selection once, and caches a limited number of selections", () => {
  const lookups = new Lookups(views);
  const selection = selectionOf("card_profile:column_0");
  const first = lookups.of(selection);
  expect(lookups.of(selectionOf("card_profile:column_0"))).toBe(first);
  for (let index = 1; index <= LOOKUPS_MAX; index += 1) lookups.of(selectionOf(`card_profile:column_${index}`));
  expect(lookups.size).toBe(LOOKUPS_MAX);
  expect(lookups.of(selection)).not.toBe(first);
});

test("does not confuse names that contain the separator", () => {
  const lookups = new Lookups(views);
  lookups.of(selectionOf("card_profile:a", "card_profile:b"));
  expect(() => lookups.of(selectionOf("card_profile:a|card_profile:b"))).toThrow("which is not a valid name");
  expect(() => lookups.of({ ...selectionOf(), service: "2|card_profile:a|card_profile:b" })).toThrow("fraud_features");
});
