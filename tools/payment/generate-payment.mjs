// All generated files from payment.yaml, with their content.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readPayment } from "./read-payment.mjs";
import { sentModule } from "./write-clients.mjs";
import { backfillModule, lakeModule, listedModule, rulesModule, sparkColumns } from "./write-consumers.mjs";
import { contractsModule } from "./write-contracts.mjs";
import { intakeModule } from "./write-intake.mjs";
import { protoMessages } from "./write-proto.mjs";

/** @typedef {{ file: string, text: string }} Output `file` is relative to the root */

export const PAYMENT_FILE = "packages/contracts/payment.yaml";

/**
 * The `.proto` file must be written before code is generated from it.
 *
 * @param {string} root
 * @returns {{ proto: Output, others: Output[] }}
 */
export function generatePayment(root) {
  const payment = readPayment(join(root, PAYMENT_FILE));
  const region = (/** @type {string} */ file, /** @type {string} */ mark, /** @type {string} */ text) => ({
    file,
    text: fill(readFileSync(join(root, file), "utf8"), { file, mark, text }),
  });
  return {
    proto: region("packages/contracts/proto/tripline/events/v1/events.proto", "//", `\n${protoMessages(payment)}\n`),
    others: [
      { file: "packages/contracts/src/generated/payment-fields.ts", text: contractsModule(payment) },
      { file: "apps/ingestion/src/generated/payment-fields.ts", text: intakeModule(payment) },
      { file: "packages/system/src/generated/sent-fields.ts", text: sentModule(payment) },
      { file: "packages/lake/src/generated/transaction-kinds.ts", text: lakeModule(payment) },
      { file: "packages/decision-engine/src/generated/field-variables.ts", text: rulesModule(payment) },
      { file: "packages/decision-engine/src/generated/listed-values.ts", text: listedModule(payment) },
      { file: "packages/backfill/src/generated/optional-columns.ts", text: backfillModule(payment) },
      region("training/spark/backfill_features.py", "#", sparkColumns(payment)),
    ],
  };
}

/**
 * Replaces the text between the two markers. @param {string} document @param {{ file: string, mark: string, text: string }}
 * part
 */
function fill(document, { file, mark, text }) {
  const [start, end] = [`${mark} payment: from payment.yaml\n`, `${mark} /payment\n`];
  const from = document.indexOf(start) + start.length;
  const to = document.indexOf(end, from);
  if (from < start.length || to < from) throw new Error(`${file} lacks the marks ${start.trim()} … ${end.trim()}`);
  return `${document.slice(0, from)}${text}\n${document.slice(to)}`;
}
