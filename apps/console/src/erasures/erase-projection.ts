import type { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { removeAttachments } from "../attachments/attachment-store.js";
import { lockReports } from "../fraud-reports/add-reports.js";
import { CASES_OF_CARD, PLACES_OF_CARD } from "./places-of-card.js";

const STATEMENTS = [
  // Locks the cases, so that no notes or files are added while they are deleted.
  `SELECT FROM console.cases WHERE ${CASES_OF_CARD} FOR UPDATE`,
  ...PLACES_OF_CARD.map(({ table, rows }) =>
    table === "case_attachments" ? removeAttachments(rows) : `DELETE FROM console.${table} WHERE ${rows}`,
  ),
];

/**
 * Deletes the payments and cases of a card from the console, including notes and files. The files are deleted from
 * their store later (`AttachmentStore.dropRemoved`). The audit log keeps the actions.
 *
 * @param untilMs later rows are kept: a repeated erasure does not affect newer payments of the card
 */
export async function eraseProjection(
  database: Database,
  { tenant, subject }: Pick<Erasure, "tenant" | "subject">,
  untilMs = Number.MAX_SAFE_INTEGER,
): Promise<void> {
  await database.transaction(async (transaction) => {
    // Otherwise, a match could move a report to a table from which the card's rows were already deleted.
    await lockReports(transaction);
    for (const statement of STATEMENTS) await transaction.execute(statement, [tenant, subject, untilMs]);
  });
}
