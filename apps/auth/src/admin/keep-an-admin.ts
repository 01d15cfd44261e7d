import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { ListedPerson } from "./listed-person.js";

/**
 * Rejects the removal of a tenant's last administrator, because nobody else could add one. Call it under `lockAdmins`.
 *
 * @throws TriplineError `last-admin`
 */
export async function keepAnAdmin(transaction: Queries, { person_id: id, tenant }: ListedPerson): Promise<void> {
  const admins = await transaction.query(
    z.object({ person_id: z.string() }),
    "SELECT person_id FROM auth.people WHERE tenant = $1 AND 'admin' = ANY (roles) AND disabled_at IS NULL",
    [tenant],
  );
  const isLast = admins.length === 1 && admins[0]?.person_id === id;
  if (isLast) throw new TriplineError("last-admin", "First give another user the admin role.");
}
