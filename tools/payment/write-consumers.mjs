// Generates the modules that only one package uses, and that contain straight-line code or types instead of a table.
import { isOptional } from "./read-payment.mjs";
import { array, exportConst, HEAD, indent, object, quote } from "./typescript.mjs";

/**
 * @typedef {import("./read-payment.mjs").Payment} Payment
 * @typedef {import("./read-payment.mjs").PaymentColumn} PaymentColumn
 */

const EVENTS = "@tripline/contracts/generated/tripline/events/v1/events";
const LAKE_KINDS = { string: "text", int64: "long", double: "double", bool: "flag", bytes: "bytes" };

/** Columns of the lake. @param {Payment} payment */
export function lakeModule({ columns }) {
  const kinds = columns.map((column) => [column.key, LAKE_KINDS[column.wire]]);
  const imported = [...new Set(kinds.map(([, kind]) => kind))].sort();
  return [
    HEAD,
    `import { ${imported.join(", ")} } from "../column-kinds.js";\n`,
    "/** The fields of a payment and their column kinds in the lake. */",
    exportConst("TRANSACTION_KINDS", object(kinds)),
  ].join("\n");
}

const CEL_TYPES = { string: "string", int64: "int", double: "double", bool: "bool", bytes: "bytes" };

/** Variables of rules. An optional number has a second variable for its presence. @param {Payment} payment */
export function rulesModule({ columns }) {
  const used = columns.filter(({ uses }) => uses.includes("rule"));
  const variables = used.flatMap(variablesOf);
  const personal = used.filter((column) => column.class === "personal" && column.wire === "string");
  return [
    HEAD,
    `import type { Transaction } from "${EVENTS}";\n`,
    "/** Payment fields that rules can use, with their CEL types. */",
    exportConst("FIELD_VARIABLES", `${object(variables.map(({ name, type }) => [name, quote(type)]))} as const`),
    "/** Variables that identify a person. Conditions can compare them, but reasons, which are kept longer, must not show them. */",
    exportConst("PERSONAL_VARIABLES", array(personal.map(({ column }) => quote(column))), "readonly string[]"),
    "/** The values of `FIELD_VARIABLES`. A CEL int is a bigint. */",
    "export function fieldValues(transaction: Transaction) {",
    `  return ${indent(object(variables.map(({ name, value }) => [name, value])))};`,
    "}\n",
    "/** The values for a payment without any data. */",
    exportConst("UNKNOWN_FIELDS", object(variables.map(({ name, unsent }) => [name, unsent]))),
  ].join("\n");
}

/** @param {PaymentColumn} column */
function variablesOf(column) {
  const { column: name, key, wire } = column;
  const unsent = { string: '""', int64: "0n", double: "0", bool: "false", bytes: "" }[wire];
  const own = { name, type: CEL_TYPES[wire], value: celValue(column, unsent), unsent };
  if (!isOptional(column)) return [own];
  return [own, { name: `has_${name}`, type: "bool", value: `transaction.${key} !== undefined`, unsent: "false" }];
}

/** @param {PaymentColumn} column @param {string} unsent */
function celValue(column, unsent) {
  const read = `transaction.${column.key}`;
  // BigInt is slow, and most payments have few optional fields.
  if (column.wire === "int64")
    return isOptional(column) ? `${read} === undefined ? ${unsent} : BigInt(${read})` : `BigInt(${read})`;
  return isOptional(column) ? `${read} ?? ${unsent}` : read;
}

/**
 * Code that looks up a payment's values in lists, and names matches in rules and reasons. If a kind has several fields,
 * its value is a list of strings.
 *
 * @param {Payment} payment
 */
export function listedModule({ kinds, columns }) {
  const values = kinds.map(({ name }) => {
    const keys = columns.flatMap(({ list, key }) => (list === name ? [`payment.${key}`] : []));
    return /** @type {const} */ ([name, keys.length === 1 ? String(keys[0]) : `[${keys.join(", ")}]`]);
  });
  return [
    HEAD,
    `import type { Transaction } from "${EVENTS}";\n`,
    "/** The payment's values that are compared with list entries, by kind. */",
    "export function listedValues(payment: Transaction) {",
    `  return ${indent(object(values))};`,
    "}\n",
    "/** Which kinds of a payment's values are on the selected lists. In `lists.deny.card`, these are the lists that deny. */",
    "export class ListedValueFacts {",
    ...[...kinds.map(({ name }) => name), "any"].map((name) => `  readonly ${name}: boolean;`),
    "\n  constructor(hits: readonly { readonly kind: string }[]) {",
    "    const isListed = (kind: string) => hits.some((hit) => hit.kind === kind);",
    ...kinds.map(({ name }) => `    this.${name} = isListed(${quote(name)});`),
    "    this.any = hits.length > 0;",
    "  }",
    "}\n",
    "/** The noun that reasons use for the values of each kind. */",
    exportConst(
      "LIST_NOUNS",
      object(kinds.map(({ name, noun }) => [name, quote(noun)])),
      "Readonly<Record<string, string>>",
    ),
  ].join("\n");
}

const SQL_TYPES = { string: "VARCHAR", int64: "BIGINT", double: "DOUBLE", bool: "BOOLEAN", bytes: "BLOB" };
const LINE_SCHEMAS = { string: "z.string()", int64: "z.int()", double: "z.number()", bool: "z.boolean()", bytes: "" };
const FROM_ROW = { string: "text", int64: "number", double: "number", bool: "flag", bytes: "" };

/** Columns of input files. @param {Payment} payment */
export function backfillModule(payment) {
  const columns = optionalColumns(payment);
  return [
    HEAD,
    `import type { Transaction } from "${EVENTS}";`,
    'import { z } from "zod";',
    'import { fromRow } from "../input/row-values.js";\n',
    "/** Optional columns of a transactions file. NULL or a missing column means that the payment has no such value. */",
    exportConst(
      "OPTIONAL_COLUMNS",
      `${object(columns.map(({ column, wire }) => [column, quote(SQL_TYPES[wire])]))} as const`,
    ),
    "/** The schema of these columns in a line of JSON. */",
    exportConst(
      "OPTIONAL_LINE",
      object(columns.map(({ column, wire }) => [column, `${LINE_SCHEMAS[wire]}.optional()`])),
    ),
    "/** Converts these columns of a row to fields of the message. */",
    "export function optionalFields(row: Readonly<Record<string, unknown>>) {",
    `  return ${indent(object(columns.map(({ column, key, wire }) => [key, `fromRow.${FROM_ROW[wire]}(row.${column})`])))} satisfies Partial<Transaction>;`,
    "}\n",
  ].join("\n");
}

const SPARK_TYPES = { string: "string", int64: "bigint", double: "double", bool: "boolean", bytes: "binary" };

/** The same columns for Spark. @param {Payment} payment */
export function sparkModule(payment) {
  const rows = optionalColumns(payment).map(({ column, wire }) => `    "${column}": "${SPARK_TYPES[wire]}",`);
  return [
    '"""Generated from packages/contracts/payment.yaml by `npx tripline generate`. Do not edit."""\n',
    "OPTIONAL_COLUMNS = {",
    ...rows,
    "}",
    '"""Optional columns of a transactions file and the Spark type of each."""\n',
  ].join("\n");
}

/** @param {Payment} payment */
function optionalColumns({ columns }) {
  return columns.filter(({ required, wire }) => !required && wire !== "bytes");
}
