import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { ListedPerson } from "./listed-person.js";

/** The enabled administrators of a tenant who can sign in without the identity provider. */
export function passwordAdmins(queries: Queries, tenant: string): Promise<{ person_id: string; user_name: string }[]> {
  return queries.query(
    z.object({ person_id: z.string(), user_name: z.string() }),
    `SELECT person_id, user_name FROM auth.people WHERE tenant = $1 AND 'admin' = ANY (roles) AND disabled_at IS NULL
     AND provider_issuer IS NULL AND password_hash IS NOT NULL`,
    [tenant],
  );
}

/**
 * Requires an administrator with a password before a change that prevents the identity provider's users from signing
 * in. Otherwise, nobody could sign in as administrator. Call it under `lockAdmins`.
 *
 * @throws TriplineError `last-admin`
 */
export async function needPasswordAdmin(transaction: Queries, tenant: string): Promise<void> {
  if ((await passwordAdmins(transaction, tenant)).length > 0) return;
  throw new TriplineError(
    "last-admin",
    "First add an administrator with a password. Otherwise, nobody could sign in as an administrator.",
  );
}

/**
 * Rejects the removal of a tenant's last administrator, because nobody else could add one. Also rejects the removal of
 * the only administrator who can sign in without the identity provider. Call it under `lockAdmins`.
 *
 * @throws TriplineError `last-admin`
 */
export async function keepAnAdmin(transaction: Queries, { person_id: id, tenant }: ListedPerson): Promise<void> {
  const breakGlass = await transaction.query(
    z.unknown(),
    "SELECT 1 FROM auth.identity_providers WHERE is_enforced AND break_glass = $1",
    [id],
  );
  if (breakGlass.length > 0) {
    throw new TriplineError("last-admin", "This is the break-glass user. First choose another one for single sign-on.");
  }
  const admins = await transaction.query(
    z.object({ person_id: z.string() }),
    "SELECT person_id FROM auth.people WHERE tenant = $1 AND 'admin' = ANY (roles) AND disabled_at IS NULL",
    [tenant],
  );
  const isOnly = (found: readonly { person_id: string }[]) => found.length === 1 && found[0]?.person_id === id;
  if (isOnly(admins)) throw new TriplineError("last-admin", "First give another user the admin role.");
  if (isOnly(await passwordAdmins(transaction, tenant))) {
    const detail =
      "First add another administrator with a password. The remaining administrators need the identity provider to sign in.";
    throw new TriplineError("last-admin", detail);
  }
}
