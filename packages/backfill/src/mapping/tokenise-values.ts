import type { DuckDBAppender, DuckDBConnection } from "@duckdb/node-api";
import { holdsCardNumber } from "@tripline/contracts/find-card-number";
import type { TokenKind } from "@tripline/contracts/identifiers";
import {
  binOf,
  CARD_TOKEN_PATTERN,
  cardToken,
  hmacSha256,
  isCardNumber,
  keyedToken,
  networkOf,
  normalAddress,
  normalEmail,
  normalPhone,
  normalPostalCode,
} from "@tripline/contracts/identifiers";
import { MAPPED_FIELDS } from "../generated/mapped-fields.js";
import { sqlName } from "../input/work-database.js";
import type { MappedField } from "./mapped-field.js";
import type { Mapping } from "./mapping.js";

/** The key of an installation's tokens, and the tenant of the payments. */
export interface TokenKey {
  readonly key: Uint8Array;
  readonly tenant: string;
}

const FINGERPRINT_DIGITS = 16;
const VALUES_PER_READ = 20_480;
/** Matches texts with at least as many digits as the shortest card number. */
const TWELVE_DIGITS = "(?:\\d[^A-Za-z0-9]{0,3}){12}";

/** Identifies a key without revealing it. Tokens created with different keys must not be mixed. */
export function keyFingerprint(key: Uint8Array): string {
  return hmacSha256(key, "key fingerprint").slice(0, FINGERPRINT_DIGITS);
}

/** The table with the tokens of a field: `value`, `token`, then `bin` for cards or a column per derived token. */
export const tokenTable = (field: string): string => sqlName(`tokens of ${field}`);

/** A card number without the separators that people type. */
export const cardDigits = (text: string): string => text.replaceAll(/[ -]/g, "");

interface Tokens {
  /** In the order of the table's columns after `value`; undefined for an invalid value. */
  readonly tokens?: readonly (string | null)[];
  readonly fault?: string;
}

/**
 * Writes the token tables. Rejects rows with values that ingestion would reject.
 *
 * @param more further columns of `mapped` whose values are stored in clear text
 */
export async function tokeniseFields(
  connection: DuckDBConnection,
  mapping: Mapping,
  key: TokenKey,
  more: readonly string[],
): Promise<void> {
  const { holds } = mapping.fields.card;
  await tokenise(connection, "card", ["bin"], (value) => cardTokens(value, holds, key));
  for (const field of MAPPED_FIELDS) {
    const { name, token, derived = [] } = field;
    if (mapping.fields[name] === undefined) continue;
    if (token !== undefined) {
      const columns = derived.map(({ column }) => column);
      await tokenise(connection, name, columns, (value) => textTokens(value, field, token, key));
    } else if (field.type === "identifier" || field.type === "text") {
      await rejectCardNumbers(connection, name);
    }
  }
  if (mapping.fields.transaction_id.column !== undefined) await rejectCardNumbers(connection, "transaction_id");
  for (const column of more) await rejectCardNumbers(connection, column);
}

function cardTokens(value: string, holds: Mapping["fields"]["card"]["holds"], { key, tenant }: TokenKey): Tokens {
  if (holds === "id") return { tokens: [cardToken(key, tenant, value), null] };
  if (holds === "token") {
    if (CARD_TOKEN_PATTERN.test(value)) return { tokens: [value, null] };
    return { fault: "the card is not a card token (ct_ and 32 hexadecimal digits)" };
  }
  const number = cardDigits(value);
  if (isCardNumber(number)) return { tokens: [cardToken(key, tenant, number), binOf(number)] };
  return { fault: "the card is not a card number (12 to 19 digits that pass the Luhn check)" };
}

function textTokens(
  value: string,
  { name, format, derived = [] }: MappedField,
  kind: TokenKind,
  key: TokenKey,
): Tokens {
  if (holdsCardNumber(value)) return { fault: `${name} contains a card number` };
  const text = normalText(value, format);
  if (text === undefined) return { fault: `${name} is not ${WORDS[format ?? ""] ?? "valid"}` };
  const tokenOf = (one: TokenKind, of: string) => keyedToken(one, key.key, key.tenant, of);
  return { tokens: [tokenOf(kind, text), ...derived.map(({ token }) => tokenOf(token, networkOf(text)))] };
}

const WORDS: Readonly<Record<string, string>> = {
  email: "an e-mail address",
  ip_address: "an IP address",
  phone: "an international telephone number, such as +32470123456",
  postal_code: "a postal code",
};

/** Normalises a text in the same way as ingestion. */
function normalText(value: string, format: string | undefined): string | undefined {
  if (format === "email") return normalEmail(value);
  if (format === "phone") return normalPhone(value);
  if (format === "postal_code") return normalPostalCode(value);
  return format === "ip_address" ? normalAddress(value) : value;
}

/** Computes the tokens of each distinct text once. */
async function tokenise(
  connection: DuckDBConnection,
  field: string,
  columns: readonly string[],
  tokensOf: (value: string) => Tokens,
): Promise<void> {
  const table = `tokens of ${field}`;
  const more = ["token", ...columns, "fault"].map((name) => `, ${sqlName(name)} VARCHAR`);
  await connection.run(`CREATE TEMP TABLE ${sqlName(table)} (value VARCHAR${more.join("")})`);
  const appender = await connection.createAppender(table, null, "temp");
  let faults = 0;
  for await (const value of distinctValues(connection, field)) {
    const { tokens, fault } = tokensOf(value);
    appender.appendVarchar(value);
    for (let index = 0; index <= columns.length; index += 1) append(appender, tokens?.[index] ?? null);
    append(appender, fault ?? null);
    appender.endRow();
    if (fault !== undefined) faults += 1;
  }
  appender.closeSync();
  if (faults === 0) return;
  await connection.run(`UPDATE mapped SET reason = fault FROM ${sqlName(table)} AS tokens
    WHERE mapped.${sqlName(field)} = tokens.value AND fault IS NOT NULL AND reason IS NULL`);
}

function append(appender: DuckDBAppender, text: string | null): void {
  if (text === null) appender.appendNull();
  else appender.appendVarchar(text);
}

/** Identifiers are stored in clear text, so they must not look like card numbers. */
async function rejectCardNumbers(connection: DuckDBConnection, field: string): Promise<void> {
  const table = `suspects of ${field}`;
  await connection.run(`CREATE TEMP TABLE ${sqlName(table)} (value VARCHAR)`);
  const appender = await connection.createAppender(table, null, "temp");
  let found = 0;
  const suspects = `regexp_matches(${sqlName(field)}, '${TWELVE_DIGITS}')`;
  for await (const value of distinctValues(connection, field, suspects)) {
    if (!holdsCardNumber(value)) continue;
    appender.appendVarchar(value);
    appender.endRow();
    found += 1;
  }
  appender.closeSync();
  if (found === 0) return;
  await connection.run(`UPDATE mapped SET reason = '${field} looks like a card number' FROM ${sqlName(table)} AS suspects
    WHERE mapped.${sqlName(field)} = suspects.value AND reason IS NULL`);
}

/** The distinct texts of a field in accepted rows. Read in parts, because each row may have a different one. */
async function* distinctValues(
  connection: DuckDBConnection,
  field: string,
  condition = "true",
): AsyncGenerator<string> {
  const name = sqlName(field);
  await connection.run(`CREATE OR REPLACE TEMP TABLE distinct_values AS SELECT DISTINCT ${name} AS value FROM mapped
    WHERE reason IS NULL AND ${name} IS NOT NULL AND ${condition}`);
  for (let from = 0; ; from += VALUES_PER_READ) {
    const reader = await connection.runAndReadAll(
      `SELECT value FROM distinct_values WHERE rowid >= ${from} AND rowid < ${from + VALUES_PER_READ}`,
    );
    for (const value of reader.getColumns()[0] ?? []) yield String(value);
    if (reader.currentRowCount < VALUES_PER_READ) return;
  }
}
