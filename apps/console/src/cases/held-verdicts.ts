import { TriplineError } from "@tripline/contracts/error-table";
import { CaseEventKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { noteCase, reopen } from "./case-changes.js";
import type { Worker } from "./case-requests.js";
import type { KnownCase } from "./case-rows.js";
import type { CaseChange } from "./case-store.js";

const eventRow = z.object({ labels: z.number() });

/** Whether the case was closed so recently that its verdict can still be undone. */
export const isHeld = ({ status, undo_until_ms: untilMs }: KnownCase): boolean =>
  status === "closed" && untilMs !== null && untilMs > Date.now();

/**
 * Undoes a verdict before its event and its labels are sent. If the verdict was confirmed by a second user, the request
 * of the first user waits for confirmation again. If the card has another open case by now, the case stays closed, but
 * without a verdict.
 *
 * @param queries the transaction that locks the case; it is rolled back if the event or a label was sent
 * @throws TriplineError `changed-meanwhile` if the verdict has taken effect
 */
export async function undoVerdict(queries: Queries, found: KnownCase, by: Worker): Promise<CaseChange> {
  const { verdict } = found;
  if (found.status !== "closed" || verdict === null) {
    throw new TriplineError("changed-meanwhile", `The case is not closed. ${found.last_change}`);
  }
  if (!isHeld(found)) throw tooLate();
  // If a publisher is sending the event, this waits for the publisher and then finds no event.
  const [event] = await queries.query(
    eventRow,
    "DELETE FROM console.case_outbox WHERE case_id = $1 AND revision = $2 AND kind = $3 RETURNING labels",
    [found.id, found.revision, CaseEventKind.CLOSED],
  );
  const withdrawn = await queries.execute("DELETE FROM console.label_outbox WHERE case_id = $1 AND tries = 0", [
    found.id,
  ]);
  if (event?.labels !== withdrawn) throw tooLate();
  const { set } = await reopen(queries, found, by);
  const pending = found.pending === null ? null : JSON.stringify(found.pending);
  const hasOther = await hasOpenCase(queries, by.tenant, found.card_token);
  const stays =
    "The case stays closed, because the card has another open case. Close that case, and then reopen this one.";
  return {
    set: hasOther ? { ...set, status: "closed" } : { ...set, pending },
    text: `Undid the verdict ${verdict} before it took effect.${hasOther ? ` ${stays}` : ""}`,
    isUnpublished: true,
    also: (queries) => noteCase(queries, by, found.id, "verdict-undone", { verdict, payments: found.payments }),
  };
}

function tooLate(): TriplineError {
  const detail = "The verdict has already taken effect. Reopen the case and give the correct verdict.";
  return new TriplineError("changed-meanwhile", detail);
}

async function hasOpenCase(queries: Queries, tenant: string, cardToken: string): Promise<boolean> {
  const open = "SELECT 1 FROM console.cases WHERE tenant = $1 AND card_token = $2 AND status <> 'closed'";
  return (await queries.query(z.unknown(), open, [tenant, cardToken])).length > 0;
}
