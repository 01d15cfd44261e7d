import type { OpenReason } from "#contract/personal";

const payments = (count: number): string => (count === 1 ? "1 payment" : `${count} payments`);

const REASONS: Readonly<Record<OpenReason, string>> = {
  "contact-cardholder": "Contact the cardholder",
  "compare-payments": "Compare payments",
  "verify-identity": "Verify who made the payment",
  "answer-cardholder": "Answer a cardholder's data request",
  "answer-authority": "Answer an authority's request",
};

/** Sealed personal data. */
export const text = {
  title: "Personal data",
  sealed:
    "Data that identifies the payer, such as name, e-mail address and IP address, is encrypted. The audit log records who views it and why.",
  reason: "Reason",
  choose: "Choose…",
  reasons: REASONS,
  open: "Show",
  hide: "Hide",
  inPayments: (count: number) => `in ${payments(count)}`,
  erased: (count: number) =>
    `${payments(count)}: the cardholder's data was erased. Its keys are destroyed, so it cannot be decrypted.`,
  keyless: (count: number) =>
    `${payments(count)}: the key is missing. It has expired and was destroyed, or is not stored yet.`,
  empty: (count: number) => `${payments(count)} without personal data.`,
  missing: (count: number) => `${payments(count)} no longer in the console: erased, or past the retention period.`,
} as const;
