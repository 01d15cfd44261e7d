import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { scimTokenOf } from "../../scim/token/scim-token-store.js";
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
 * Applies a pending change. Clients cannot approve: a user who can rotate a client's secret could otherwise approve
 * their own request. The operator of the installation can approve as well.
 *
 * @throws TriplineError `not-found`, `approval-missing`, `changed-meanwhile`; errors of the change itself
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
  const { change, principal, requested_by: subject, actor_kind: kind, requested_at: requestedAt } = grant;
  if (by.kind === "client")
    throw new TriplineError("approval-missing", "A client cannot approve this change. Sign in as a user.");
  if (principal === by.principal) {
    throw new TriplineError("approval-missing", "You requested this change, so another administrator must approve it.");
  }
  if (change.action === "scim-token-set") await refuseOlderToken(transaction, tenant, requestedAt);
  await noteAction(transaction, by, "approve", { kind: "grant", id, details: auditedChange(change) });
  const details = { grant: id, approved_by: by.subject };
  const listed = await applyChange(transaction, { tenant, subject, kind, principal }, change, details);
  return { listed, change };
}

/** Rejects a request that is older than the current token: approving it would silently replace the newer token. */
async function refuseOlderToken(transaction: Queries, tenant: string, requestedAt: Date): Promise<void> {
  const current = await scimTokenOf(transaction, tenant);
  if (current === undefined || current.created_at <= requestedAt) return;
  throw new TriplineError(
    "changed-meanwhile",
    "The SCIM token was replaced after this request. Request the change again.",
  );
}
