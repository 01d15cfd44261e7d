// The messages of a payment in events.proto.
import { isOptional } from "./read-payment.mjs";

const WIDTH = 120;

/** @param {import("./read-payment.mjs").Payment} payment */
export function protoMessages({ fields, columns, retired, retiredSealed }) {
  const wireFields = columns.flatMap((column) => [
    ...comment(commentOf(column)),
    `  ${isOptional(column) ? "optional " : ""}${column.wire} ${column.column} = ${column.number};`,
  ]);
  const sealed = fields
    .filter((field) => field.sealed !== undefined)
    .sort((left, right) => (left.sealed ?? 0) - (right.sealed ?? 0))
    .map(({ path, sealed: number }) => `  string ${path} = ${number};`);
  return [
    "// One accepted card payment. Topic `transactions`.",
    "message Transaction {",
    ...reserved(retired),
    ...wireFields,
    "}",
    "",
    "// The personal data in a payment, in plaintext, as the client sent it. Only its sealed form leaves ingestion.",
    "message PersonalFields {",
    ...reserved(retiredSealed),
    ...sealed,
    "}",
  ].join("\n");
}

/** @param {readonly number[]} numbers */
const reserved = (numbers) => (numbers.length === 0 ? [] : [`  reserved ${numbers.join(", ")};`]);

/** @param {import("./read-payment.mjs").PaymentColumn} column */
function commentOf(column) {
  const { description, type, required, wire } = column;
  const token = type === "token" ? " Kept as a keyed HMAC." : "";
  const unsent = wire === "string" ? " Empty if it was not sent." : " Absent if it was not sent.";
  return `${description}${token}${required || wire === "bytes" ? "" : unsent}`;
}

/** Lines of at most WIDTH characters. @param {string} text */
function comment(text) {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && `  // ${last} ${word}`.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.map((line) => `  // ${line}`);
}
