import { TriplineError } from "@tripline/contracts/error-table";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";

/** Latest time of ECMAScript dates, https://tc39.es/ecma262/#sec-time-values-and-time-range */
const TIME_MAX_MS = 8.64e15;
/** The largest amount that can be counted exactly: a safe integer in thousandths of the major unit. */
const AMOUNT_MAX = Number.MAX_SAFE_INTEGER / 1000;

type CheckedFields = Pick<Transaction, "amountMinor" | "occurredAtMs" | "latitude" | "longitude">;

/** @throws TriplineError `invalid-field` */
export function checkPayment({ amountMinor, occurredAtMs, latitude, longitude }: CheckedFields): void {
  requireAmount(amountMinor);
  requireTime("/occurred_at_ms", occurredAtMs);
  requireDegrees("/latitude", latitude, 90);
  requireDegrees("/longitude", longitude, 180);
}

/** @throws TriplineError `invalid-field` */
export function requireTime(pointer: string, atMs: number): void {
  requireInteger(pointer, atMs, TIME_MAX_MS);
}

/** @throws TriplineError `invalid-field` */
export function requireAmount(amountMinor: number): void {
  requireInteger("/amount_minor", amountMinor, AMOUNT_MAX);
}

function requireInteger(pointer: string, value: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= 0 && value <= max) return;
  throw new TriplineError("invalid-field", `${pointer} must be a whole number from 0 to ${Math.floor(max)}.`, [
    { pointer, detail: `is ${value}` },
  ]);
}

function requireDegrees(pointer: string, value: number | undefined, max: number): void {
  if (value === undefined || (value >= -max && value <= max)) return;
  throw new TriplineError("invalid-field", `${pointer} must be between -${max} and ${max} degrees.`, [
    { pointer, detail: `is ${value}` },
  ]);
}
