import { isCountry } from "@tripline/contracts/country";
import { EVENT_TIME_MS_MIN } from "@tripline/contracts/event-time";
import { holdsCardNumber } from "@tripline/contracts/find-card-number";
import {
  IDENTIFIER_PATTERN,
  normalAddress,
  normalEmail,
  normalPhone,
  normalPostalCode,
} from "@tripline/contracts/identifiers";
import { z } from "zod";
import { ATTRIBUTES_SHAPE, checkAttributes } from "./check-attributes.js";
import { isLeapSecond, parseTime } from "./parse-time.js";

/** Schemas that check and normalise each kind of field. Messages follow the field's name and never repeat its value. */

/**
 * No control characters, and no unpaired surrogates, because two different IDs with unpaired surrogates could have the
 * same UTF-8 bytes.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: tools that read the OpenAPI document do not support \p
const FREE_TEXT_PATTERN = /^[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}$/u;
const LATITUDE_MAX = 90;
const LONGITUDE_MAX = 180;
const KEPT = "Immediately replaced by a token. Stored only in encrypted form, or not at all.";
const NO_CARD_NUMBER = "must not contain a card number";

const FREE_TEXT = { minLength: 1, maxLength: 128 };

const freeText = z
  .string()
  .regex(FREE_TEXT_PATTERN, { error: "must be 1 to 128 characters without control characters", abort: true })
  .refine((value) => !holdsCardNumber(value), NO_CARD_NUMBER);

const degrees = (max: number) => {
  const message = `must be from -${max} to ${max} degrees`;
  return z.number().min(-max, message).max(max, message);
};

/** Converts to milliseconds since the epoch. */
export const instant = z
  .string()
  .meta({ format: "date-time" })
  .transform((value, context) => {
    const ms = parseTime(value);
    if (ms !== undefined && ms >= EVENT_TIME_MS_MIN) return ms;
    context.addIssue({ code: "custom", message: timeFault(value, ms) });
    return z.NEVER;
  });

/** A string that, unlike the others, is stored unencrypted, in every topic and in the names of keys. */
export const identifier = (description: string) =>
  z
    .string()
    .regex(IDENTIFIER_PATTERN, { error: "must be 1 to 64 letters, digits or the characters . _ : -", abort: true })
    .refine((value) => !holdsCardNumber(value), NO_CARD_NUMBER)
    .meta({ description });

/** A single-line string. */
export const text = (description: string) => freeText.meta({ ...FREE_TEXT, description });

/** A string that is replaced by a token, so that only the token is stored unencrypted. */
export const replacedText = (description: string) =>
  freeText.meta({ ...FREE_TEXT, writeOnly: true, description: `${description} ${KEPT}` });

/** A string that is stored only in sealed form. */
export const sealedText = (description: string) =>
  freeText.meta({
    ...FREE_TEXT,
    writeOnly: true,
    description: `${description} Stored only in encrypted form, or not at all; not used for decisions.`,
  });

/** A transformation that reports `message` for a string without a normal form. */
function normalised(normal: (text: string) => string | undefined, message: string) {
  return (value: string, context: z.RefinementCtx): string => {
    const text = normal(value);
    if (text !== undefined) return text;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
}

/** Converts to the canonical form of the address. */
export const ipAddress = (description: string) =>
  z
    .string()
    .meta({
      anyOf: [
        { type: "string", format: "ipv4" },
        { type: "string", format: "ipv6" },
      ],
      writeOnly: true,
      description: `${description} ${KEPT}`,
    })
    .transform(normalised(normalAddress, "must be an IPv4 or IPv6 address, such as 203.0.113.7"));

/** Converts to the canonical form of the address. */
export const email = (description: string) =>
  z
    .string()
    .refine((value) => !holdsCardNumber(value), { error: NO_CARD_NUMBER, abort: true })
    .meta({ format: "email", writeOnly: true, description: `${description} ${KEPT}` })
    .transform(normalised(normalEmail, "must be an e-mail address, such as ada@example.com"));

/** Converts to E.164. */
export const phone = (description: string) =>
  z
    .string()
    .refine((value) => !holdsCardNumber(value), { error: NO_CARD_NUMBER, abort: true })
    .meta({ writeOnly: true, description: `${description} ${KEPT}` })
    .transform(normalised(normalPhone, "must be an international telephone number, such as +32470123456"));

/** Converts to capitals without spaces and hyphens. */
export const postalCode = (description: string) =>
  z
    .string()
    .meta({ writeOnly: true, description: `${description} ${KEPT}` })
    .transform(normalised(normalPostalCode, "must be 2 to 10 letters or digits, such as 1000 or SW1A 1AA"));

const digits = (pattern: RegExp, message: string) => (description: string) =>
  z.string().regex(pattern, message).meta({ pattern: pattern.source, description });

/** A merchant category code (ISO 18245). */
export const mcc = digits(/^\d{4}$/, "must be a merchant category code of four digits, such as 5732");

export const eci = digits(/^\d{2}$/, "must be an electronic commerce indicator of two digits, such as 05");

export const version = digits(/^\d{1,2}(?:\.\d{1,2}){1,2}$/, "must be a version, such as 2.2.0");

export const country = (description: string) =>
  z
    .string()
    .refine(isCountry, "must be an ISO 3166-1 alpha-2 code in upper case, such as BE")
    .meta({ pattern: "^[A-Z]{2}$", description });

/** A location in WGS 84. */
export const coordinates = (description: string) =>
  z.strictObject({ latitude: degrees(LATITUDE_MAX), longitude: degrees(LONGITUDE_MAX) }).meta({ description });

export const choice = <const V extends readonly string[]>(values: V, description: string) =>
  z.enum(values, `must be one of ${values.join(", ")}`).meta({ description });

/** An integer that a JavaScript number can hold exactly. */
export const wholeNumber = (description: string) => z.int("must be a whole number").meta({ description });

/** An integer in a range that includes both bounds. */
export const count = ([least, greatest]: readonly [number, number], description: string) => {
  const message = `must be a whole number from ${least} to ${greatest}`;
  return z.int(message).min(least, message).max(greatest, message).meta({ description });
};

export const number = (description: string) => z.number("must be a number").meta({ description });

export const boolean = (description: string) => z.boolean("must be true or false").meta({ description });

/** Converts to milliseconds since the epoch. */
export const time = (description: string) => instant.meta({ description });

/** Values that have no field of their own. Converts them to JSON; an empty object is treated as none. */
export const attributes = (description: string) =>
  z
    .unknown()
    .meta({
      ...ATTRIBUTES_SHAPE,
      writeOnly: true,
      description: `${description} Stored only in encrypted form, or not at all.`,
    })
    .transform((given, context) => {
      const checked = checkAttributes(given);
      if ("json" in checked) return checked.json;
      for (const { name, message } of checked.faults) {
        context.addIssue({ code: "custom", message, path: name === undefined ? [] : [name] });
      }
      return z.NEVER;
    });

function timeFault(value: string, ms: number | undefined): string {
  if (ms !== undefined) return "must be later than 1970-01-01T00:00:00Z";
  if (isLeapSecond(value)) return "must not be a leap second; send second 59 instead of 60";
  return "must be an RFC 3339 time with an offset, such as 2026-11-24T12:00:00Z";
}
