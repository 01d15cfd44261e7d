import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { Actor } from "../admin-action.js";

/** An administrator whom another user removed counts as a second one for this long. */
const REMOVED_COUNTS = "7 days";

/**
 * Whether a change that needs a second administrator has to wait for one. Call it under `lockAdmins`.
 *
 * @throws TriplineError `approval-missing` for a client without an owner, because its request and the approval might
 * come from the same user
 */
export async function hasSecondAdmin(transaction: Queries, { tenant, principal }: Actor): Promise<boolean> {
  const admins = await transaction.query(
    z.object({ person_id: z.string() }),
    `SELECT person_id FROM auth.people WHERE tenant = $1
       AND (('admin' = ANY (roles) AND disabled_at IS NULL) OR admin_removed_at > now() - interval '${REMOVED_COUNTS}')`,
    [tenant],
  );
  if (principal !== undefined) return admins.some(({ person_id: id }) => id !== principal);
  if (admins.length < 2) return false;
  throw new TriplineError(
    "approval-missing",
    "The client has no owner, so it cannot request this change. Set an owner first, or sign in as an administrator.",
  );
}

/** Until the transaction ends, no other transaction adds, removes or counts administrators of the tenant. */
export async function lockAdmins(transaction: Queries, tenant: string): Promise<void> {
  await transaction.execute("SELECT pg_advisory_xact_lock(hashtext('auth.admins ' || $1))", [tenant]);
}

/** Records that another user removes an administrator. Call it before the role or the account is removed. */
export async function noteAdminRemoved(transaction: Queries, personId: string, { principal }: Actor): Promise<void> {
  if (principal === personId) return;
  await transaction.execute(
    `UPDATE auth.people SET admin_removed_at = now()
     WHERE person_id = $1 AND 'admin' = ANY (roles) AND disabled_at IS NULL`,
    [personId],
  );
}
