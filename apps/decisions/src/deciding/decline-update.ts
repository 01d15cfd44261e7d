import type { Decision, PaymentUpdate } from "@tripline/contracts/generated/tripline/events/v1/events";
import { DeclinedBy, PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import { paymentUpdateId } from "@tripline/contracts/identifiers";

/**
 * What a decision to decline means for the payment: it never reaches its issuer. Made from the stored decision alone, so that
 * a redelivered payment gives the same bytes.
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
