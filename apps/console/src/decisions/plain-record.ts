import type { PaymentDetail } from "../contract/payments.js";
import { maskToken } from "../requests/mask-token.js";
import type { ReadBack } from "./describe-decision.js";
import { DEGREE_DIGITS } from "./payment-facts.js";

/** Matches tokens, such as those of cards: two letters and 32 hexadecimal digits. IDs have three letters. */
const TOKEN = /^[a-z]{2}_[0-9a-f]{32}$/;
const POSITION = ["latitude", "longitude"];

/** The records of a payment as JSON, with the names of the messages' fields. Sealed data is omitted. */
export function plainRecord({ decision, vector }: ReadBack, isClear: boolean): PaymentDetail["record"] {
  return { features: plainFields(vector, isClear), decision: plainFields(decision, isClear) };
}

function plainFields(message: object, isClear: boolean): object {
  const fields = Object.entries(message).filter(([, value]) => value !== undefined && !(value instanceof Uint8Array));
  return Object.fromEntries(fields.map(([name, value]) => [name, plainValue(name, value, isClear)]));
}

function plainValue(name: string, value: unknown, isClear: boolean): unknown {
  if (Array.isArray(value)) return value.map((one) => plainValue(name, one, isClear));
  if (typeof value === "object" && value !== null) return plainFields(value, isClear);
  if (isClear) return value;
  if (typeof value === "number" && POSITION.includes(name)) return Number(value.toFixed(DEGREE_DIGITS));
  return typeof value === "string" && TOKEN.test(value) ? maskToken(value) : value;
}
