import type { Context } from "@opentelemetry/api";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Choice } from "@tripline/decision-engine/decide-payment";
import type { Policy } from "@tripline/decision-engine/policy";
import type { Payment } from "./parse-payment.js";

/** A payment of a round. */
export interface OpenPayment {
  readonly payment: Payment;
  /** The context of its span here. */
  readonly trace: Context;
  /** It gets the default decision, and no policy is evaluated for it. */
  readonly isUnsafe: boolean;
}

/** A payment with the decisions that it may get, by what is left of budgets, and the policy that made them. */
export interface DecidedPayment {
  readonly open: OpenPayment;
  readonly policy: Policy;
  readonly choices: readonly Choice[];
}

/** An entry of one of the lists of a round, which have the same length. If one is short, no reply may be sent. */
export function itemAt<T>(items: readonly (T | undefined)[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new TriplineError("internal", `Payment ${index} of the round has no entry.`);
  return item;
}
