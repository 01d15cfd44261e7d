import type { z } from "zod";
import { formatTime } from "../requests/parse-time.js";
import type { labelSchema, paymentSchema } from "../requests/request-schemas.js";

/** Age of the payment in the examples. */
const AGE_MS = 60_000;
/** A test number published by the card schemes. */
const TEST_CARD = "4111111111111111";
/** Reserved for documentation (RFC 5737). */
const DOCUMENTATION_ADDRESS = "203.0.113.7";

/** A payment with every field that one may have, which is accepted as it is. */
export function examplePayment(nowMs: number): z.input<typeof paymentSchema> {
  return {
    transaction_id: exampleId(nowMs),
    card: { number: TEST_CARD },
    terminal_id: "t-42",
    amount: { minor: 1_299, currency: "EUR" },
    occurred_at: formatTime(nowMs - AGE_MS),
    device_id: "8f14e45f-ceea-467f-a0f6-7b1d5c2e9a10",
    ip_address: DOCUMENTATION_ADDRESS,
    email: "ada@example.com",
    card_country: "BE",
    merchant_country: "BE",
    ip_country: "BE",
    cardholder: "Ada Lovelace",
    location: { latitude: 50.84673, longitude: 4.35247 },
  };
}

/** The label of that payment. */
export function exampleLabel(nowMs: number): z.input<typeof labelSchema> {
  return {
    transaction_id: exampleId(nowMs),
    card: { number: TEST_CARD },
    terminal_id: "t-42",
    occurred_at: formatTime(nowMs - AGE_MS),
    fraud: true,
    source: "chargeback",
  };
}

function exampleId(nowMs: number): string {
  return `order-${Math.floor(nowMs / 1_000)}`;
}
