import { transactionId } from "@tripline/contracts/identifiers";
import type { KnownPayment } from "@tripline/system/client/payment";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";

/** Tripline's id for a payment that the demo's client sent. */
export function paymentId({ clientTransactionId }: KnownPayment): string {
  return transactionId(DEMO_TENANT, clientTransactionId);
}
