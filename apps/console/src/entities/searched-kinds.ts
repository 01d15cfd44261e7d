import { SEARCHED_FIELDS } from "@tripline/contracts/generated/payment-fields";

/** What payments can be searched by: the card, and fields that name one thing. */
export type SearchedKind = "card" | (typeof SEARCHED_FIELDS)[number]["kind"];

interface Searched {
  readonly kind: SearchedKind;
  /** Of the payment, as in feature specs. */
  readonly column: string;
  readonly isPersonal: boolean;
}

export const SEARCHED: readonly Searched[] = [
  { kind: "card", column: "card_token", isPersonal: true },
  ...SEARCHED_FIELDS,
];

/** Kinds with a column of their own in `console.payments`. */
const OWN_COLUMNS: readonly string[] = ["card_token", "terminal_id", "device_token", "ip_token"];

/** Fields whose values are in `console.payment_values`. */
export const VALUE_FIELDS = SEARCHED_FIELDS.filter(({ column }) => !OWN_COLUMNS.includes(column));

/** @param kind one of `SEARCHED` */
export function searchedBy(kind: SearchedKind): Searched {
  const found = SEARCHED.find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`payments are not searched by ${kind}`);
  return found;
}

/**
 * The rows of payments with a value, in SQL that starts with FROM. They have `transaction_id` and `occurred_at_ms`, and an
 * index gives the newest first.
 *
 * @param tenant an SQL expression, as is `value`
 */
export function paymentsWith(kind: SearchedKind, tenant: string, value: string): string {
  const { column } = searchedBy(kind);
  // The last condition is that of the partial index: not every payment has each of them.
  return OWN_COLUMNS.includes(column)
    ? `FROM console.payments WHERE tenant = ${tenant} AND ${column} = ${value} AND ${column} <> ''`
    : `FROM console.payment_values WHERE tenant = ${tenant} AND kind = '${kind}' AND value = ${value}`;
}
