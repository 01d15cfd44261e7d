import type { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Database } from "@tripline/service-kit/postgres/connect-database";
import { removeAttachments } from "../attachments/attachment-store.js";

const OF_CARD = "tenant = $1 AND card_token = $2";
const PAYMENTS_OF_CARD = `${OF_CARD} AND occurred_at_ms <= $3`;
const PAYMENTS = `SELECT transaction_id FROM console.payments WHERE ${PAYMENTS_OF_CARD}`;
const CASES_OF_CARD = `${OF_CARD} AND opened_at_ms <= $3`;
const CASES = `SELECT id FROM console.cases WHERE ${CASES_OF_CARD}`;

/** Each finds by the card what the next ones take away. */
const STATEMENTS = [
  // Nobody adds a note or a file to a case that goes.
  `SELECT FROM console.cases WHERE ${CASES_OF_CARD} FOR UPDATE`,
  `DELETE FROM console.labels WHERE transaction_id IN (${PAYMENTS})`,
  `DELETE FROM console.decisions WHERE transaction_id IN (${PAYMENTS})`,
  `DELETE FROM console.payments WHERE ${PAYMENTS_OF_CARD}`,
  ...["label_outbox", "case_notes", "case_events", "case_payments"].map(
    (table) => `DELETE FROM console.${table} WHERE case_id IN (${CASES})`,
  ),
  removeAttachments(`case_id IN (${CASES})`),
  `DELETE FROM console.cases WHERE ${CASES_OF_CARD}`,
];

/**
 * Takes the payments and cases of a card out of the console, notes and files of analysts included; the files leave their store
 * afterwards (`AttachmentStore.dropRemoved`). What was done stays in the audit log.
 *
 * @param untilMs what came later stays: an erasure that is applied again does not concern what the card did since
 */
export async function eraseProjection(
  database: Database,
  { tenant, subject }: Pick<Erasure, "tenant" | "subject">,
  untilMs = Number.MAX_SAFE_INTEGER,
): Promise<void> {
  await database.transaction(async (transaction) => {
    for (const statement of STATEMENTS) await transaction.execute(statement, [tenant, subject, untilMs]);
  });
}
