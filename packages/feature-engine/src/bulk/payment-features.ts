import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { dayOfWeek, hourOfDay, isNight, isWeekend } from "../feature-formulas.js";
import type { ProfileFeature } from "../profiles.js";
import { findPlaces, planProfiles, profileValue } from "../profiles.js";
import type { PaymentColumns } from "./event-block.js";

/** Writes one feature of payments themselves, or of them and a profile, for the rows from `start` up to but without `end`. */
export type PaymentFeature = (payments: PaymentColumns, start: number, end: number, out: Float64Array) => void;

type OwnFeature = Exclude<Feature, { entity: string }> | ProfileFeature;

export function compilePaymentFeature(feature: OwnFeature, spec: FeatureSpec): PaymentFeature {
  switch (feature.kind) {
    case "profile":
      return compileProfile(feature, spec);
    case "amount":
      return ({ amounts }, start, end, out) => {
        for (let row = start; row < end; row += 1) out[row] = amounts[row] ?? 0;
      };
    case "hour_of_day":
      return ({ atMs }, start, end, out) => {
        for (let row = start; row < end; row += 1) out[row] = hourOfDay(atMs[row] ?? 0);
      };
    case "day_of_week":
      return ({ atMs }, start, end, out) => {
        for (let row = start; row < end; row += 1) out[row] = dayOfWeek(atMs[row] ?? 0);
      };
    case "is_weekend":
      return ({ atMs }, start, end, out) => {
        for (let row = start; row < end; row += 1) out[row] = isWeekend(atMs[row] ?? 0);
      };
    case "is_night":
      return ({ atMs }, start, end, out) => {
        for (let row = start; row < end; row += 1) out[row] = isNight(atMs[row] ?? 0);
      };
  }
}

function compileProfile(feature: ProfileFeature, spec: FeatureSpec): PaymentFeature {
  const places = findPlaces(feature, planProfiles(spec));
  const payment = { atMs: 0, latitude: 0, longitude: 0 };
  return ({ atMs, latitudes, longitudes, profiles }, start, end, out) => {
    const columns = profiles[places.profile];
    const [first, second] = [columns?.[places.first], columns?.[places.second]];
    for (let row = start; row < end; row += 1) {
      payment.atMs = atMs[row] ?? 0;
      payment.latitude = latitudes[row] ?? Number.NaN;
      payment.longitude = longitudes[row] ?? Number.NaN;
      out[row] = profileValue(feature, first?.[row] ?? Number.NaN, second?.[row] ?? Number.NaN, payment);
    }
  };
}
