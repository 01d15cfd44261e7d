import type { z } from "zod";
import { declaredExamples } from "../generated/payment-fields.js";
import { formatTime } from "../requests/parse-time.js";
import type {
  fraudReportSchema,
  labelSchema,
  paymentSchema,
  paymentUpdateSchema,
} from "../requests/request-schemas.js";

/** Age of the payment in the examples. */
const AGE_MS = 60_000;
/** A test number published by the card schemes. */
const TEST_CARD = "4111111111111111";

/** A valid payment with every possible field. */
export function examplePayment(nowMs: number): z.input<typeof paymentSchema> {
  return {
    transaction_id: exampleId(nowMs),
    card: { number: TEST_CARD },
    amount: { minor: 1_299, currency: "EUR" },
    occurred_at: formatTime(nowMs - AGE_MS),
    ...declaredExamples,
  };
}

/** A label for that payment. */
export function exampleLabel(nowMs: number): z.input<typeof labelSchema> {
  return {
    transaction_id: exampleId(nowMs),
    card: { number: TEST_CARD },
    terminal_id: declaredExamples.terminal_id,
    occurred_at: formatTime(nowMs - AGE_MS),
    fraud: true,
    source: "chargeback",
  };
}

/** The issuer's response to that payment. */
export function exampleUpdate(nowMs: number): z.input<typeof paymentUpdateSchema> {
  return {
    transaction_id: exampleId(nowMs),
    update_id: "authorisation-1",
    card: { number: TEST_CARD },
    kind: "declined",
    issuer_code: "51",
    occurred_at: formatTime(nowMs - AGE_MS / 2),
  };
}

/** A chargeback of that payment. */
export function exampleReport(nowMs: number): z.input<typeof fraudReportSchema> {
  return {
    report_id: "dispute-1",
    version: 1,
    transaction_id: exampleId(nowMs),
    card: { number: TEST_CARD },
    terminal_id: declaredExamples.terminal_id,
    occurred_at: formatTime(nowMs - AGE_MS),
    kind: "chargeback",
    stage: "received",
    reason_code: "10.4",
    amount: { minor: 1_299, currency: "EUR" },
  };
}

function exampleId(nowMs: number): string {
  return `order-${Math.floor(nowMs / 1_000)}`;
}
