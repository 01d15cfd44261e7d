import { isCountry } from "@tripline/contracts/country";
import { CURRENT_CURRENCIES, isCurrency } from "@tripline/contracts/currency";
import { EVENT_TIME_MS_MIN } from "@tripline/contracts/event-time";
import { holdsCardNumber } from "@tripline/contracts/find-card-number";
import {
  BIN_PATTERN,
  CARD_TOKEN_PATTERN,
  IDENTIFIER_PATTERN,
  isCardNumber,
  normalAddress,
  normalEmail,
  TRANSACTION_ID_PATTERN,
} from "@tripline/contracts/identifiers";
import { z } from "zod";
import { IDEMPOTENCY_KEY_LENGTH_MAX } from "./limits.js";
import { isLeapSecond, parseTime } from "./parse-time.js";

/** What clients send. The ids are names in the description of the API. Messages continue the name of the field and never repeat its value. */

const AMOUNT_MINOR_MAX = 1_000_000_000_000;
/** No control characters and no half of a surrogate pair: as UTF-8, two different ids would look the same. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: tools that read the OpenAPI document know no \p
const FREE_TEXT_PATTERN = /^[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}$/u;

const KEPT = "Replaced by a token at once; itself stored sealed, or not at all.";
const NO_CARD_NUMBER = "must not hold what looks like a card number";

/** Stored in clear in every topic and in key names, which a device id is not. */
const identifier = z
  .string()
  .regex(IDENTIFIER_PATTERN, { error: "must be 1 to 64 characters out of letters, digits and . _ : -", abort: true })
  .refine((text) => !holdsCardNumber(text), NO_CARD_NUMBER);

const transactionIdField = identifier.meta({
  description:
    "Your own id of the payment, without a card number. The same id is the same payment: sending it again is safe.",
});

const cardFields = {
  number: z
    .string()
    .refine(isCardNumber, "must be 12 to 19 digits that pass the Luhn check")
    .meta({ pattern: "^[0-9]{12,19}$", writeOnly: true, description: "Replaced by a token at once; never stored." })
    .optional(),
  token: z
    .string()
    .regex(CARD_TOKEN_PATTERN, "must be a card token: ct_ and 32 hexadecimal digits")
    .meta({ description: "`card_token` of an earlier decision." })
    .optional(),
};

type CardFields = { number?: string | undefined; token?: string | undefined };

const isOneOf = ({ number, token }: CardFields): boolean => (number === undefined) !== (token === undefined);
const ONE_OF = { message: "must hold exactly one of number and token" };

/** As generated clients understand it. */
const labelCard = z
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
        description: "With `token` only: the first 6 or 8 digits of the number, from which they come otherwise.",
      })
      .optional(),
  })
  .refine(isOneOf, ONE_OF)
  .refine(({ number, bin }) => number === undefined || bin === undefined, {
    path: ["bin"],
    message: "must be left out beside a number",
  })
  .meta({ oneOf: [{ required: ["number"], not: { required: ["bin"] } }, { required: ["token"] }] });

/** In the path: Tripline's id of a payment. */
export const decisionId = z.string().regex(TRANSACTION_ID_PATTERN);

const KEY_LENGTH = `be 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} printable ASCII characters`;

export const idempotencyKey = z
  .string()
  .min(1, KEY_LENGTH)
  .max(IDEMPOTENCY_KEY_LENGTH_MAX, KEY_LENGTH)
  .regex(/^[\x20-\x7e]*$/, KEY_LENGTH)
  .refine((key) => !holdsCardNumber(key), "not hold what looks like a card number")
  .optional()
  .meta({
    description:
      "A key of your own for this request, besides its transaction_id, without a card number. The same key with another body is refused, and so are two keys.",
  });

/** To milliseconds since the epoch. */
const time = z
  .string()
  .meta({ format: "date-time" })
  .transform((text, context) => {
    const ms = parseTime(text);
    if (ms !== undefined && ms >= EVENT_TIME_MS_MIN) return ms;
    context.addIssue({ code: "custom", message: timeFault(text, ms) });
    return z.NEVER;
  });

function timeFault(text: string, ms: number | undefined): string {
  if (ms !== undefined) return "must be later than 1970-01-01T00:00:00Z";
  if (isLeapSecond(text)) return "must not be a leap second; send it with 59 seconds instead of 60";
  return "must be an RFC 3339 time with an offset, such as 2026-11-24T12:00:00Z";
}

const amount = z.strictObject({
  minor: z
    .int()
    .min(0, "must not be negative")
    .max(AMOUNT_MINOR_MAX, `must be at most ${AMOUNT_MINOR_MAX}`)
    .meta({ description: "In minor units of the currency: 1299 is 12.99 EUR, and 1299 JPY. 0 is an account check." }),
  currency: z.string().refine(isCurrency, "must be a current ISO 4217 code in capitals, such as EUR").meta({
    id: "Currency",
    enum: CURRENT_CURRENCIES,
    description: "Current ISO 4217 code of a currency that has a minor unit.",
  }),
});

const deviceId = z
  .string()
  .regex(FREE_TEXT_PATTERN, { error: "must be 1 to 128 characters, none of them a control character", abort: true })
  .refine((text) => !holdsCardNumber(text), NO_CARD_NUMBER)
  .meta({
    minLength: 1,
    maxLength: 128,
    writeOnly: true,
    description: `Your own id of the device that pays. ${KEPT}`,
  });

const cardholder = z
  .string()
  .regex(FREE_TEXT_PATTERN, { error: "must be 1 to 128 characters, none of them a control character", abort: true })
  .refine((text) => !holdsCardNumber(text), NO_CARD_NUMBER)
  .meta({
    minLength: 1,
    maxLength: 128,
    writeOnly: true,
    description: "The name on the card. Stored sealed, or not at all; nothing is decided by it.",
  });

/** To the canonical spelling of the address. */
const ipAddress = z
  .string()
  .meta({
    anyOf: [{ format: "ipv4" }, { format: "ipv6" }],
    writeOnly: true,
    description: `The network address the payment comes from. ${KEPT}`,
  })
  .transform((text, context) => {
    const address = normalAddress(text);
    if (address !== undefined) return address;
    context.addIssue({ code: "custom", message: "must be an IPv4 or IPv6 address, such as 203.0.113.7" });
    return z.NEVER;
  });

/** To the one spelling of the address. */
const email = z
  .string()
  .refine((text) => !holdsCardNumber(text), { error: NO_CARD_NUMBER, abort: true })
  .meta({
    format: "email",
    writeOnly: true,
    description: `The payer's e-mail address. ${KEPT}`,
  })
  .transform((text, context) => {
    const address = normalEmail(text);
    if (address !== undefined) return address;
    context.addIssue({ code: "custom", message: "must be an e-mail address, such as ada@example.com" });
    return z.NEVER;
  });

const country = (of: string) =>
  z
    .string()
    .refine(isCountry, "must be an ISO 3166-1 alpha-2 code in capitals, such as BE")
    .meta({ pattern: "^[A-Z]{2}$", description: `Country of the ${of}, ISO 3166-1 alpha-2.` });

const LATITUDE_MAX = 90;
const LONGITUDE_MAX = 180;

const degrees = (max: number) => {
  const message = `must be from -${max} to ${max} degrees`;
  return z.number().min(-max, message).max(max, message);
};

const location = z
  .strictObject({ latitude: degrees(LATITUDE_MAX), longitude: degrees(LONGITUDE_MAX) })
  .meta({ description: "Where the payment takes place, in degrees (WGS 84)." });

export const paymentSchema = z
  .strictObject({
    transaction_id: transactionIdField,
    card: paymentCard,
    terminal_id: identifier,
    amount,
    occurred_at: time,
    device_id: deviceId.optional(),
    ip_address: ipAddress.optional(),
    email: email.optional(),
    cardholder: cardholder.optional(),
    card_country: country("card's issuer").optional(),
    merchant_country: country("merchant").optional(),
    ip_country: country("network address").optional(),
    location: location.optional(),
  })
  .meta({ id: "Transaction" });

export type PaymentBody = z.infer<typeof paymentSchema>;

export const labelSchema = z
  .strictObject({
    transaction_id: transactionIdField,
    card: labelCard,
    terminal_id: identifier,
    occurred_at: time,
    fraud: z.boolean(),
    labelled_at: time.meta({ description: "When it was reported; now, if left out." }).optional(),
    source: z
      .string()
      .regex(/^[a-z][a-z_-]{0,31}$/, "must be 1 to 32 lower-case letters, _ and -")
      .meta({ description: "Who reported it, for instance `chargeback` or `analyst`." })
      .optional(),
  })
  .refine((label) => label.labelled_at === undefined || label.labelled_at >= label.occurred_at, {
    path: ["labelled_at"],
    message: "must not be before occurred_at",
  })
  .meta({ id: "Label" });
