import { DeclinedBy, PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import { z } from "zod";
import type { PaymentUpdateRow, UpdateFinding, UpdateKind } from "../contract/payment-updates.js";

/** A row of `console.payment_updates`. */
export const updateRow = z.object({
  update_id: z.string(),
  transaction_id: z.string(),
  card_token: z.string(),
  kind: z.number(),
  declined_by: z.number(),
  issuer_code: z.string(),
  amount_minor: z.coerce.number().nullable(),
  currency: z.string(),
  updated_at_ms: z.coerce.number(),
});
export type KnownUpdate = z.infer<typeof updateRow>;

export const UPDATE_COLUMNS = Object.keys(updateRow.shape)
  .map((name) => `u.${name}`)
  .join(", ");

const KINDS: Readonly<Record<number, UpdateKind>> = {
  [PaymentUpdateKind.AUTHORISED]: "authorised",
  [PaymentUpdateKind.DECLINED]: "declined",
  [PaymentUpdateKind.THREE_DS_COMPLETED]: "three-ds-completed",
  [PaymentUpdateKind.THREE_DS_ABANDONED]: "three-ds-abandoned",
  [PaymentUpdateKind.CAPTURED]: "captured",
  [PaymentUpdateKind.REVERSED]: "reversed",
  [PaymentUpdateKind.REFUNDED]: "refunded",
};

/** @returns undefined for a kind that only a newer version knows */
export function kindOf(kind: number): UpdateKind | undefined {
  return KINDS[kind];
}

/** @returns undefined for a kind that only a newer version knows */
export function toUpdateRow(row: KnownUpdate, finding: UpdateFinding | undefined): PaymentUpdateRow | undefined {
  const kind = kindOf(row.kind);
  if (kind === undefined) return undefined;
  const by = row.declined_by === DeclinedBy.TRIPLINE ? "tripline" : "issuer";
  return {
    id: row.update_id,
    kind,
    declinedBy: kind === "declined" ? by : null,
    issuerCode: row.issuer_code,
    amountMinor: row.amount_minor,
    currency: row.currency,
    finding: finding ?? null,
  };
}
