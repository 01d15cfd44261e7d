// All generated files from payment.yaml, with their content.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readPayment } from "./read-payment.mjs";
import { sentModule } from "./write-clients.mjs";
import { backfillModule, lakeModule, listedModule, rulesModule, sparkModule } from "./write-consumers.mjs";
import { contractsModule } from "./write-contracts.mjs";
import { intakeModule } from "./write-intake.mjs";
import { mappingModule } from "./write-mapping.mjs";
import { protoMessages } from "./write-proto.mjs";

/** @typedef {{ file: string, text: string }} Output `file` is relative to the root */

export const PAYMENT_FILE = "packages/contracts/payment.yaml";
const PROTO_FILE = "packages/contracts/proto/tripline/events/v1/events.proto";
const [START, END] = ["// payment: from payment.yaml\n", "// /payment\n"];

/**
 * The `.proto` file must be written before code is generated from it.
 *
 * @param {string} root
 * @returns {{ proto: Output, others: Output[] }}
 */
export function generatePayment(root) {
  const payment = readPayment(join(root, PAYMENT_FILE));
  const before = readFileSync(join(root, PROTO_FILE), "utf8");
  requireRetired(before, payment);
  return {
    proto: { file: PROTO_FILE, text: fill(before, `\n${protoMessages(payment)}\n`) },
    others: [
      { file: "packages/contracts/src/generated/payment-fields.ts", text: contractsModule(payment) },
      { file: "apps/ingestion/src/generated/payment-fields.ts", text: intakeModule(payment) },
      { file: "packages/system/src/generated/sent-fields.ts", text: sentModule(payment) },
      { file: "packages/lake/src/generated/transaction-kinds.ts", text: lakeModule(payment) },
      { file: "packages/decision-engine/src/generated/field-variables.ts", text: rulesModule(payment) },
      { file: "packages/decision-engine/src/generated/listed-values.ts", text: listedModule(payment) },
      { file: "packages/backfill/src/generated/optional-columns.ts", text: backfillModule(payment) },
      { file: "training/spark/payment_columns.py", text: sparkModule(payment) },
      { file: "packages/backfill/src/generated/mapped-fields.ts", text: mappingModule(payment) },
    ],
  };
}

/**
 * Requires that `payment` retires the numbers of removed fields. Stored payments may contain these fields, so their
 * numbers must not get another meaning.
 *
 * @param {string} before the current messages
 * @param {import("./read-payment.mjs").Payment} payment
 */
function requireRetired(before, { fields, columns, retired, retiredSealed }) {
  const sealed = fields.flatMap((field) => field.sealed ?? []);
  const messages = /** @type {const} */ ([
    ["Transaction", "retired_numbers", [...retired, ...columns.map(({ number }) => number)]],
    ["PersonalFields", "retired_sealed_numbers", [...retiredSealed, ...sealed]],
  ]);
  for (const [name, list, known] of messages) {
    for (const [number, field] of numbersIn(before, name)) {
      if (known.includes(number)) continue;
      throw new Error(
        `${PAYMENT_FILE} lacks the number ${number}${field}: add ${number} to ${list}. ` +
          `If no stored payment ever had this number, delete the number from ${PROTO_FILE} instead.`,
      );
    }
  }
}

/**
 * The field numbers of a message, including reserved ones.
 *
 * @param {string} document
 * @param {string} name
 * @returns {(readonly [number: number, field: string])[]}
 */
function numbersIn(document, name) {
  const from = document.indexOf(`message ${name} {`);
  const message = document.slice(from, document.indexOf("\n}", from));
  const [, reserved = ""] = /^ {2}reserved ([\d, ]+);$/m.exec(message) ?? [];
  const used = message.matchAll(/^ {2}(?:optional )?\w+ (\w+) = (\d+);$/gm);
  return [
    ...Array.from(used, ([, field, number]) => /** @type {const} */ ([Number(number), ` of the field ${field}`])),
    ...(reserved.match(/\d+/g) ?? []).map((number) => /** @type {const} */ ([Number(number), ""])),
  ];
}

/** Replaces the text between the two markers. @param {string} document @param {string} text */
function fill(document, text) {
  const from = document.indexOf(START) + START.length;
  const to = document.indexOf(END, from);
  if (from < START.length || to < from)
    throw new Error(`${PROTO_FILE} lacks the markers ${START.trim()} … ${END.trim()}`);
  return `${document.slice(0, from)}${text}\n${document.slice(to)}`;
}
