import { COUNTRIES } from "@tripline/contracts/country";
import { AMOUNT_MINOR_MAX, CURRENCIES, currencyDecimals } from "@tripline/contracts/currency";
import { BIN_PATTERN, IDENTIFIER_PATTERN } from "@tripline/contracts/identifiers";
import { MAPPED_FIELDS } from "../generated/mapped-fields.js";
import { sqlName, sqlText } from "../input/work-database.js";
import type { MappedField } from "./mapped-field.js";
import type { DecimalSource, Mapping, TextSource, TimeSource } from "./mapping.js";

/** How a column of `mapped` is computed. */
export interface FieldSql {
  /** The column in `mapped`. */
  readonly column: string;
  readonly type: string;
  /** Columns of the file used in `value`. */
  readonly uses: readonly string[];
  /** SQL over the texts of those columns. */
  readonly value: string;
  /** Conditions over the texts and the columns of `mapped`, each with the reason for the rejection. */
  readonly faults: readonly (readonly [condition: string, reason: string])[];
}

const TIME_MS_MIN = 1;
/** 2200-01-01: a later time indicates a wrong unit. */
const TIME_MS_MAX = Date.UTC(2200, 0, 1);
const TEXT_CHARACTERS_MAX = 128;
const VALUES_HINT = "; `values` in the mapping replaces other texts";
const IDENTIFIER_WORDS = "1 to 64 letters, digits or any of . _ : -";

/** SQL for the text of a column of the file; null if it is missing. */
export function textOf(column: string, missing: readonly string[]): string {
  const trimmed = `trim(${sqlName(column)})`;
  if (missing.length === 0) return `nullif(${trimmed}, '')`;
  return `CASE WHEN ${trimmed} IN ('', ${missing.map(sqlText).join(", ")}) THEN NULL ELSE ${trimmed} END`;
}

/** The name of the column's text within the query. */
export const source = (column: string): string => sqlName(`text of ${column}`);

/** SQL for a column's text, replaced as the mapping says. */
function replaced(column: string, values: TextSource["values"] = {}): string {
  const cases = Object.entries(values).map(([from, to]) => `WHEN ${sqlText(from)} THEN ${sqlText(to)}`);
  return cases.length === 0 ? source(column) : `CASE ${source(column)} ${cases.join(" ")} ELSE ${source(column)} END`;
}

/** All columns of `mapped`, in the order in which faults are checked. */
export function fieldsSql(mapping: Mapping): FieldSql[] {
  const { fields } = mapping;
  const declared = MAPPED_FIELDS.flatMap((field) => {
    const given = fields[field.name];
    return given === undefined ? [] : [declaredSql(field, given)];
  });
  return [
    transactionIdSql(fields.transaction_id),
    cardSql(fields.card),
    currencySql(fields.currency),
    amountSql(fields.amount, fields.currency),
    timeSql("occurred_at_ms", "occurred_at", fields.occurred_at, true),
    ...declared,
    ...labelSql(mapping.label),
  ];
}

function transactionIdSql(given: Mapping["fields"]["transaction_id"]): FieldSql {
  if (given.column === undefined) {
    const value = `${sqlText(given.row ?? "")} || (raw_row + 1)`;
    return { column: "transaction_id", type: "VARCHAR", uses: [], value, faults: [] };
  }
  return identifierSql("transaction_id", "transaction_id", { ...given, column: given.column }, true);
}

function cardSql({ column }: Mapping["fields"]["card"]): FieldSql {
  const faults = [
    [`${source(column)} IS NULL`, `has no card: the column ${column} is empty`],
    [`length(${source(column)}) > ${TEXT_CHARACTERS_MAX}`, `the card is longer than ${TEXT_CHARACTERS_MAX} characters`],
  ] as const;
  return { column: "card", type: "VARCHAR", uses: [column], value: source(column), faults };
}

function currencySql({ column, constant }: Mapping["fields"]["currency"]): FieldSql {
  const base = { column: "currency", type: "VARCHAR" };
  if (column === undefined) return { ...base, uses: [], value: sqlText(constant ?? ""), faults: [] };
  const known = `currency IN (${CURRENCIES.map(sqlText).join(", ")})`;
  return {
    ...base,
    uses: [column],
    value: `upper(${source(column)})`,
    faults: [
      ["currency IS NULL", `has no currency (column ${column})`],
      [`NOT ${known}`, "currency is not an ISO 4217 code"],
    ],
  };
}

function amountSql(
  { column, unit, decimal, scale }: Mapping["fields"]["amount"],
  currency: Mapping["fields"]["currency"],
): FieldSql {
  // A double has 15 significant digits, so every amount up to the maximum is exact.
  const number = numberOf(source(column), decimal, "DOUBLE");
  const minor = `${number} * ${scale}${unit === "minor" ? "" : ` * ${minorUnits(currency)}`}`;
  const faults = [
    [`${source(column)} IS NULL`, `has no amount (column ${column})`],
    ["amount_minor IS NULL", `the amount cannot be read as a number (column ${column})`],
    ["amount_minor < 0", "the amount is negative"],
    [`amount_minor > ${AMOUNT_MINOR_MAX}`, `the amount is above ${AMOUNT_MINOR_MAX} minor units`],
  ] as const;
  return {
    column: "amount_minor",
    type: "BIGINT",
    uses: [column],
    value: `try_cast(round(${minor}) AS BIGINT)`,
    faults,
  };
}

/** SQL for the minor units per major unit; a plain number if the currency is constant. */
function minorUnits({ column, constant }: Mapping["fields"]["currency"]): string {
  if (column === undefined) return String(10 ** currencyDecimals(constant ?? ""));
  const code = `upper(${source(column)})`;
  const cases = [0, 3, 4].map((decimals) => {
    const codes = CURRENCIES.filter((one) => currencyDecimals(one) === decimals);
    return `WHEN ${code} IN (${codes.map(sqlText).join(", ")}) THEN ${10 ** decimals}`;
  });
  return `CASE ${cases.join(" ")} ELSE 100 END`;
}

/**
 * SQL that parses a text as a number; null if that fails. Spaces, apostrophes and the other decimal sign may separate
 * groups of digits, and the last group must have three digits: with the wrong decimal sign, "9,99" must not become 999.
 */
function numberOf(text: string, decimal: "." | ",", type: string): string {
  const separators = `${decimal === "," ? "." : ","} \u00a0'`;
  const grouped = `[+-]?\\d{1,3}([${separators}]\\d{2,3})*[${separators}]\\d{3}(\\${decimal}\\d*)?`;
  const digits = `CASE WHEN regexp_full_match(${text}, ${sqlText(grouped)}) THEN translate(${text}, ${sqlText(separators)}, '') END`;
  const plain = decimal === "," ? `CASE WHEN NOT contains(${text}, '.') THEN ${text} END` : text;
  const cast = (sql: string) => `try_cast(${decimal === "," ? `replace(${sql}, ',', '.')` : sql} AS ${type})`;
  return `coalesce(${cast(plain)}, ${cast(digits)})`;
}

/** SQL for a time in milliseconds since the epoch. */
export function timeSql(column: string, name: string, given: TimeSource, isRequired: boolean): FieldSql {
  const text = source(given.column);
  const faults = [
    ...(isRequired ? [[`${text} IS NULL`, `has no ${name} (column ${given.column})`] as const] : []),
    [
      `${text} IS NOT NULL AND ${column} IS NULL`,
      `${name} cannot be read as ${formatWords(given)} (column ${given.column})`,
    ],
    [
      `${column} < ${TIME_MS_MIN} OR ${column} > ${TIME_MS_MAX}`,
      `${name} is not between 1970 and 2200: check its format`,
    ],
  ] as const;
  return { column, type: "BIGINT", uses: [given.column], value: millisecondsOf(given, text), faults };
}

function millisecondsOf({ format, step, start, time_zone: zone }: TimeSource, text: string): string {
  const number = `try_cast(${text} AS DOUBLE)`;
  if (step !== undefined) return `try_cast(${start} + round(${number} * ${step}) AS BIGINT)`;
  if (format === "epoch_ms") return `try_cast(round(${number}) AS BIGINT)`;
  if (format === "epoch_s") return `try_cast(round(${number} * 1000) AS BIGINT)`;
  const zoned = (local: string) => (zone === "UTC" ? local : `timezone(${sqlText(zone)}, ${local})`);
  if (format === "iso") {
    const hasOffset = `regexp_matches(${text}, '(?:Z|[+-]\\d\\d(?::?\\d\\d)?)$') AND length(${text}) > 10`;
    const local = zoned(`try_cast(${text} AS TIMESTAMP)`);
    return `CASE WHEN ${hasOffset} THEN epoch_ms(try_cast(${text} AS TIMESTAMPTZ)) ELSE epoch_ms(${local}) END`;
  }
  const parsed = `try_strptime(${text}, ${sqlText(format ?? "")})`;
  // A time with an offset needs no zone.
  return `epoch_ms(${/%[zZ]/.test(format ?? "") ? parsed : zoned(parsed)})`;
}

function formatWords({ format, step }: TimeSource): string {
  if (step !== undefined) return "a number of steps";
  return (
    { iso: "an ISO 8601 time", epoch_s: "seconds since 1970", epoch_ms: "milliseconds since 1970" }[format ?? ""] ??
    `a time of the form ${format}`
  );
}

export function identifierSql(
  column: string,
  name: string,
  given: Pick<TextSource, "constant" | "clean" | "values"> & { readonly column?: string | undefined },
  isRequired: boolean,
): FieldSql {
  if (given.column === undefined) {
    return { column, type: "VARCHAR", uses: [], value: sqlText(given.constant ?? ""), faults: [] };
  }
  const text = replaced(given.column, given.values);
  const value = given.clean ? `left(regexp_replace(${text}, '[^A-Za-z0-9._:-]', '_', 'g'), 64)` : text;
  const hint = given.clean ? "" : "; `clean: true` replaces other characters";
  const faults = [
    ...(isRequired ? [[`${text} IS NULL`, `has no ${name} (column ${given.column})`] as const] : []),
    [
      `NOT regexp_full_match(${sqlName(column)}, '${IDENTIFIER_PATTERN.source}')`,
      `${name} is not ${IDENTIFIER_WORDS}${hint}`,
    ],
  ] as const;
  return { column, type: "VARCHAR", uses: [given.column], value, faults };
}

function declaredSql(field: MappedField, given: TimeSource | TextSource | DecimalSource): FieldSql {
  const { name, type, wire, required = false } = field;
  if ("format" in given || "step" in given) return timeSql(name, name, given, required);
  if ("decimal" in given) return numberSql(field, given);
  // The compiler cannot exclude a time here, because all members of its zod type are optional.
  const text = given as TextSource;
  if (type === "identifier" || field.format === "id") return identifierSql(name, name, text, required);
  if (text.column === undefined) return constantSql(field, text.constant ?? "");
  const from = replaced(text.column, text.values);
  const [value, condition, reason] = checkedText(field, from);
  const faults = [
    ...(required ? [[`${from} IS NULL`, `has no ${name} (column ${text.column})`] as const] : []),
    [condition, `${name} ${reason}`],
  ] as const;
  return { column: name, type: wire === "bool" ? "BOOLEAN" : "VARCHAR", uses: [text.column], value, faults };
}

/** Performs the same checks as ingestion. */
const PATTERNS: Readonly<Record<string, readonly [pattern: string, words: string]>> = {
  bin: [BIN_PATTERN.source, "the first 6 or 8 digits of a card number"],
  mcc: ["\\d{4}", "a merchant category code of four digits"],
  eci: ["\\d{2}", "an electronic commerce indicator of two digits"],
  version: ["\\d{1,2}(?:\\.\\d{1,2}){1,2}", "a version such as 2.2.0"],
};

function checkedText({ name, type, format, values = [] }: MappedField, from: string): [string, string, string] {
  const own = sqlName(name);
  if (type === "boolean") {
    return [
      `try_cast(${from} AS BOOLEAN)`,
      `${from} IS NOT NULL AND ${own} IS NULL`,
      `is neither true nor false${VALUES_HINT}`,
    ];
  }
  if (type === "country") {
    const known = [...COUNTRIES].map(sqlText).join(", ");
    return [`upper(${from})`, `${own} NOT IN (${known})`, `is not an ISO 3166-1 alpha-2 code${VALUES_HINT}`];
  }
  if (type === "enum") {
    return [
      from,
      `${own} NOT IN (${values.map(sqlText).join(", ")})`,
      `is not one of ${values.join(", ")}${VALUES_HINT}`,
    ];
  }
  const [pattern, words] = PATTERNS[format ?? ""] ?? [];
  if (pattern !== undefined) return [from, `NOT regexp_full_match(${own}, '${pattern}')`, `is not ${words}`];
  return [from, `length(${own}) > ${TEXT_CHARACTERS_MAX}`, `is longer than ${TEXT_CHARACTERS_MAX} characters`];
}

function constantSql({ name, wire }: MappedField, constant: string): FieldSql {
  const type = wire === "bool" ? "BOOLEAN" : "VARCHAR";
  return { column: name, type, uses: [], value: `${sqlText(constant)}::${type}`, faults: [] };
}

function numberSql({ name, wire, range, required = false }: MappedField, { column, decimal }: DecimalSource): FieldSql {
  const type = wire === "int64" ? "BIGINT" : "DOUBLE";
  const text = source(column);
  const faults = [
    ...(required ? [[`${text} IS NULL`, `has no ${name} (column ${column})`] as const] : []),
    [`${text} IS NOT NULL AND ${sqlName(name)} IS NULL`, `${name} cannot be read as a number (column ${column})`],
    ...(range === undefined
      ? []
      : [
          [
            `NOT ${sqlName(name)} BETWEEN ${range[0]} AND ${range[1]}`,
            `${name} is not between ${range[0]} and ${range[1]}`,
          ] as const,
        ]),
  ] as const;
  return { column: name, type, uses: [column], value: numberOf(text, decimal, type), faults };
}

function labelSql(given: Mapping["label"]): FieldSql[] {
  if (given === undefined) {
    const none = { uses: [], faults: [], value: "NULL" };
    return [
      { column: "fraud", type: "TINYINT", ...none },
      { column: "labelled_at_ms", type: "BIGINT", ...none },
    ];
  }
  const text = source(given.column);
  const among = (values: readonly string[]) => `${text} IN (${values.map(sqlText).join(", ")})`;
  const genuine = given.genuine === undefined ? `${text} IS NOT NULL` : among(given.genuine);
  const fraud: FieldSql = {
    column: "fraud",
    type: "TINYINT",
    uses: [given.column],
    value: `CASE WHEN ${among(given.fraud)} THEN 1 WHEN ${genuine} THEN 0 END`,
    faults: [
      [`${text} IS NOT NULL AND fraud IS NULL`, `the label (column ${given.column}) is neither fraud nor genuine`],
    ],
  };
  const later = given.delay === undefined ? "NULL" : `occurred_at_ms + ${given.delay}`;
  if (given.reported_at === undefined) {
    const value = `CASE WHEN fraud IS NOT NULL THEN ${later} END`;
    return [fraud, { column: "labelled_at_ms", type: "BIGINT", uses: [], value, faults: [] }];
  }
  const reported = timeSql("labelled_at_ms", "reported_at", given.reported_at, false);
  const faults = [
    ...reported.faults,
    ["labelled_at_ms < occurred_at_ms", "was labelled before it took place"] as const,
  ];
  return [
    fraud,
    { ...reported, value: `CASE WHEN fraud IS NOT NULL THEN coalesce(${reported.value}, ${later}) END`, faults },
  ];
}
