import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { Actor } from "../admin-action.js";
import { notFound } from "../admin-action.js";
import { noteAction } from "../note-action.js";
import type { Listed } from "./apply-change.js";
import { applyChange } from "./apply-change.js";
import type { GrantChange } from "./grant-change.js";
import { auditedChange } from "./grant-change.js";
import { takeGrant } from "./grant-store.js";
import { lockAdmins } from "./second-admin.js";

/**
 * Applies a pending change. Only users can approve, not clients, because a user who can rotate a client's secret would
 * otherwise count as two users. The operator of the installation can approve as well.
 *
 * @throws TriplineError `not-found`, `approval-missing`; errors of the change itself
 */
export async function approveGrant(
  transaction: Queries,
  by: Actor,
  id: string,
): Promise<{ readonly listed: Listed; readonly change: GrantChange }> {
  const { tenant } = by;
  await lockAdmins(transaction, tenant);
  const grant = await takeGrant(transaction, tenant, id);
  if (grant === undefined) throw notFound("grant");
  const { change, principal, requested_by: subject, actor_kind: kind } = grant;
  if (by.kind === "client")
    throw new TriplineError("approval-missing", "A client cannot approve this. Sign in as a user.");
  if (principal === by.principal) {
    throw new TriplineError("approval-missing", "You requested this, so another administrator must approve it.");
  }
  await noteAction(transaction, by, "approve", { kind: "grant", id, details: auditedChange(change) });
  const details = { grant: id, approved_by: by.subject };
  const listed = await applyChange(transaction, { tenant, subject, kind, principal }, change, details);
  return { listed, change };
}
