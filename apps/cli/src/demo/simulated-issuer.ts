import { hash } from "node:crypto";
import type { PaymentUpdate } from "@tripline/client";
import type { Scenario, SimulatedPayment } from "@tripline/simulator/simulated-payment";
import type { ApiDecision } from "@tripline/system/client/tripline-client";

/**
 * Share of payments that the issuer declines if the simulation does not specify its response. Most card numbers that fraudsters
 * test are blocked or invalid.
 */
const DECLINED_SHARE: Readonly<Record<Scenario, number>> = {
  none: 0.02,
  "compromised-terminal": 0.05,
  "stolen-card": 0.2,
  "testing-burst": 0.5,
  "bin-testing": 0.7,
  "card-testing": 0.8,
  "account-takeover": 0.1,
};
const AUTHORISED = "00";
/** ISO 8583: insufficient funds (51) and do not honour (05). */
const CODES = { genuine: "51", fraud: "05" } as const;
const ABANDONED_SHARE = { genuine: 0.05, fraud: 0.8 } as const;
const REFUNDED_SHARE = 0.003;
const THREE_DS_MS = 400;
const ANSWER_MS = 900;

/**
 * Updates for a payment after Tripline's decision: 3-D Secure if it was challenged, then the issuer's answer; none if Tripline
 * declined it. The same payment always gets the same answers.
 */
export function answersTo(payment: SimulatedPayment, outcome: ApiDecision["outcome"]): PaymentUpdate[] {
  if (outcome === "decline") return [];
  const truth = payment.fraud ? "fraud" : "genuine";
  const isDeclined = shareOf(payment, "issuer") < DECLINED_SHARE[payment.scenario];
  const code = payment.issuerCode ?? (isDeclined ? CODES[truth] : AUTHORISED);
  const kind = code === AUTHORISED ? "authorised" : "declined";
  const answer = updateOf(payment, ANSWER_MS, { update_id: "issuer", kind, issuer_code: code });
  if (outcome !== "challenge") return [answer];
  const isAbandoned = shareOf(payment, "3ds") < ABANDONED_SHARE[truth];
  const threeDs = updateOf(payment, THREE_DS_MS, {
    update_id: "3ds",
    kind: isAbandoned ? "three_ds_abandoned" : "three_ds_completed",
  });
  return isAbandoned ? [threeDs] : [threeDs, answer];
}

/** `answersTo` for payments that are known only by the client's id. */
export function issuerOf(payments: readonly SimulatedPayment[]) {
  const byId = new Map(payments.map((payment) => [payment.clientTransactionId, payment]));
  return (
    { clientTransactionId }: Pick<SimulatedPayment, "clientTransactionId">,
    { outcome }: Pick<ApiDecision, "outcome">,
  ): PaymentUpdate[] => {
    const payment = byId.get(clientTransactionId);
    return payment === undefined ? [] : answersTo(payment, outcome);
  };
}

/** A small share of genuine payments is refunded in full, at the time of the label. */
export function refundOf(payment: SimulatedPayment): PaymentUpdate[] {
  if (payment.fraud || shareOf(payment, "refund") >= REFUNDED_SHARE) return [];
  const amount = {
    minor: payment.amountMinor,
    currency: payment.currency as NonNullable<PaymentUpdate["amount"]>["currency"],
  };
  return [
    updateOf(payment, payment.labelledAtMs - payment.occurredAtMs, { update_id: "refund", kind: "refunded", amount }),
  ];
}

function updateOf(
  { clientTransactionId, cardNumber, occurredAtMs }: SimulatedPayment,
  afterMs: number,
  what: Pick<PaymentUpdate, "update_id" | "kind" | "issuer_code" | "amount">,
): PaymentUpdate {
  return {
    transaction_id: clientTransactionId,
    card: { number: cardNumber },
    occurred_at: new Date(occurredAtMs + afterMs).toISOString(),
    ...what,
  };
}

/** A pseudo-random number in [0, 1) for a payment and a purpose. */
function shareOf({ clientTransactionId }: SimulatedPayment, of: string): number {
  return hash("sha256", `${of} ${clientTransactionId}`, "buffer").readUInt32BE() / 2 ** 32;
}
