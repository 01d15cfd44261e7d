// Payment fields that the mapping of a user's own file can fill.
import { array, exportConst, HEAD, quote } from "./typescript.mjs";

/**
 * @typedef {import("./read-payment.mjs").Payment} Payment
 * @typedef {import("./read-payment.mjs").PaymentColumn} PaymentColumn
 */

/**
 * Handwritten code maps the core fields, except the BIN. Features cannot use fields that are only sealed.
 *
 * @param {Payment} payment
 */
export function mappingModule(payment) {
  const columns = payment.columns.filter(
    ({ core, path, wire, format }) => path !== undefined && wire !== "bytes" && (!core || format === "bin"),
  );
  return [
    HEAD,
    'import type { MappedField } from "../mapping/mapped-field.js";\n',
    "/** Fields of a payment that a mapping can fill, apart from the core fields. */",
    exportConst(
      "MAPPED_FIELDS",
      array(columns.map((column) => entryOf(column, payment.columns))),
      "readonly MappedField[]",
    ),
  ].join("\n");
}

/** @param {PaymentColumn} column @param {readonly PaymentColumn[]} all */
function entryOf(column, all) {
  const { column: name, path, type, wire, token, format, values, required, max, range } = column;
  const derived = all.filter(({ derived_from: from }) => from !== undefined && from === path);
  // JSON omits undefined members.
  const entry = {
    // Coordinates have one path and two columns, and the BIN is nested in the card.
    name: type === "coordinates" || path?.includes(".") ? name : path,
    column: name,
    wire,
    type,
    required: required || undefined,
    token: token?.word,
    format,
    values,
    range: max === undefined ? range : [-max, max],
    derived: derived.length === 0 ? undefined : derived.map((one) => ({ column: one.column, token: one.token?.word })),
  };
  return quote(entry);
}
