import type { KnownPayment } from "@tripline/cli/payment";
import { DEMO_TENANT } from "@tripline/cli/plan-services";
import { transactionId } from "@tripline/contracts/identifiers";

/** Tripline's id of a payment that the demo's client sent. */
export function paymentId({ clientTransactionId }: KnownPayment): string {
  return transactionId(DEMO_TENANT, clientTransactionId);
}
