import type { Feature } from "@tripline/contracts/feature-spec";
import { dayOfWeek, hourOfDay, isNight, isWeekend } from "../feature-formulas.js";
import type { PaymentColumns } from "./event-block.js";

/** Writes one feature of payments themselves, for the rows from `start` up to but without `end`. */
export type PaymentFeature = (payments: PaymentColumns, start: number, end: number, out: Float64Array) => void;

export function compilePaymentFeature({ kind }: Exclude<Feature, { entity: string }>): PaymentFeature {
  switch (kind) {
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
