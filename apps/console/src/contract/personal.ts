/**
 * `POST /api/personal/open` `{ transactionIds, reason }` with at most 100 payments decrypts personal data. It requires
 * `personal:read`, and the audit log records each view with its reason. The response is not stored.
 */

/** Reasons for a view. They are codes, because the audit log keeps them permanently. */
export const OPEN_REASONS = [
  "contact-cardholder",
  "compare-payments",
  "verify-identity",
  "answer-cardholder",
  "answer-authority",
] as const;

export type OpenReason = (typeof OPEN_REASONS)[number];

/** A value and the number of payments that contain it. */
export interface OpenedValue {
  readonly value: string;
  readonly payments: number;
}

export interface OpenedField {
  /** The field's name in requests, for example `email`. */
  readonly name: string;
  readonly title: string;
  /** The field's values, most frequent first. */
  readonly values: readonly OpenedValue[];
}

export interface OpenedPersonal {
  /** In the order of payment.yaml, without fields that have no value. */
  readonly fields: readonly OpenedField[];
  /** The number of decrypted payments and, by reason, of payments that were not decrypted. */
  readonly payments: {
    readonly opened: number;
    /** The card, the e-mail address or the account was erased. */
    readonly erased: number;
    /** The key has expired and was destroyed, or is not stored yet. */
    readonly keyless: number;
    /** The payments had no personal data, or sealing failed. */
    readonly empty: number;
    /** The console no longer has the payments, because they were erased or are past their retention. */
    readonly missing: number;
  };
}
