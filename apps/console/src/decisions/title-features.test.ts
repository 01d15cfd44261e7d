import { currentFeatureSpec, parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { titleFeatures } from "./title-features.js";

test("each feature of the shipped spec has its own title in words", () => {
  const titles = titleFeatures(currentFeatureSpec());
  expect(titles.get("card_count_5m")).toBe("Payments of this card, 5 minutes");
  expect(titles.get("card_profile_distance")).toBe("Card profile distance, km");
  expect(new Set(titles.values()).size).toBe(currentFeatureSpec().features.length);
  for (const title of titles.values()) expect(title).toMatch(/^[A-Z][^{}_]+$/);
});

test("the title of a filtered feature contains its filter", () => {
  const count = { kind: "count", entity: "card", window: "1d", default: 0, sentence: "{value}" };
  const features = [
    { ...count, name: "near", where: { merchant_country: ["BE", "NL"] } },
    { ...count, name: "all" },
  ];
  const windows = { "1d": { width: "1d", tile: "1h" } };
  const spec = { version: 1, windows, entities: { card: { key: "card_token" } }, features };
  expect([...titleFeatures(parseFeatureSpec(JSON.stringify(spec))).values()]).toEqual([
    "Payments of this card, 1 day, merchant country BE or NL",
    "Payments of this card, 1 day",
  ]);
});
