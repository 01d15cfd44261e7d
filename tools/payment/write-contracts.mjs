// packages/contracts/src/generated/payment-fields.ts: the tables that several packages use.
import { camelCase, isOptional } from "./read-payment.mjs";
import { array, exportConst, HEAD, object, quote } from "./typescript.mjs";

const TOKEN_DIGITS = 32;
const IDENTIFIER = ": 1 to 64 letters, digits or any of . _ : -";

/** @param {import("./read-payment.mjs").Payment} payment */
export function contractsModule({ kinds, fields, columns }) {
  const keys = columns.filter(({ uses }) => uses.includes("entity_key"));
  const subjects = columns.filter(({ subject }) => subject);
  const unsent = columns.filter(({ required, wire }) => !required && wire === "string");
  const tokens = new Map(columns.flatMap(({ token }) => (token === undefined ? [] : [[token.word, token.prefix]])));
  return [
    HEAD,
    'import { isCountry } from "../country.js";',
    'import type { PersonalFields, Transaction } from "./tripline/events/v1/events.js";\n',
    "/** The values of optional texts that were not sent. Optional numbers are absent instead. */",
    exportConst(
      "UNSENT",
      object(unsent.map(({ key }) => [key, '""'])),
      `Readonly<Pick<Transaction, ${unsent.map(({ key }) => quote(key)).join(" | ")}>>`,
    ),
    ...shownTables(fields, columns),
    "/** The data class of each field. */",
    exportConst(
      "TRANSACTION_CLASSES",
      `${object(columns.map((column) => [column.key, quote(column.class)]))} as const satisfies Readonly<Record<keyof Transaction, string>>`,
    ),
    "/** Fields that rules can use, with their descriptions. */",
    exportConst("RULE_FIELDS", `${array(columns.flatMap(ruleFields))} as const`),
    "/** Event fields that can identify an entity, with their names in the message. */",
    exportConst("ENTITY_KEYS", `${object(keys.map(({ column, key }) => [column, quote(key)]))} as const`),
    "/** Entity keys that every payment and label has. */",
    exportConst("REQUIRED_ENTITY_KEYS", constArray(keys.filter(({ required }) => required))),
    "/** Payment fields by which features can filter, with their names in the message. */",
    exportConst("FILTER_FIELDS", `${object(columns.flatMap(fieldWithUse("feature_filter")))} as const`),
    "/** Payment fields that can be categories in models, with their names in the message. */",
    exportConst("CATEGORY_FIELDS", `${object(columns.flatMap(fieldWithUse("model_category")))} as const`),
    "/** Token fields that identify a person. An entity whose key includes one of them belongs to that person. */",
    exportConst("SUBJECT_KEYS", constArray(subjects)),
    "/** These fields by the prefix of their tokens. */",
    exportConst(
      "SUBJECT_PREFIXES",
      `${object(subjects.map(({ column, token }) => [token?.prefix ?? "", quote(column)]))} as const`,
    ),
    "/** Patterns of optional texts that identify an entity. An empty text is valid as well. */",
    exportConst(
      "ENTITY_KEY_PATTERNS",
      `${array(
        keys.flatMap(({ key, column, required, ...rest }) => {
          const pattern = patternOf(rest);
          return required || pattern === undefined ? [] : [`[${quote(key)}, ${quote(column)}, ${pattern}]`];
        }),
      )} as const`,
    ),
    "/** Token prefixes by kind. */",
    exportConst("TOKEN_PREFIXES", `${object([...tokens].map(([word, prefix]) => [word, quote(prefix)]))} as const`),
    ...listTables(kinds, columns),
  ].join("\n");
}

/**
 * Fields that users see: sealed fields and fields with the use `console`.
 *
 * @param {import("./read-payment.mjs").Payment["fields"]} fields
 * @param {import("./read-payment.mjs").Payment["columns"]} columns
 */
function shownTables(fields, columns) {
  const sealed = fields.flatMap(({ path, sealed: number, title }) =>
    path === undefined || number === undefined ? [] : [{ path, title }],
  );
  return [
    "/** Sealed fields: their names in requests and responses, with their names in the message. */",
    exportConst("PERSONAL_FIELDS", `${object(sealed.map(({ path }) => [path, quote(camelCase(path))]))} as const`),
    "/** The sealed fields of a payment without personal data. */",
    exportConst(
      "UNSENT_PERSONAL",
      object(sealed.map(({ path }) => [camelCase(path), '""'])),
      "Readonly<PersonalFields>",
    ),
    "/** The titles of sealed fields in the console. */",
    exportConst(
      "PERSONAL_TITLES",
      object(sealed.map(({ path, title }) => [path, quote(title)])),
      "Readonly<Record<keyof typeof PERSONAL_FIELDS, string>>",
    ),
    "/** Fields whose values identify one thing, such as a terminal. The console can search for payments by them. */",
    exportConst("SEARCHED_FIELDS", `${array(columns.filter(isSearched).map(searchedField))} as const`),
    "/** Fields that the console shows, with the names of their values in the message. */",
    exportConst(
      "CONSOLE_FIELDS",
      `${array(fields.filter(({ uses }) => uses.includes("console")).map(consoleField(columns)))} as const`,
    ),
  ];
}

/**
 * @param {import("./read-payment.mjs").Payment["kinds"]} kinds
 * @param {import("./read-payment.mjs").Payment["columns"]} columns
 */
function listTables(kinds, columns) {
  return [
    "/** The kinds of list entries, in the order in which they are shown. */",
    exportConst("LIST_KINDS", `${array(kinds.map(({ name }) => quote(name)))} as const`),
    "/** For each kind: whether an entry's value is valid, and a description of valid values. */",
    exportConst(
      "LIST_VALUES",
      object(kinds.map((kind) => [kind.name, listValue(kind, columns)])),
      "Readonly<Record<(typeof LIST_KINDS)[number], readonly [isValid: (text: string) => boolean, what: string]>>",
    ),
    "/** Kinds of which a single entry affects many payments. */",
    exportConst(
      "BROAD_KINDS",
      `${array(kinds.flatMap(({ name, broad }) => (broad ? [quote(name)] : [])).sort())} as const satisfies readonly (typeof LIST_KINDS)[number][]`,
    ),
  ];
}

/** @param {import("./read-payment.mjs").PaymentColumn} field */
function isSearched({ uses, type }) {
  return uses.includes("console") && uses.includes("entity_key") && ["identifier", "token"].includes(type);
}

/** @param {import("./read-payment.mjs").PaymentColumn} field */
function searchedField({ column, key, title, class: dataClass }) {
  const kind = column.replace(/_(?:id|token)$/, "");
  return `{ kind: ${quote(kind)}, title: ${quote(title)}, column: ${quote(column)}, key: ${quote(key)}, isPersonal: ${dataClass === "personal"} }`;
}

/** @param {readonly import("./read-payment.mjs").PaymentColumn[]} columns */
function consoleField(columns) {
  return (/** @type {import("./read-payment.mjs").PaymentField} */ { name, title, class: dataClass }) => {
    const keys = columns.filter((column) => column.name === name).map(({ key }) => quote(key));
    return `{ name: ${quote(name)}, title: ${quote(title)}, keys: [${keys.join(", ")}], isPersonal: ${dataClass === "personal"} }`;
  };
}

/** @param {import("./read-payment.mjs").PaymentColumn} field */
function ruleFields(field) {
  const { column, description, uses } = field;
  if (!uses.includes("rule")) return [];
  const own = `[${quote(column)}, ${quote(description)}]`;
  return isOptional(field) ? [own, `[${quote(`has_${column}`)}, ${quote(`Whether ${column} was sent.`)}]`] : [own];
}

/** @param {import("./read-payment.mjs").PaymentColumn["uses"][number]} use */
function fieldWithUse(use) {
  /** @param {import("./read-payment.mjs").PaymentColumn} field @returns {[string, string][]} */
  return ({ column, key, type, values, uses }) => {
    if (!uses.includes(use)) return [];
    const parts = [`key: ${quote(key)}`, `type: ${quote(type)}`];
    if (values !== undefined) parts.push(`values: [${values.map(quote).join(", ")}]`);
    return [[column, `{ ${parts.join(", ")} }`]];
  };
}

/** @param {Pick<import("./read-payment.mjs").PaymentField, "token" | "format" | "type">} field */
function patternOf({ token, format, type }) {
  if (token !== undefined) return `/^${token.prefix}_[0-9a-f]{${TOKEN_DIGITS}}$/`;
  if (type === "identifier") return "/^[A-Za-z0-9._:-]{1,64}$/";
  return { bin: "/^\\d{6}(?:\\d{2})?$/", mcc: "/^\\d{4}$/" }[format ?? ""];
}

/**
 * @param {import("./read-payment.mjs").Payment["kinds"][number]} kind
 * @param {readonly import("./read-payment.mjs").PaymentColumn[]} columns
 */
function listValue({ name, value }, columns) {
  const field = columns.find(({ list }) => list === name);
  if (field === undefined) throw new Error(`list_kinds: no field has the list ${name}`);
  if (field.type === "country") return `[isCountry, ${quote(value)}]`;
  const shapes = { token: `: ${field.token?.prefix}_ and ${TOKEN_DIGITS} hexadecimal digits`, identifier: IDENTIFIER };
  const shape = Object.hasOwn(shapes, field.type) ? shapes[/** @type {keyof typeof shapes} */ (field.type)] : "";
  const pattern = patternOf(field);
  const isValid = pattern === undefined ? "(text) => text.length > 0" : `(text) => ${pattern}.test(text)`;
  return `[${isValid}, ${quote(`${value}${shape}`)}]`;
}

/** @param {readonly import("./read-payment.mjs").PaymentColumn[]} columns */
function constArray(columns) {
  return `${array(columns.map(({ column }) => quote(column)))} as const`;
}
