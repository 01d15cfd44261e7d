// packages/system/src/generated/sent-fields.ts: the fields that the demo, replays and load tests can send.
import { camelCase } from "./read-payment.mjs";
import { HEAD, quote } from "./typescript.mjs";

/** @typedef {import("./read-payment.mjs").PaymentField} PaymentField */

/** @param {import("./read-payment.mjs").Payment} payment */
export function sentModule({ fields }) {
  const sent = fields.filter(({ core, path, required }) => !core && path !== undefined && !required);
  return [
    HEAD,
    "/** Optional fields of a payment that a program can send. Latitude and longitude must be given together. */",
    "export interface SentFields {",
    ...sent.flatMap((field) => keysOf(field).map(([key]) => `  readonly ${key}?: ${typeOf(field)} | null;`)),
    "}\n",
    "/** The request's JSON for these fields. Fields without a value are left out. */",
    "export function sentBody(of: SentFields): object {",
    "  return {",
    ...sent.map((field) => {
      const keys = keysOf(field);
      const absent = keys.map(([key]) => `of.${key} == null`).join(" || ");
      return `    ...(${absent} ? {} : { ${field.path}: ${requestValue(field, keys)} }),`;
    }),
    "  };",
    "}\n",
  ].join("\n");
}

/** The keys of a field with their names in the request. @param {PaymentField} field @returns {[string, string][]} */
function keysOf({ path = "", type, name }) {
  if (type === "time") return [[`${camelCase(path)}Ms`, path]];
  if (type !== "coordinates") return [[camelCase(path), path]];
  // The first coordinates have the plain names, as in the message.
  const prefix = name === "location" ? "" : `${path}_`;
  return ["latitude", "longitude"].map((part) => [camelCase(`${prefix}${part}`), part]);
}

/** @param {PaymentField} field @param {readonly [string, string][]} keys */
function requestValue({ type }, keys) {
  if (type === "coordinates") return `{ ${keys.map(([key, part]) => `${part}: of.${key}`).join(", ")} }`;
  const [[key]] = /** @type {[[string, string]]} */ (/** @type {unknown} */ (keys));
  return type === "time" ? `new Date(of.${key}).toISOString()` : `of.${key}`;
}

/** @param {PaymentField} field */
function typeOf({ type, values }) {
  if (values !== undefined) return values.map(quote).join(" | ");
  if (type === "boolean") return "boolean";
  if (type === "attributes") return "Readonly<Record<string, string | number | boolean>>";
  return ["integer", "number", "time", "coordinates"].includes(type) ? "number" : "string";
}
