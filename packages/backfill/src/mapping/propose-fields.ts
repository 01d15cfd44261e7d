import { isCountry } from "@tripline/contracts/country";
import { BIN_PATTERN, IDENTIFIER_PATTERN } from "@tripline/contracts/identifiers";
import { MAPPED_FIELDS } from "../generated/mapped-fields.js";
import { countryCode, plainNames, yesOrNo } from "./column-words.js";
import type { MappedField } from "./mapped-field.js";
import { VALUES_MAX } from "./mapping.js";
import type { ColumnProfile } from "./profile-columns.js";
import { looksLike, timeGuesses, timeOf } from "./profile-columns.js";

/** A proposed mapping: entries of `fields` and of `label` as in mapping.yaml. */
export interface Proposal {
  readonly fields: Record<string, Readonly<Record<string, unknown>>>;
  readonly label: Readonly<Record<string, unknown>> | undefined;
  /** Guesses, and required fields without a column, each with what the user should do. */
  readonly notes: readonly string[];
  readonly unmapped: readonly string[];
  readonly unused: readonly string[];
}

/** Common column names per field, most reliable first. They are compared with the `plainNames` of a column. */
const NAMES: Readonly<Record<string, readonly RegExp[]>> = {
  transaction_id: [
    /^(?:transaction|trans|txn?|payment|order|booking)(?:id|no|num|number|ref|reference)$/,
    /^(?:id|uuid|(?:ref|reference)(?:no|num|number)?)$/,
  ],
  card: [
    /card(?:number|num|no)$|^pan$|^ccnum$/,
    /^card(?:id|token|hash)?$/,
    /^(?:nameorig|customer|cust|client|user|account|acct|payer)(?:id|no|num|number)?$/,
  ],
  amount: [
    /^(?:tx|transaction|payment|order)?(?:amount|amt)(?:eur|usd|gbp|minor|cents)?$/,
    /^(?:value|total|sum|price)$/,
    /amount|amt/,
  ],
  currency: [/^(?:currency|ccy|curr|currencycode)$/, /currency/],
  occurred_at: [
    /^(?:occurredat|timestamp|ts|datetime|transactiontime|transdatetranstime|txdatetime|createdat|time|date)$/,
    /^(?:step|hour|day|seconds)$/,
    /time|date/,
  ],
  terminal_id: [
    /terminal/,
    /^(?:merchant|shop|store|seller|pos|namedest|payee)(?:id|no|num|number)?$/,
    /merchant|shop|store/,
  ],
  device_id: [/^device(?:id|token|fingerprint)?$/],
  ip_address: [/^ip(?:address|addr)?$|^(?:client|customer|payer|user)ip$/],
  email: [/^(?:email|mail|emailaddress)$/, /^(?:customer|payer|user)email$/],
  card_country: [/^(?:card|issuer|bin|issuing)country$/],
  merchant_country: [/^(?:merchant|shop|store|acquirer)country$/],
  ip_country: [/^ip(?:address)?country$/],
  latitude: [/^(?:merch|merchant|terminal|shop)lat(?:itude)?$/, /^lat(?:itude)?$/],
  longitude: [/^(?:merch|merchant|terminal|shop)(?:long?|lng|longitude)$/, /^(?:long?|lng|longitude)$/],
  label: [/^(?:is|tx)?fraud(?:ulent|label|flag)?$/, /^(?:label|target|class|chargeback)$/],
  reported_at: [/^(?:chargeback|reported|label(?:l?ed)?|fraud)(?:at|date|time|on)$/],
};

/** Used as a guess for a file without a currency column, because no other column shows the currency. */
const CURRENCY_GUESS = "EUR";
const FRAUD_TEXT = /^(?:fraud|fraudulent|betrug|fraude)$/i;
/** Texts that need no `values` in the mapping. */
const BOOLEAN_TEXT = /^(?:true|false|0|1)$/i;
const LABEL_VALUES_MAX = 4;
const DELAY_GUESS = "7d";
const ID_DISTINCT_MIN = 0.999;
const MOSTLY_FILLED = 0.99;

const NAMED_VALUES_MAX = 10;

const COUNTRY_FIELDS = MAPPED_FIELDS.filter(({ type }) => type === "country").map(({ name }) => name);

const namesOf = (field: string): readonly RegExp[] => NAMES[field] ?? [new RegExp(`^${field.replaceAll("_", "")}$`)];
const isNamed = (column: string, pattern: RegExp): boolean => plainNames(column).some((name) => pattern.test(name));
const isNamedLike = (column: string, field: string): boolean => namesOf(field).some((name) => isNamed(column, name));

/**
 * Whether the first rows of a column are not enough. They often lack labels and the times of labels, and the mapping
 * must list every country name in the file.
 */
export function needsAllTexts({ name, values }: ColumnProfile): boolean {
  if (["label", "reported_at"].some((field) => isNamedLike(name, field))) return true;
  return COUNTRY_FIELDS.some((field) => isNamedLike(name, field)) && !values.every((text) => isCountry(text));
}

/**
 * Proposes a column for each field, based on column names and samples.
 *
 * @param columns the first rows
 * @param rare the distinct values in the whole file, for each column that `needsAllTexts`
 */
export function proposeFields(
  columns: readonly ColumnProfile[],
  rare: ReadonlyMap<string, ColumnProfile> = new Map(),
): Proposal {
  const free = new Map(columns.map((column) => [column.name, column]));
  const takeFrom = (seen: ReadonlyMap<string, ColumnProfile>, field: string, fits: Fits): ColumnProfile | undefined => {
    for (const pattern of namesOf(field)) {
      for (const row of free.values()) {
        const column = seen.get(row.name) ?? row;
        if (!isNamed(column.name, pattern) || column.values.length === 0 || !fits(column)) continue;
        free.delete(column.name);
        return column;
      }
    }
    return undefined;
  };
  const take: Take = (field, fits) => takeFrom(free, field, fits);
  /** Takes a column by its values, for files whose names say nothing. */
  const guess: Take = (field, fits) => {
    const column = [...free.values()].find((one) => one.values.length > 0 && fits(one));
    if (column === undefined) return undefined;
    free.delete(column.name);
    notes.push(`${field}: ${column.name} is used because of its values, which is a guess`);
    return column;
  };
  const notes: string[] = [];
  const label = proposeLabel((field, fits) => takeFrom(rare, field, fits), columns, notes);
  const fields: Proposal["fields"] = {};
  const add = (name: string, entry: Record<string, unknown> | undefined, otherwise: string): void => {
    if (entry === undefined) notes.push(otherwise);
    else fields[name] = entry;
  };
  fields.transaction_id = transactionIdEntry(take("transaction_id", isId));
  add("card", cardEntry(take, guess, notes), "card: name the column that identifies the card, such as a customer's ID");
  const amount =
    take("amount", isReadable) ?? guess("amount", (column) => looksLike.money(column) && isReadable(column));
  add("amount", amount && amountEntry(amount), "amount: name the column with the amount");
  fields.currency = currencyEntry(take("currency", looksLike.currency), notes);
  const time =
    take("occurred_at", (column) => timeOf(column) !== undefined) ?? guess("occurred_at", (one) => hasClock(one));
  add(
    "occurred_at",
    time && timeEntry("occurred_at", time, notes),
    "occurred_at: name the column with the time of the payment",
  );
  for (const field of MAPPED_FIELDS) {
    const column = take(field.name, (one) => fitsField(one, field));
    if (column !== undefined) fields[field.name] = fieldEntry(rare.get(column.name) ?? column, field);
    else if (field.required) notes.push(`${field.name}: name its column, or add a constant`);
  }
  if (!("column" in fields.transaction_id)) {
    const unique = guess("transaction_id", isUniqueName);
    fields.transaction_id = transactionIdEntry(unique);
    if (unique === undefined) notes.push("transaction_id: no column is unique; the row number becomes the ID");
  }
  notes.push(...columnsWithOtherValues(free, fields));
  const terminal = fields.terminal_id?.column;
  if (typeof terminal === "string" && !/terminal/i.test(terminal))
    notes.push(`terminal_id: ${terminal} is used as the terminal, which is a guess`);
  const unmapped = MAPPED_FIELDS.filter(({ name }) => fields[name] === undefined).map(({ name }) => name);
  return { fields, label, notes, unmapped, unused: [...free.keys()] };
}

type Fits = (column: ColumnProfile) => boolean;
type Take = (field: string, fits: Fits) => ColumnProfile | undefined;

const isReadable: Fits = (column) => looksLike.number(column) || looksLike.commaNumber(column);

function proposeLabel(take: Take, columns: readonly ColumnProfile[], notes: string[]): Proposal["label"] {
  const column = take("label", ({ distinct }) => distinct.size <= LABEL_VALUES_MAX);
  if (column === undefined) {
    const pairs = columns.filter(({ distinct }) => distinct.size === 2).map(({ name }) => name);
    const candidates = pairs.length === 0 ? "" : `; columns with two values: ${pairs.join(", ")}`;
    notes.push(`label: no column says which payments were fraud; without one, no model can be trained${candidates}`);
    return undefined;
  }
  const values = [...column.distinct].toSorted();
  const fraud = values.filter((value) => FRAUD_TEXT.test(value) || yesOrNo(value, values) === true);
  const genuine = values.filter((value) => !fraud.includes(value));
  if (fraud.length === 0) notes.push(`label: say which values of ${column.name} mean fraud; "1" is a guess`);
  const values_ = { fraud: fraud.length === 0 ? ["1"] : fraud, ...(genuine.length === 0 ? {} : { genuine }) };
  const reported = take("reported_at", (one) => timeOf(one) !== undefined);
  if (reported === undefined) {
    notes.push(`label: no column says when a label arrived; ${DELAY_GUESS} after the payment is a guess`);
    return { column: column.name, ...values_, delay: DELAY_GUESS };
  }
  return {
    column: column.name,
    ...values_,
    delay: DELAY_GUESS,
    reported_at: timeEntry("reported_at", reported, notes),
  };
}

function isId({ values, distinct, filled }: ColumnProfile): boolean {
  return filled === 1 && distinct.size >= values.length * ID_DISTINCT_MIN;
}

/** Whether each row has its own short text, which is neither a number with decimals nor a time. */
function isUniqueName(column: ColumnProfile): boolean {
  const isNumber = column.share((value) => /^-?\d*[.,]\d+$/.test(value)) > 0;
  const isName = !isNumber && timeOf(column)?.format === undefined && !looksLike.cardNumber(column);
  return isName && isId(column) && column.share((value) => IDENTIFIER_PATTERN.test(value)) === 1;
}

/** Whether almost every row has a time of day. */
function hasClock(column: ColumnProfile): boolean {
  const isTime = timeOf(column)?.format !== undefined && !looksLike.number(column);
  return isTime && column.filled >= MOSTLY_FILLED && column.share((value) => value.includes(":")) === 1;
}

/** Unused columns that are named like an enum field, and how to use them. */
function columnsWithOtherValues(free: ReadonlyMap<string, ColumnProfile>, fields: Proposal["fields"]): string[] {
  return MAPPED_FIELDS.flatMap(({ name, values: known = [] }) => {
    const column = [...free.values()].find((one) => isNamedLike(one.name, name));
    if (known.length === 0 || fields[name] !== undefined || column === undefined) return [];
    const texts = [...column.distinct].toSorted().slice(0, NAMED_VALUES_MAX);
    const example = `{ column: ${column.name}, values: { ${texts[0]}: ${known[0]}, … } }`;
    return [
      `${name}: ${column.name} has the values ${texts.join(", ")}; add ${name}: ${example}, with ${known.join(", ")}`,
    ];
  });
}

function transactionIdEntry(column: ColumnProfile | undefined): Record<string, unknown> {
  return column === undefined ? { row: "row-" } : { column: column.name, ...cleaned(column) };
}

function cardEntry(take: Take, guess: Take, notes: string[]): Record<string, unknown> | undefined {
  const numbers = take("card", looksLike.cardNumber) ?? guess("card", looksLike.cardNumber);
  if (numbers !== undefined) return { column: numbers.name, holds: "number" };
  const tokens = take("card", looksLike.cardToken);
  if (tokens !== undefined) return { column: tokens.name, holds: "token" };
  const ids = take("card", () => true);
  if (ids === undefined) return undefined;
  if (!/card|pan/i.test(ids.name)) notes.push(`card: ${ids.name} is used as the card, which is a guess`);
  return { column: ids.name, holds: "id" };
}

function amountEntry(column: ColumnProfile): Record<string, unknown> {
  const isMinor = looksLike.whole(column) && isNamed(column.name, /minor|cents?$/);
  const decimal = looksLike.number(column) ? {} : { decimal: "," };
  return { column: column.name, unit: isMinor ? "minor" : "major", ...decimal };
}

function currencyEntry(column: ColumnProfile | undefined, notes: string[]): Record<string, unknown> {
  if (column !== undefined) return { column: column.name };
  notes.push(`currency: no column contains it; ${CURRENCY_GUESS} is a guess`);
  return { constant: CURRENCY_GUESS };
}

function timeEntry(field: string, column: ColumnProfile, notes: string[]): Record<string, unknown> {
  notes.push(...timeGuesses(column).map((text) => `${field}: ${text}`));
  return { column: column.name, ...timeOf(column) };
}

/** Whether almost all values of a column are valid for a field. */
export function fitsField(column: ColumnProfile, { type, format, range, values }: MappedField): boolean {
  if (format === "email") return looksLike.email(column);
  if (format === "ip_address") return looksLike.address(column);
  if (format === "bin") return column.share((value) => BIN_PATTERN.test(value)) === 1;
  if (format === "mcc") return column.share((value) => /^\d{4}$/.test(value)) === 1;
  if (type === "country") return looksLike.country(column);
  if (type === "time") return timeOf(column) !== undefined;
  if (type === "enum") return column.share((value) => values?.includes(value) === true) === 1;
  if (type === "boolean") return column.share((value) => yesOrNo(value, column.distinct) !== undefined) === 1;
  if (range !== undefined) return looksLike.within(column, range);
  return type === "integer" || type === "number" ? looksLike.number(column) : true;
}

/** The mapping entry for a field. */
export function fieldEntry(column: ColumnProfile, { type }: Pick<MappedField, "type">): Record<string, unknown> {
  if (type === "time") return { column: column.name, ...timeOf(column) };
  if (type === "identifier") return { column: column.name, ...cleaned(column) };
  const values = [...column.distinct].flatMap((text) => {
    const value = standardText(text, type, column);
    return value === undefined || value === text ? [] : [[text, value] as const];
  });
  return {
    column: column.name,
    ...(values.length === 0 ? {} : { values: Object.fromEntries(values.slice(0, VALUES_MAX)) }),
  };
}

/** The standard form of a text in a country or boolean column; undefined if there is none. */
export function standardText(text: string, type: string, column: Pick<ColumnProfile, "distinct">): string | undefined {
  if (type === "country") return isCountry(text.toUpperCase()) ? text : countryCode(text);
  if (type !== "boolean") return undefined;
  return BOOLEAN_TEXT.test(text) ? text : yesOrNo(text, column.distinct)?.toString();
}

function cleaned(column: ColumnProfile): { clean?: true } {
  return column.share((value) => IDENTIFIER_PATTERN.test(value)) === 1 ? {} : { clean: true };
}
