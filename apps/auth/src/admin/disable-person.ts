import type { Queries } from "@tripline/stores/postgres/connect-database";
import { revoke } from "../revocations/revocation-store.js";
import type { Actor } from "./admin-action.js";
import { withdrawGrants } from "./grants/grant-store.js";
import { noteAdminRemoved } from "./grants/second-admin.js";
import { keepAnAdmin } from "./keep-an-admin.js";
import type { ListedPerson } from "./listed-person.js";
import { revokeOwnedClients } from "./owned-clients.js";

/**
 * Disables a user, and revokes the user's tokens and sessions. Call it under `lockAdmins`.
 *
 * @param byProvider whether the identity provider disables the user; only then can it enable the user again
 * @throws TriplineError `last-admin`
 */
export async function disablePerson(
  transaction: Queries,
  by: Actor,
  person: ListedPerson,
  byProvider: boolean,
): Promise<void> {
  const { person_id: id, tenant } = person;
  await keepAnAdmin(transaction, person);
  await noteAdminRemoved(transaction, id, by);
  await withdrawGrants(transaction, id);
  await transaction.execute(
    `UPDATE auth.people SET disabled_at = coalesce(disabled_at, now()), deprovisioned_at = CASE WHEN $2 THEN now() END
     WHERE person_id = $1`,
    [id, byProvider],
  );
  await revoke(transaction, { kind: "person", id, tenant }, true);
  await revokeOwnedClients(transaction, id);
}
