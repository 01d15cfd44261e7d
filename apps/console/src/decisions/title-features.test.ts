import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { titleFeatures } from "./title-features.js";

test("each feature of the shipped spec has a title of its own, in words", () => {
  const titles = titleFeatures(currentFeatureSpec());
  expect(titles.get("card_count_5m")).toBe("Payments of this card, 5 minutes");
  expect(new Set(titles.values()).size).toBe(currentFeatureSpec().features.length);
  for (const title of titles.values()) expect(title).not.toMatch(/[{}]|_/);
});
