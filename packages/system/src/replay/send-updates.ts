import type { PaymentUpdate } from "@tripline/client";
import type { KnownPayment } from "../client/payment.js";
import type { ApiDecision, TriplineClient } from "../client/tripline-client.js";

/** The updates to send once a payment is decided. */
export type UpdatesOf = (payment: KnownPayment, decision: ApiDecision) => readonly PaymentUpdate[];

/**
 * Sends the updates of payments, whose decisions are given in the same order, and returns once the updates are
 * accepted.
 */
export async function sendUpdates(
  client: TriplineClient,
  payments: readonly KnownPayment[],
  decisions: readonly ApiDecision[],
  updatesOf: UpdatesOf,
): Promise<void> {
  const updates = payments.flatMap((payment, index) => {
    const decision = decisions[index];
    return decision === undefined ? [] : updatesOf(payment, decision);
  });
  if (updates.length > 0) await client.sendUpdates(updates);
}
