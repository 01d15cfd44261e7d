import type { ProfileFeature } from "./profiles.js";
import { profileValue } from "./profiles.js";

const AGE: ProfileFeature = {
  name: "card_age",
  kind: "profile",
  entity: "card",
  column: "card_first_paid_ms",
  measure: "days_since",
  default: -5,
  sentence: "{value}",
};
const ageOf = (firstMs: number, atMs: number) =>
  profileValue(AGE, firstMs, Number.NaN, { atMs, latitude: Number.NaN, longitude: Number.NaN });

test.each([
  ["a time before", 0, 86_400_000, 1],
  ["the same time", 7, 7, 0],
  // In our own states, -1 means never. In a profile, -1 is a valid time, and only null means no time.
  ["the millisecond before 1970", -1, 86_399_999, 1],
  ["a later time", 8, 7, -5],
  ["no time", Number.NaN, 7, -5],
])("computes the days since %s", (_, firstMs, atMs, days) => {
  expect(ageOf(firstMs, atMs)).toBe(days);
});
