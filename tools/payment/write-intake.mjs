// apps/ingestion/src/generated/payment-fields.ts: request schema, tokens, fingerprint and sealed fields as straight-line code,
// because it runs for every payment.
import { camelCase } from "./read-payment.mjs";
import { array, exportConst, HEAD, indent, object, quote } from "./typescript.mjs";

/**
 * @typedef {import("./read-payment.mjs").Payment} Payment
 * @typedef {import("./read-payment.mjs").PaymentField} PaymentField
 * @typedef {import("./read-payment.mjs").PaymentColumn} PaymentColumn
 */

const CONTRACTS = "@tripline/contracts";
const EVENTS = `${CONTRACTS}/generated/tripline/events/v1/events`;
/** How a token's text is derived from another field. @type {Record<string, string>} */
const DERIVATIONS = { network: "networkOf" };
/** Groups that existed before the fingerprint included fields by name. */
const OLD_GROUPS = [1, 2];

/** @param {Payment} payment */
export function intakeModule(payment) {
  const declared = payment.fields.filter(({ core }) => !core);
  const sent = declared.filter(({ path }) => path !== undefined);
  const values = payment.columns.filter(({ core }) => !core);
  const own = payment.columns.filter(({ core, type }) => core && type !== "bytes");
  const derivations = values.flatMap((column) => (column.derived_from === undefined ? [] : [derivationOf(column)]));
  return [
    HEAD,
    `import type { PersonalFields, Transaction } from "${EVENTS}";`,
    `import type { TokenKind } from "${CONTRACTS}/identifiers";`,
    ...(derivations.length === 0 ? [] : [`import { ${derivations.join(", ")} } from "${CONTRACTS}/identifiers";`]),
    'import type { z } from "zod";',
    'import * as kinds from "../requests/field-kinds.js";\n',
    "/** Request fields from payment.yaml that have a group in the fingerprint, except the core fields. */",
    exportConst("firstFields", object(sent.filter(isFirst).map((field) => [field.path ?? "", schemaOf(field)]))),
    "/** The other request fields. A schema takes time for every field, sent or not, so payments without these have their own. */",
    exportConst(
      "laterFields",
      object(sent.filter((field) => !isFirst(field)).map((field) => [field.path ?? "", schemaOf(field)])),
    ),
    "export const declaredFields = { ...firstFields, ...laterFields };\n",
    "export type DeclaredBody = { [K in keyof typeof declaredFields]?: z.infer<(typeof declaredFields)[K]> | undefined };\n",
    "/** Example values for these fields. */",
    exportConst(
      "declaredExamples",
      `${object(sent.map(({ path, example }) => [path ?? "", JSON.stringify(example)]))} as const`,
    ),
    "/** The fields that product code sets by name. */",
    `type CoreValues = Pick<Transaction, ${own.map(({ key }) => quote(key)).join(" | ")}>;\n`,
    "/** Builds the message. Tokens replace personal texts, texts that were not sent are empty, and nothing is sealed yet. */",
    "export function paymentMessage(core: CoreValues, body: z.infer<z.ZodObject<typeof declaredFields>>, tokenOf: (kind: TokenKind, text: string) => string): Transaction {",
    `  return ${indent(object([...own.map(({ key }) => /** @type {const} */ ([key, `core.${key}`])), ...values.map((column) => /** @type {const} */ ([column.key, messageValue(column)])), ["personal", "undefined"]]))};`,
    "}\n",
    ...contentFunction(payment),
    ...personalFunction(declared),
    "/** The payment's tokens that identify a person, except the card token and the e-mail token. */",
    "export function otherSubjects(payment: Transaction): string[] {",
    `  return [${values
      .filter(({ subject, name }) => subject && name !== "email_token")
      .map(({ key }) => `payment.${key}`)
      .join(", ")}].filter((token) => token !== "");`,
    "}\n",
  ].join("\n");
}

/** @param {PaymentField} field */
function isFirst({ fingerprint }) {
  return fingerprint !== undefined;
}

/** @param {PaymentField} field */
function schemaOf(field) {
  const description = quote(field.description);
  const schema = `kinds.${kindOf(field)}(${[...argumentsOf(field), description].join(", ")})`;
  return field.required ? schema : `${schema}.optional()`;
}

/** @param {PaymentField} field */
function kindOf({ type, format, number, range }) {
  if (format !== undefined && format !== "id") return camelCase(format);
  if (type === "token") return "replacedText";
  if (type === "text" && number === undefined) return "sealedText";
  return { enum: "choice", integer: range === undefined ? "wholeNumber" : "count" }[String(type)] ?? type;
}

/** @param {PaymentField} field */
function argumentsOf({ values, range }) {
  const given = values?.map(quote) ?? range;
  return given === undefined ? [] : [`[${given.join(", ")}]`];
}

/** @param {PaymentColumn} column */
function messageValue(column) {
  const { path, derived_from: origin, token, type, name, column: part, required, wire } = column;
  const sent = `body.${path ?? origin}`;
  if (type === "coordinates") return `${sent}?.${part.slice(part.length - (column.max === 90 ? 8 : 9))}`;
  if (token !== undefined) {
    const text = origin === undefined ? sent : `${derivationOf(column)}(${sent})`;
    const made = `tokenOf(${quote(token.word)}, ${text})`;
    return required ? made : `${sent} === undefined ? "" : ${made}`;
  }
  if (path === undefined) throw new Error(`${name}: has no path`);
  return required || wire !== "string" ? sent : `${sent} ?? ""`;
}

/** @param {PaymentField} field */
function derivationOf({ name, token }) {
  const derivation = DERIVATIONS[token?.word ?? ""];
  if (derivation === undefined) throw new Error(`${name}: no derivation is known for ${token?.word}`);
  return derivation;
}

/** @param {Payment} payment */
function contentFunction({ columns }) {
  const of = (/** @type {number | undefined} */ group) => columns.filter(({ fingerprint }) => fingerprint === group);
  const item = (/** @type {PaymentColumn} */ { key, wire, required }) =>
    `payment.${key}${required || wire === "string" ? "" : " ?? null"}`;
  const isSent = (/** @type {PaymentColumn} */ { key, wire }) =>
    `payment.${key} !== ${wire === "string" ? '""' : "undefined"}`;
  const groups = OLD_GROUPS.map((group) => ({ group, fields: of(group) })).filter(({ fields }) => fields.length > 0);
  return [
    "/**",
    " * The values that identify a retry. An empty group is omitted if all later groups are empty, and newer fields are",
    " * included by name if they were sent. Adding a field therefore does not change the fingerprint of payments without it.",
    " */",
    "export function requestContent(payment: Transaction): unknown[] {",
    `  const content: unknown[] = ${indent(array(of(0).map(item)))};`,
    ...groups.map(({ group, fields }) => `  const sends${group} = ${fields.map(isSent).join(" || ")};`),
    ...groups.map(({ fields }, index) => {
      const later = groups.slice(index).map(({ group }) => `sends${group}`);
      return `  if (${later.join(" || ")}) content.push(${fields.map(item).join(", ")});`;
    }),
    ...of(undefined).map(
      (column) => `  if (${isSent(column)}) content.push([${quote(column.column)}, payment.${column.key}]);`,
    ),
    "  return content;",
    "}\n",
  ];
}

/** @param {readonly PaymentField[]} declared */
function personalFunction(declared) {
  const sealed = declared.flatMap(({ path, sealed: number }) =>
    path === undefined || number === undefined ? [] : [path],
  );
  return [
    "/** The fields to seal; undefined if none was sent. */",
    "export function personalFields(body: DeclaredBody): PersonalFields | undefined {",
    `  if ((${sealed.map((path) => `body.${path}`).join(" ?? ")}) === undefined) return undefined;`,
    `  return ${indent(object(sealed.map((path) => [camelCase(path), `body.${path} ?? ""`])))};`,
    "}\n",
  ];
}
