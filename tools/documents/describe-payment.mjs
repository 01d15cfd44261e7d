// The tables of docs/payment.md and docs/lists.md, from payment.yaml.
import { PAYMENT_FILE } from "../payment/generate-payment.mjs";
import { readPayment } from "../payment/read-payment.mjs";

/** @param {(head: readonly string[], rows: readonly (readonly (string | number)[])[]) => string} table */
export function paymentTables(table) {
  const rows = readPayment(PAYMENT_FILE).fields.map((field) => {
    const { name, path, required, number, columns, sealed, list, uses, description, example } = field;
    const numbers = number ?? Object.values(columns ?? {}).join(", ");
    return [
      path === undefined ? "" : `\`${path}\``,
      `\`${columns === undefined ? name : Object.keys(columns).join("`, `")}\``,
      numbers,
      typeText(field),
      required ? "yes" : "",
      field.class,
      [...uses, ...(list === undefined ? [] : [`list: ${list}`]), ...(sealed === undefined ? [] : ["sealed"])].join(
        ", ",
      ),
      description,
      example === undefined ? "" : `\`${typeof example === "object" ? JSON.stringify(example) : example}\``,
    ];
  });
  const head = ["in the request", "on the wire", "number", "type", "required", "class", "used by", "what", "example"];
  return { fields: table(head, rows) };
}

/** @param {import("../payment/read-payment.mjs").PaymentField} field */
function typeText({ type, values, range }) {
  if (values !== undefined) return `${type}: ${values.map((value) => `\`${value}\``).join(", ")}`;
  return range === undefined ? type : `${type} from ${range[0]} to ${range[1]}`;
}

/** @param {(head: readonly string[], rows: readonly (readonly (string | number)[])[]) => string} table */
export function listTables(table) {
  const { kinds, columns } = readPayment(PAYMENT_FILE);
  const rows = kinds.map(({ name, value }) => {
    const compared = columns.filter(({ list }) => list === name);
    const prefix = compared[0]?.token?.prefix;
    return [
      `\`${name}\``,
      prefix === undefined ? value : `${value}, \`${prefix}_…\``,
      compared.map(({ column }) => `\`${column}\``).join(", "),
    ];
  });
  return { kinds: table(["kind", "value in an entry", "compared with"], rows) };
}
