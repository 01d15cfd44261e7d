import { PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { UpdateFinding } from "../contract/payment-updates.js";
import type { KnownUpdate } from "./update-rows.js";

/** The payment with which updates are compared. */
export interface JudgedPayment {
  readonly card_token: string;
  readonly amount_minor: number;
  readonly currency: string;
}

const { AUTHORISED, DECLINED, CAPTURED, REVERSED, REFUNDED } = PaymentUpdateKind;
const MOVES: readonly PaymentUpdateKind[] = [CAPTURED, REVERSED, REFUNDED];

/**
 * Compares the updates of one payment with the payment and with each other. It rejects nothing, because an update
 * reports an event from elsewhere. The console shows contradictions.
 *
 * @param updates all updates of the payment, in any order
 * @returns findings by update id
 */
export function judgeUpdates(payment: JudgedPayment, updates: readonly KnownUpdate[]): Map<string, UpdateFinding> {
  const findings = new Map<string, UpdateFinding>();
  const moved = new Map<PaymentUpdateKind, number>();
  let answer: PaymentUpdateKind | undefined;
  const inOrder = updates.toSorted(
    (left, right) => left.updated_at_ms - right.updated_at_ms || left.update_id.localeCompare(right.update_id),
  );
  for (const { update_id, card_token, kind, amount_minor, currency } of inOrder) {
    const isMove = MOVES.includes(kind);
    const isComparable = card_token === payment.card_token && (!isMove || currency === payment.currency);
    const sum = (moved.get(kind) ?? 0) + (amount_minor ?? 0);
    if (isMove && isComparable) moved.set(kind, sum);
    if (card_token !== payment.card_token) findings.set(update_id, "other-card");
    else if (contradicts(kind, answer)) findings.set(update_id, "contradicts");
    else if (!isComparable) findings.set(update_id, "other-currency");
    else if (isMove && sum > payment.amount_minor) findings.set(update_id, "over-amount");
    if (isComparable && (kind === AUTHORISED || kind === DECLINED)) answer ??= kind;
  }
  return findings;
}

/** Reversals and 3-D Secure results never contradict the issuer's response. */
function contradicts(kind: PaymentUpdateKind, answer: PaymentUpdateKind | undefined): boolean {
  if (answer === DECLINED) return kind === AUTHORISED || kind === CAPTURED || kind === REFUNDED;
  return answer === AUTHORISED && kind === DECLINED;
}
