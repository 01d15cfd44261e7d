import type { Decision, PaymentUpdate } from "@tripline/contracts/generated/tripline/events/v1/events";
import { DeclinedBy, PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import { paymentUpdateId } from "@tripline/contracts/identifiers";

/**
 * The payment update for a payment that Tripline declines and that therefore never reaches its issuer. It depends only
 * on the stored decision, so a redelivered payment produces the same bytes.
 */
export function declineUpdate(decision: Decision): PaymentUpdate {
  const { tenant, transactionId, clientTransactionId, cardToken, decidedAtMs } = decision;
  return {
    updateId: paymentUpdateId(tenant, clientTransactionId, ""),
    tenant,
    transactionId,
    clientTransactionId,
    cardToken,
    kind: PaymentUpdateKind.DECLINED,
    issuerCode: "",
    amountMinor: undefined,
    currency: "",
    updatedAtMs: decidedAtMs,
    acceptedAtMs: decidedAtMs,
    declinedBy: DeclinedBy.TRIPLINE,
    clientUpdateId: "",
  };
}
