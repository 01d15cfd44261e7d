import type { OpenReason } from "#contract/personal";

const payments = (count: number): string => (count === 1 ? "1 payment" : `${count} payments`);

const REASONS: Readonly<Record<OpenReason, string>> = {
  "contact-cardholder": "Contact the cardholder",
  "compare-payments": "Compare payments",
  "verify-identity": "Verify who paid",
  "answer-cardholder": "The cardholder asks for their data",
  "answer-authority": "An authority asks",
};

/** What is sealed of people. */
export const text = {
  title: "Personal data",
  sealed: "Name, e-mail address, network address and device are sealed. Who opens them, and why, is in the audit log.",
  reason: "Reason",
  choose: "Choose…",
  reasons: REASONS,
  open: "Open",
  hide: "Hide",
  values: { cardholders: "Name", emails: "E-mail", ipAddresses: "Address", deviceIds: "Device" },
  inPayments: (count: number) => `in ${payments(count)}`,
  erased: (count: number) =>
    `${payments(count)}: the person was erased. The keys are destroyed, and nobody can open the data any more.`,
  keyless: (count: number) =>
    `${payments(count)}: the key is not there. It was destroyed after its time, or is not stored yet.`,
  empty: (count: number) => `${payments(count)} without personal data.`,
  missing: (count: number) => `${payments(count)} not in the console any more: erased, or older than it keeps.`,
} as const;
