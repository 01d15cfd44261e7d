import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { ModelTrial, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Label, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";

/* For the replay tests: payments with their records. */

export const NOON_MS = Date.UTC(2026, 1, 10, 12);
export const DAY_MS = 86_400_000;

export function transactionOf(index: number, amount: number): Transaction {
  return {
    transactionId: `txn_${index}`,
    tenant: "demo",
    clientTransactionId: `c${index}`,
    cardToken: `ct_${index % 9}`,
    ...UNSENT,
    terminalId: "t-1",
    amountMinor: amount * 100,
    currency: "EUR",
    occurredAtMs: NOON_MS - DAY_MS + index * 700_000,
    acceptedAtMs: NOON_MS + index,
    latitude: 50.123_456_789,
  };
}

/** The rollout of a payment. In a canary, the candidate is the model that decides; in shadow, it is the other model. */
export function trialOf(index: number, score: number, [decider = "", other = ""]: readonly string[]): ModelTrial {
  if (index % 8 === 1) {
    const canary = { trialRole: TrialRole.CANARY, candidateVersion: decider, candidateMissing: "" };
    return { ...canary, candidateScore: score, ...(index % 3 === 0 ? {} : { championScore: 0.25 }) };
  }
  const shadow = { trialRole: TrialRole.SHADOW, candidateVersion: other };
  return index % 3 === 0
    ? { ...shadow, candidateMissing: "scoring rejected the request (NOT_FOUND)" }
    : { ...shadow, candidateScore: Math.fround(0.7), candidateMissing: "" };
}

export function labelOf(transaction: Transaction | undefined, fraud: boolean): Uint8Array {
  if (transaction === undefined) throw new Error("no transaction");
  const { tenant, clientTransactionId, cardToken, terminalId, occurredAtMs } = transaction;
  return Label.encode({
    labelId: `lbl_${clientTransactionId}`,
    tenant,
    clientTransactionId,
    cardToken,
    terminalId,
    occurredAtMs,
    labelledAtMs: NOON_MS + DAY_MS,
    fraud,
    source: "chargeback",
    reportId: "",
    policyVersion: "",
  }).finish();
}
