import { asTriplineError } from "@tripline/contracts/error-table";
import type { Role } from "@tripline/contracts/roles";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { Actor } from "../admin/admin-action.js";
import { applyPersonChange } from "../admin/apply-person-change.js";
import type { ListedPerson } from "../admin/listed-person.js";
import { findListedPerson } from "../admin/listed-person.js";
import { noteAction } from "../admin/note-action.js";
import { mapRoles } from "./provider-settings.js";
import type { IdentityProvider } from "./provider-store.js";

const groupedRow = z.object({ user_name: z.string(), roles: z.array(z.string()), groups: z.array(z.string()) });

/**
 * Gives users the roles of their groups, which come from the last sign-in and from SCIM. Without a mapping,
 * administrators assign roles in Tripline, as they always do for users with a password. Call it under `lockAdmins`.
 *
 * @param by recorded in the audit log for users whose roles change
 */
export async function syncRoles(
  transaction: Queries,
  by: Actor,
  provider: IdentityProvider,
  personIds: readonly string[],
): Promise<void> {
  if (provider.role_mapping.length === 0 || personIds.length === 0) return;
  const rows = await transaction.query(
    groupedRow,
    `SELECT user_name, roles, provider_groups || array_remove(ARRAY(
       SELECT unnest(ARRAY[external_id, display_name]) FROM auth.scim_members JOIN auth.scim_groups USING (group_id)
       WHERE scim_members.person_id = people.person_id), NULL) AS groups
     FROM auth.people WHERE tenant = $1 AND person_id = ANY ($2) AND password_hash IS NULL ORDER BY person_id`,
    [provider.tenant, personIds],
  );
  for (const { user_name: name, roles, groups } of rows) {
    const wanted = mapRoles(provider, groups);
    if (wanted.length === roles.length && wanted.every((one) => roles.includes(one))) continue;
    const person = await findListedPerson(transaction, provider.tenant, name, "FOR UPDATE");
    if (person !== undefined) await changeRoles(transaction, by, wanted, person);
  }
}

async function changeRoles(transaction: Queries, by: Actor, roles: Role[], person: ListedPerson): Promise<void> {
  try {
    await giveRoles(transaction, by, roles, person);
  } catch (error) {
    // The tenant's last administrator keeps the role, because nobody else could correct the mapping.
    if (asTriplineError(error).code !== "last-admin") throw error;
    const details = { roles: person.roles, refused: roles, reason: "last-admin" };
    await noteAction(transaction, by, "roles", { kind: "person", id: person.person_id, details });
  }
}

/** Changes a user's roles, and records it for the audit log. @throws TriplineError `last-admin` */
export async function giveRoles(transaction: Queries, by: Actor, roles: Role[], person: ListedPerson): Promise<void> {
  await applyPersonChange(transaction, by, { action: "person-roles", user_name: person.user_name, roles }, person);
  await noteAction(transaction, by, "roles", { kind: "person", id: person.person_id, details: { roles } });
}
