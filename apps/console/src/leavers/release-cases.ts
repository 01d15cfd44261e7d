import { noteAudit } from "@tripline/nest-kit/audit/note-audit";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { KnownCase } from "../cases/case-rows.js";
import { CASE_COLUMNS, caseRow } from "../cases/case-rows.js";
import type { CaseChange } from "../cases/case-store.js";
import { applyChange } from "../cases/case-store.js";
import { AUDIT_SOURCE } from "../view-events.js";

const CASES_PER_TRANSACTION = 100;
/** A user with more open cases indicates an error. The next event continues with the rest. */
const TRANSACTIONS_MAX = 1_000;
/** Longer than both the clock skew and a sign-in that began before the user was disabled. */
const SIGN_IN_MARGIN_MS = 60_000;

/**
 * Ends the sessions of a disabled user, unassigns the user's open cases, and withdraws the user's verdicts that await
 * confirmation: otherwise, a second user could confirm a verdict of somebody who was removed. Does nothing if the
 * user has signed in since, which means that the user was enabled again.
 *
 * @param disabledAtMs when the user was disabled
 * @throws TriplineError `database-unavailable`
 */
export async function releaseCases(
  database: Database,
  tenant: string,
  personId: string,
  disabledAtMs: number,
): Promise<void> {
  const ofUser = "WHERE tenant = $1 AND person_id = $2";
  const signedInSince = await database.query(
    z.unknown(),
    `SELECT 1 FROM console.people ${ofUser} AND signed_in_ms > $3`,
    [tenant, personId, disabledAtMs + SIGN_IN_MARGIN_MS],
  );
  if (signedInSince.length > 0) return;
  await database.transaction(async (transaction) => {
    // Waits for concurrent assignments to this user, which lock the row, and prevents later ones.
    await transaction.execute(`UPDATE console.people SET can_work = false ${ofUser}`, [tenant, personId]);
    await transaction.execute(`DELETE FROM console.sessions ${ofUser}`, [tenant, personId]);
  });
  for (let round = 0; round < TRANSACTIONS_MAX; round += 1) {
    const released = await database.transaction((transaction) => releaseSome(transaction, tenant, personId));
    if (released < CASES_PER_TRANSACTION) return;
  }
}

/** @returns the number of released cases */
async function releaseSome(transaction: Queries, tenant: string, personId: string): Promise<number> {
  const found = await transaction.query(
    caseRow,
    `SELECT ${CASE_COLUMNS} FROM console.cases c WHERE c.tenant = $1 AND c.status <> 'closed'
       AND (c.assignee_id = $2 OR c.pending->'by'->>'id' = $2)
     ORDER BY c.card_token LIMIT ${CASES_PER_TRANSACTION} FOR UPDATE`,
    [tenant, personId],
  );
  for (const one of found) await applyChange(transaction, { tenant }, one, release(one, tenant, personId));
  return found.length;
}

function release(found: KnownCase, tenant: string, personId: string): CaseChange {
  const isAssigned = found.assignee_id === personId;
  const withdrawn = found.pending?.by.id === personId ? found.pending : null;
  const name = withdrawn?.by.name ?? found.assignee_name ?? personId;
  const steps = [
    ...(isAssigned ? ["unassigned"] : []),
    ...(withdrawn === null ? [] : [`the verdict ${withdrawn.verdict} was withdrawn`]),
  ];
  return {
    set: {
      ...(isAssigned ? { assignee_id: null, assignee_name: null } : {}),
      ...(withdrawn === null ? {} : { pending: null }),
    },
    text: `The account of ${name} was disabled: ${steps.join(", ")}.`,
    also: (queries) =>
      noteAudit(queries, AUDIT_SOURCE, {
        tenant,
        actor: AUDIT_SOURCE,
        actorKind: "service",
        action: "case-released",
        subjectKind: "case",
        subjectId: found.id,
        details: { user: personId, was_assignee: isAssigned, withdrawn_verdict: withdrawn?.verdict ?? null },
      }),
  };
}
