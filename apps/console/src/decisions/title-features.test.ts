import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { titleFeatures } from "./title-features.js";

test("each feature of the shipped spec has a title of its own, in words", () => {
  const titles = titleFeatures(currentFeatureSpec());
  expect(titles.get("card_count_5m")).toBe("Payments of this card, 5 minutes");
  expect(titles.get("card_profile_distance")).toBe("Card profile distance, km");
  expect(new Set(titles.values()).size).toBe(currentFeatureSpec().features.length);
  for (const title of titles.values()) expect(title).toMatch(/^[A-Z][^{}_]+$/);
});
