import { isCurrency } from "@tripline/contracts/currency";
import { EVENT_TIME_MS_MIN } from "@tripline/contracts/event-time";
import { holdsCardNumber } from "@tripline/contracts/find-card-number";
import { CARD_TOKEN_PATTERN, isCardNumber, normalAddress } from "@tripline/contracts/identifiers";
import { parseTime } from "./parse-time.js";
import type { PaymentBody } from "./request-schemas.js";
import {
  AMOUNT_MINOR_MAX,
  DEVICE_ID_PATTERN,
  IDENTIFIER_PATTERN,
  LATITUDE_MAX,
  LONGITUDE_MAX,
} from "./request-schemas.js";

type Fields = Readonly<Record<string, unknown>>;

/**
 * The payment that `paymentSchema` makes of a body, in a third of its time; undefined for a body that the schema refuses,
 * which is then to say why. A test holds the two together.
 */
export function readPayment(body: unknown): PaymentBody | undefined {
  if (!isObject(body)) return undefined;
  const { transaction_id, terminal_id, device_id, ip_address } = body;
  const [card, amount, location] = [readCard(body.card), readAmount(body.amount), readLocation(body.location)];
  if (card === undefined || amount === undefined || location === undefined) return undefined;
  if (!isIdentifier(transaction_id) || !isIdentifier(terminal_id)) return undefined;
  const occurred_at = typeof body.occurred_at === "string" ? parseTime(body.occurred_at) : undefined;
  if (occurred_at === undefined || occurred_at < EVENT_TIME_MS_MIN) return undefined;
  const payment: PaymentBody = { transaction_id, card, terminal_id, amount, occurred_at };
  let fields = 5;
  if (device_id !== undefined) {
    if (!matches(device_id, DEVICE_ID_PATTERN)) return undefined;
    payment.device_id = device_id;
    fields += 1;
  }
  if (ip_address !== undefined) {
    const address = typeof ip_address === "string" ? normalAddress(ip_address) : undefined;
    if (address === undefined) return undefined;
    payment.ip_address = address;
    fields += 1;
  }
  if (location !== null) {
    payment.location = location;
    fields += 1;
  }
  return hasOnly(body, fields) ? payment : undefined;
}

function readCard(card: unknown): PaymentBody["card"] | undefined {
  if (!isObject(card) || !hasOnly(card, 1)) return undefined;
  const { number, token } = card;
  if (typeof number === "string") return isCardNumber(number) ? { number } : undefined;
  return matches(token, CARD_TOKEN_PATTERN) ? { token } : undefined;
}

function readAmount(amount: unknown): PaymentBody["amount"] | undefined {
  if (!isObject(amount) || !hasOnly(amount, 2)) return undefined;
  const { minor, currency } = amount;
  if (typeof minor !== "number" || !Number.isSafeInteger(minor) || minor < 0 || minor > AMOUNT_MINOR_MAX)
    return undefined;
  return typeof currency === "string" && isCurrency(currency) ? { minor, currency } : undefined;
}

/** @returns null where there is none */
function readLocation(location: unknown): NonNullable<PaymentBody["location"]> | null | undefined {
  if (location === undefined) return null;
  if (!isObject(location) || !hasOnly(location, 2)) return undefined;
  const { latitude, longitude } = location;
  const isPlace = isWithin(latitude, LATITUDE_MAX) && isWithin(longitude, LONGITUDE_MAX);
  return isPlace ? { latitude, longitude } : undefined;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isWithin(value: unknown, max: number): value is number {
  return typeof value === "number" && value >= -max && value <= max;
}

function isIdentifier(value: unknown): value is string {
  return matches(value, IDENTIFIER_PATTERN) && !holdsCardNumber(value);
}

function matches(value: unknown, pattern: RegExp): value is string {
  return typeof value === "string" && pattern.test(value);
}

function hasOnly(fields: Fields, count: number): boolean {
  return Object.keys(fields).length === count;
}
