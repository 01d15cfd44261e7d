import { AMOUNT_MINOR_MAX, CURRENT_CURRENCIES, isCurrency } from "@tripline/contracts/currency";
import { holdsCardNumber } from "@tripline/contracts/find-card-number";
import { REPORT_KINDS, REPORT_STAGES, REPORT_VERSION_MAX } from "@tripline/contracts/fraud-reports/report-policy";
import { BIN_PATTERN, CARD_TOKEN_PATTERN, isCardNumber, TRANSACTION_ID_PATTERN } from "@tripline/contracts/identifiers";
import { z } from "zod";
import { declaredFields, firstFields } from "../generated/payment-fields.js";
import { boolean, choice, count, identifier, instant, time } from "./field-kinds.js";
import { IDEMPOTENCY_KEY_LENGTH_MAX } from "./limits.js";

/**
 * Request schemas. Their `id` is their name in the API's description. Messages follow the field's name and never repeat
 * its value.
 */

const transactionIdField = identifier(
  "Your ID of the payment; must not contain a card number. You can safely send the same ID again: it is the same payment.",
);

const cardFields = {
  number: z
    .string()
    .refine(isCardNumber, "must be 12 to 19 digits that pass the Luhn check")
    .meta({ pattern: "^[0-9]{12,19}$", writeOnly: true, description: "Immediately replaced by a token; never stored." })
    .optional(),
  token: z
    .string()
    .regex(CARD_TOKEN_PATTERN, "must be a card token: ct_ followed by 32 hexadecimal digits")
    .meta({ description: "The `card_token` of an earlier decision." })
    .optional(),
};

type CardFields = { number?: string | undefined; token?: string | undefined };

const isOneOf = ({ number, token }: CardFields): boolean => (number === undefined) !== (token === undefined);
const ONE_OF = { message: "must have either number or token" };

/** With `oneOf` for generated clients. */
const cardAlone = z
  .strictObject(cardFields)
  .refine(isOneOf, ONE_OF)
  .meta({ oneOf: [{ required: ["number"] }, { required: ["token"] }] });

const paymentCard = z
  .strictObject({
    ...cardFields,
    bin: z
      .string()
      .regex(BIN_PATTERN, "must be the first 6 or 8 digits of the card number")
      .meta({
        description: "Only with `token`: the first 6 or 8 digits of the number. With `number`, they are taken from it.",
      })
      .optional(),
  })
  .refine(isOneOf, ONE_OF)
  .refine(({ number, bin }) => number === undefined || bin === undefined, {
    path: ["bin"],
    message: "must be omitted if number is given",
  })
  .meta({ oneOf: [{ required: ["number"], not: { required: ["bin"] } }, { required: ["token"] }] });

/** Tripline's ID of a payment, in a path. */
export const decisionId = z.string().regex(TRANSACTION_ID_PATTERN);

const KEY_LENGTH = `be 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} printable ASCII characters`;

export const idempotencyKey = z
  .string()
  .min(1, KEY_LENGTH)
  .max(IDEMPOTENCY_KEY_LENGTH_MAX, KEY_LENGTH)
  .regex(/^[\x20-\x7e]*$/, KEY_LENGTH)
  .refine((key) => !holdsCardNumber(key), "not contain what looks like a card number")
  .optional()
  .meta({
    description:
      "Your key for this request, in addition to its transaction_id. It must not contain a card number. The same key with " +
      "another body is rejected, and so are two keys.",
  });

const currency = z.string().refine(isCurrency, "must be a current ISO 4217 code in upper case, such as EUR").meta({
  id: "Currency",
  enum: CURRENT_CURRENCIES,
  description: "Current ISO 4217 code of a currency that has a minor unit.",
});

const MINOR_UNITS = "In minor units of the currency: 1299 means 12.99 EUR or 1299 JPY.";
const minorFrom = (min: number, message: string) =>
  z.int().min(min, message).max(AMOUNT_MINOR_MAX, `must be at most ${AMOUNT_MINOR_MAX}`);

const amount = z.strictObject({
  minor: minorFrom(0, "must not be negative").meta({ description: `${MINOR_UNITS} 0 is an account check.` }),
  currency,
});

const movedAmount = z.strictObject({
  minor: minorFrom(1, "must be at least 1").meta({ description: MINOR_UNITS }),
  currency,
});

const coreFields = { transaction_id: transactionIdField, card: paymentCard, amount, occurred_at: instant };

export const paymentSchema = z.strictObject({ ...coreFields, ...declaredFields }).meta({ id: "Transaction" });

/** Accepts the same payments as `paymentSchema`, as long as they have none of `laterFields`. */
export const firstPaymentSchema = z.strictObject({ ...coreFields, ...firstFields });

export type PaymentBody = z.infer<typeof paymentSchema>;

const labelledTerminal = declaredFields.terminal_id.meta({
  description:
    "The terminal of the payment. Omit it only if the payment has none; otherwise, the verdict is not counted for the terminal.",
});

export const labelSchema = z
  .strictObject({
    transaction_id: transactionIdField,
    card: cardAlone,
    terminal_id: labelledTerminal,
    occurred_at: instant,
    fraud: z.boolean(),
    labelled_at: time("When the fraud was reported. Default: now.").optional(),
    source: z
      .string()
      .regex(/^[a-z][a-z_-]{0,31}$/, "must be 1 to 32 lower-case letters, _ and -")
      .meta({ description: "Who reported it, for example `chargeback` or `analyst`." })
      .optional(),
  })
  .refine((label) => label.labelled_at === undefined || label.labelled_at >= label.occurred_at, {
    path: ["labelled_at"],
    message: "must not be before occurred_at",
  })
  .meta({ id: "Label" });

/** Kinds of updates that are responses of the issuer. */
const ANSWERS = ["authorised", "declined"] as const;
const THREE_DS = ["three_ds_completed", "three_ds_abandoned"] as const;
/** Kinds of updates that move or release money. */
const MOVES = ["captured", "reversed", "refunded"] as const;
const UPDATE_KINDS = [...ANSWERS, ...THREE_DS, ...MOVES] as const;

export type PaymentUpdateKindName = (typeof UPDATE_KINDS)[number];

const isIn = (kinds: readonly PaymentUpdateKindName[], kind: PaymentUpdateKindName): boolean => kinds.includes(kind);

export const paymentUpdateSchema = z
  .strictObject({
    transaction_id: identifier("Your ID of the payment, as sent with the payment."),
    update_id: identifier(
      "Your ID of this update, unique within the payment. You can safely send the same ID again: it is the same update.",
    ),
    card: cardAlone,
    kind: choice(
      UPDATE_KINDS,
      "What happened: the issuer authorised or declined it, the payer completed or abandoned 3-D Secure, or an amount was captured, reversed or refunded.",
    ),
    issuer_code: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,16}$/, { error: "must be 1 to 16 letters, digits, _ and -", abort: true })
      .refine((code) => !holdsCardNumber(code), "must not contain a card number")
      .meta({ description: "The issuer's response code, for example `51`. Only with `authorised` and `declined`." })
      .optional(),
    amount: movedAmount
      .meta({
        description:
          "The amount captured, reversed or refunded by this update alone. Required for these kinds, and not allowed with others.",
      })
      .optional(),
    occurred_at: time("When it happened."),
  })
  .refine((update) => update.amount !== undefined || !isIn(MOVES, update.kind), {
    path: ["amount"],
    message: "is missing",
  })
  .refine((update) => update.amount === undefined || isIn(MOVES, update.kind), {
    path: ["amount"],
    message: "must be omitted unless kind is captured, reversed or refunded",
  })
  .refine((update) => update.issuer_code === undefined || isIn(ANSWERS, update.kind), {
    path: ["issuer_code"],
    message: "must be omitted unless kind is authorised or declined",
  })
  .meta({ id: "PaymentUpdate" });

/** Whether a report names its payment. Otherwise, its card and amount are needed to find it. */
const namesPayment = (report: {
  transaction_id?: string | undefined;
  acquirer_reference?: string | undefined;
}): boolean => report.transaction_id !== undefined || report.acquirer_reference !== undefined;

export const fraudReportSchema = z
  .strictObject({
    report_id: identifier("Your ID of the report, such as the ID of the dispute. A payment can have several reports."),
    version: count(
      [1, REPORT_VERSION_MAX],
      "Version of the report. For a new stage, a correction or a withdrawal, send the same report_id with a higher version; the " +
        "highest version applies. You can safely send the same version again. Default: 1.",
    ).optional(),
    transaction_id: identifier(
      "Your ID of the payment, as sent with the payment. If it is missing, Tripline finds the payment by acquirer_reference, or " +
        "by card, date and amount.",
    ).optional(),
    card: cardAlone.optional(),
    acquirer_reference: identifier("Acquirer reference number (ARN) of the payment.").optional(),
    authorisation_code: identifier("The issuer's authorisation code.").optional(),
    terminal_id: labelledTerminal,
    occurred_at: time(
      "When the payment took place. Without transaction_id, the day is sufficient: the search includes two days before and after " +
        "it.",
    ),
    kind: choice(
      REPORT_KINDS,
      "Source of the report: a chargeback, the issuer's report to Visa (tc40) or Mastercard (safe), an early warning, a refund, one of your analysts, or the cardholder.",
    ),
    stage: choice(REPORT_STAGES, "Stage of a chargeback. Default: received.").optional(),
    withdrawn: boolean("Whether the report is withdrawn. Default: false.").optional(),
    reason_code: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,16}$/, { error: "must be 1 to 16 letters, digits and . _ -", abort: true })
      .refine((code) => !holdsCardNumber(code), "must not contain a card number")
      .meta({ description: "The network's reason code, for example `10.4`." })
      .optional(),
    amount: movedAmount.meta({ description: "The reported amount, which may be a part of the payment's." }).optional(),
    reported_at: time("When this version was reported. Default: now.").optional(),
    file: identifier("Name of the file that contains the report, for reconciliation.").optional(),
  })
  .refine((report) => report.card !== undefined || report.transaction_id === undefined, {
    path: ["card"],
    message: "is missing",
  })
  .refine((report) => namesPayment(report) || report.card === undefined || report.amount !== undefined, {
    path: ["amount"],
    message: "is missing",
  })
  .refine((report) => namesPayment(report) || report.card !== undefined, {
    path: ["transaction_id"],
    message: "is missing",
  })
  .refine((report) => report.stage === undefined || report.stage === "received" || report.kind === "chargeback", {
    path: ["stage"],
    message: "must be received, or omitted, unless kind is chargeback",
  })
  .refine((report) => report.reported_at === undefined || report.reported_at >= report.occurred_at, {
    path: ["reported_at"],
    message: "must not be before occurred_at",
  })
  .meta({ id: "FraudReport" });
