import type { Context } from "@opentelemetry/api";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Choice } from "@tripline/decision-engine/decide-payment";
import type { Policy } from "@tripline/decision-engine/policy";
import type { Payment } from "./parse-payment.js";

/** A payment in the current round. */
export interface OpenPayment {
  readonly payment: Payment;
  /** The trace context of its span. */
  readonly trace: Context;
  /** If true, the payment gets the default decision and no policy is evaluated. */
  readonly isUnsafe: boolean;
}

/** A payment with its possible decisions, depending on the remaining budgets, and the policy that made them. */
export interface DecidedPayment {
  readonly open: OpenPayment;
  readonly policy: Policy;
  readonly choices: readonly Choice[];
}

/** An entry of a list that must be as long as the round. Throws if the list is shorter, so that no wrong reply is sent. */
export function itemAt<T>(items: readonly (T | undefined)[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new TriplineError("internal", `Payment ${index} of the round has no entry.`);
  return item;
}
