import { SEARCHED_FIELDS } from "@tripline/contracts/generated/payment-fields";

/** Payments can be searched by card and by fields that identify one entity. */
export type SearchedKind = "card" | (typeof SEARCHED_FIELDS)[number]["kind"];

interface Searched {
  readonly kind: SearchedKind;
  /** The payment's column, as in feature specs. */
  readonly column: string;
  readonly isPersonal: boolean;
}

export const SEARCHED: readonly Searched[] = [
  { kind: "card", column: "card_token", isPersonal: true },
  ...SEARCHED_FIELDS,
];

/** Kinds with a separate column in `console.payments`. */
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
 * An SQL FROM clause that selects the payments with a value. Its rows have `transaction_id` and `occurred_at_ms`; an
 * index returns the newest first. Rows of a kind with a separate column have all columns of `console.payments`.
 *
 * @param tenant an SQL expression, like `value`
 */
export function paymentsWith(kind: SearchedKind, tenant: string, value: string): string {
  const { column } = searchedBy(kind);
  // The last condition matches the partial index, which omits payments without the value.
  return OWN_COLUMNS.includes(column)
    ? `FROM console.payments WHERE tenant = ${tenant} AND ${column} = ${value} AND ${column} <> ''`
    : `FROM console.payment_values WHERE tenant = ${tenant} AND kind = '${kind}' AND value = ${value}`;
}
