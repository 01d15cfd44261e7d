// Parses packages/contracts/payment.yaml, whose header explains its attributes, and reports all faults at once.
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

/** Types and their wire types. Coordinates are two doubles. */
const WIRE_TYPES = /** @type {const} */ ({
  identifier: "string",
  token: "string",
  text: "string",
  enum: "string",
  country: "string",
  integer: "int64",
  time: "int64",
  number: "double",
  coordinates: "double",
  boolean: "bool",
  attributes: "string",
  bytes: "bytes",
});
const TYPES = /** @type {(keyof typeof WIRE_TYPES)[]} */ (Object.keys(WIRE_TYPES));

/** Formats and the types that can have them. @type {Readonly<Record<string, readonly string[]>>} */
const FORMAT_TYPES = {
  id: ["text"],
  bin: ["text"],
  mcc: ["text"],
  eci: ["text"],
  version: ["text"],
  email: ["token"],
  ip_address: ["token"],
  phone: ["token"],
  postal_code: ["token"],
};
const FORMATS = Object.keys(FORMAT_TYPES);

const NUMBER_MAX = 2 ** 29 - 1;
const snakeName = z.string().regex(/^[a-z][a-z0-9_]*$/, "must be snake_case");
const wireNumber = z.int().min(1).max(NUMBER_MAX);
const uses = z.enum(["rule", "entity_key", "feature_filter", "model_category", "console"]);

const field = z.strictObject({
  name: snakeName,
  path: z
    .string()
    .regex(/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$/, "must be a name, or two names separated by a dot")
    .optional(),
  core: z.boolean().default(false),
  number: wireNumber.optional(),
  columns: z.strictObject({ latitude: wireNumber, longitude: wireNumber }).optional(),
  type: z.enum(TYPES),
  values: z.array(snakeName).min(1).optional(),
  required: z.boolean().default(false),
  token: z.strictObject({ prefix: z.string().regex(/^[a-z]{2}$/), word: snakeName }).optional(),
  format: z.enum(FORMATS).optional(),
  range: z.tuple([z.int(), z.int()]).optional(),
  derived_from: snakeName.optional(),
  sealed: wireNumber.optional(),
  class: z.enum(["card", "personal", "behavioural", "none"]),
  subject: z.boolean().default(false),
  fingerprint: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal("none")]).optional(),
  title: z
    .string()
    .regex(/^[0-9A-Z].{0,39}$/, "must be a short name that starts with a capital letter or a digit")
    .optional(),
  description: z.string().regex(/^[A-Z].*\.$/s, "must be a sentence"),
  example: z.unknown().optional(),
  uses: z.array(uses).default([]),
  list: snakeName.optional(),
});

const listKind = z.strictObject({
  value: z.string().min(1),
  noun: z.string().min(1).optional(),
  broad: z.boolean().default(false),
});

const definition = z
  .strictObject({
    list_kinds: z.record(snakeName, listKind),
    retired_numbers: z.array(wireNumber).default([]),
    retired_sealed_numbers: z.array(wireNumber).default([]),
    fields: z.array(field).min(1),
  })
  .superRefine((given, context) => {
    for (const [index, message] of faultsOf(given))
      context.addIssue({ code: "custom", path: ["fields", index], message });
  });

/**
 * @typedef {z.infer<typeof field>} PaymentField
 * @typedef {PaymentField & { column: string, key: string, number: number, wire: (typeof WIRE_TYPES)[keyof typeof WIRE_TYPES], max?: number }} PaymentColumn
 *   `key` is the field of the generated message, `max` the largest magnitude of a coordinate
 * @typedef {{ kinds: { name: string, value: string, noun: string, broad: boolean }[], fields: PaymentField[], columns: PaymentColumn[], retired: number[], retiredSealed: number[] }} Payment
 */

/**
 * @param {string} file
 * @returns {Payment} `columns` in the order of their numbers
 */
export function readPayment(file) {
  const result = definition.safeParse(parse(readFileSync(file, "utf8")));
  if (!result.success) {
    const faults = result.error.issues.map(({ path, message }) => `${file}: ${path.join(".")}: ${message}`);
    throw new Error(faults.join("\n"));
  }
  const { list_kinds: kinds, fields, retired_numbers: retired, retired_sealed_numbers: retiredSealed } = result.data;
  return {
    kinds: Object.entries(kinds).map(([name, kind]) => ({ name, noun: name.replaceAll("_", " "), ...kind })),
    fields,
    columns: fields.flatMap(columnsOf).sort((left, right) => left.number - right.number),
    retired,
    retiredSealed,
  };
}

/** @param {z.infer<typeof definition>} given @returns {Generator<[number, string]>} */
function* faultsOf({ list_kinds: kinds, fields, retired_numbers: retired, retired_sealed_numbers: retiredSealed }) {
  /** @type {Set<unknown>} */
  const seen = new Set();
  const free = 1 + Math.max(...retired, ...fields.flatMap(columnsOf).map(({ number }) => number));
  const freeSealed = 1 + Math.max(...retiredSealed, ...fields.map(({ sealed = 0 }) => sealed));
  /** @type {Map<string, string>} */
  const prefixes = new Map();
  for (const [index, given] of fields.entries()) {
    const columns = columnsOf(given);
    const once = [
      ...columns.flatMap(({ column, number }) => [`the name ${column}`, `the number ${number}`]),
      ...(given.path === undefined ? [] : [`the path ${given.path}`]),
      ...(given.sealed === undefined ? [] : [`the sealed number ${given.sealed}`]),
    ];
    for (const one of once) {
      if (seen.has(one)) yield [index, `${given.name}: ${one} is already used`];
      seen.add(one);
    }
    const why = "is retired, because stored payments may contain it; use";
    for (const { number } of columns.filter((column) => retired.includes(column.number)))
      yield [index, `${given.name}: the number ${number} ${why} ${free}`];
    if (given.sealed !== undefined && retiredSealed.includes(given.sealed))
      yield [index, `${given.name}: the sealed number ${given.sealed} ${why} ${freeSealed}`];
    for (const message of combinationFaults(given, columns.length)) yield [index, `${given.name}: ${message}`];
    const { prefix, word } = given.token ?? { prefix: "", word: "" };
    if ((prefixes.get(prefix) ?? word) !== word || (prefixes.get(word) ?? prefix) !== prefix)
      yield [index, `${given.name}: the prefix ${prefix} or the word ${word} belongs to another kind of token`];
    prefixes.set(prefix, word).set(word, prefix);
    if (given.list !== undefined && !Object.hasOwn(kinds, given.list))
      yield [index, `${given.name}: list_kinds does not contain ${given.list}`];
    if (given.derived_from !== undefined && !fields.some(({ path }) => path === given.derived_from))
      yield [index, `${given.name}: no field has the path ${given.derived_from}`];
  }
}

/** @param {PaymentField} given @param {number} columns @returns {Generator<string>} */
function* combinationFaults(given, columns) {
  const { type, core, path, fingerprint } = given;
  if (columns === 0 && given.sealed === undefined) yield "requires a number, or columns for coordinates";
  if ((type === "coordinates") !== (given.columns !== undefined)) yield "only coordinates must have columns";
  if ((type === "token") !== (given.token !== undefined)) yield "only tokens must have a token";
  if ((type === "enum") !== (given.values !== undefined)) yield "only enums must have values";
  if (given.range !== undefined && (type !== "integer" || given.range[0] > given.range[1]))
    yield "only an integer can have a range, from the smallest to the largest value";
  if (given.format !== undefined && !FORMAT_TYPES[given.format]?.includes(type))
    yield `the format ${given.format} is for ${FORMAT_TYPES[given.format]?.join(" and ")}`;
  if (!core && path !== undefined && given.example === undefined) yield "must have an example";
  if (given.title === undefined && (given.sealed !== undefined || given.uses.includes("console")))
    yield "must have a title, because the console shows it";
  if (given.subject && (type !== "token" || !given.uses.includes("entity_key")))
    yield "a subject must be a token that can be an entity key";
  if (type === "bytes" && !core) yield "only core fields can be bytes";
  if (!core && (path === undefined) === (given.derived_from === undefined)) yield "must have a path or derived_from";
  if (!core && path?.includes(".")) yield "only core fields can be nested in another field";
  if (!core && given.derived_from !== undefined && type !== "token") yield "only tokens can be derived";
  if (type === "attributes") {
    if (given.name !== "attributes" || path !== "attributes" || columns > 0 || fingerprint !== undefined)
      yield "only the field attributes can have this type, without a number or a fingerprint";
  } else if (columns === 0 && fingerprint !== "none")
    yield "a field that is only sealed must have the fingerprint none";
  if (given.sealed !== undefined && given.class !== "personal") yield "a sealed field must be personal";
  if (given.class === "personal" && path !== undefined && given.sealed === undefined)
    yield "a personal field must be a token or sealed: add sealed";
  if (!given.required && fingerprint === 0 && type !== "identifier")
    yield "only required fields and identifiers, which are empty if not sent, can be in group 0";
  if (given.uses.includes("entity_key") && WIRE_TYPES[type] !== "string") yield "an entity key must be a string";
  if (given.list !== undefined && WIRE_TYPES[type] !== "string") yield "a listed field must be a string";
  if (given.uses.includes("model_category")) {
    if (!["text", "identifier", "enum", "country"].includes(type)) yield "a model category must be a string";
    // Models contain the values that they know.
    if (given.class === "personal" || given.subject) yield "personal data cannot be a model category";
  }
  if (!given.uses.includes("feature_filter")) return;
  if (columns === 0 || ["time", "coordinates", "bytes"].includes(type))
    yield "features can filter only by strings, numbers and booleans";
  // A filter contains values, and the feature spec must not contain personal data.
  if (given.class === "personal" || given.subject) yield "features cannot filter by personal data";
}

/** @param {PaymentField} given @returns {PaymentColumn[]} */
function columnsOf(given) {
  const wire = WIRE_TYPES[given.type];
  if (given.columns !== undefined) {
    const { latitude, longitude } = given.columns;
    // The first coordinates have the plain names.
    const prefix = given.name === "location" ? "" : `${given.name}_`;
    return [
      { ...given, column: `${prefix}latitude`, key: camelCase(`${prefix}latitude`), number: latitude, wire, max: 90 },
      {
        ...given,
        column: `${prefix}longitude`,
        key: camelCase(`${prefix}longitude`),
        number: longitude,
        wire,
        max: 180,
      },
    ];
  }
  if (given.number === undefined) return [];
  return [{ ...given, column: given.name, key: camelCase(given.name), number: given.number, wire }];
}

/** Whether the message can omit the value. A missing text is empty instead. @param {PaymentColumn} column */
export function isOptional({ required, wire }) {
  return !required && wire !== "string";
}

/** @param {string} name */
export function camelCase(name) {
  return name.replaceAll(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
}
