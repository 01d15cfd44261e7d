import { CONSOLE_FIELDS } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { PaymentFact } from "../contract/decisions.js";
import type { ShowToken } from "../requests/mask-token.js";

/** Decimal places of a degree that are shown: a precision of about 100 m. */
export const DEGREE_DIGITS = 3;

/** The payment's fields with the use `console`, in the order of payment.yaml, without fields that were not sent. */
export function paymentFacts(payment: Transaction, show: ShowToken): PaymentFact[] {
  return CONSOLE_FIELDS.flatMap(({ name, title, keys, isPersonal }) => {
    const values = keys.map((key) => payment[key]).filter((value) => value !== undefined && value !== "");
    if (values.length < keys.length) return [];
    const text =
      keys.length > 1 ? values.map((value) => Number(value).toFixed(DEGREE_DIGITS)).join(", ") : textOf(values[0]);
    return [{ name, title, text: isPersonal ? show(text) : text }];
  });
}

function textOf(value: string | number | boolean | undefined): string {
  return typeof value === "boolean" ? (value ? "yes" : "no") : String(value ?? "");
}
