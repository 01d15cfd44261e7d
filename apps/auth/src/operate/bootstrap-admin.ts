import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { passwordAdmins } from "../admin/keep-an-admin.js";
import { newSecret } from "../admin/new-secret.js";
import { noteAction, operatorOf } from "../admin/note-action.js";
import { canonicalUserName } from "../people/canonical-user-name.js";
import type { PersonRegistration } from "../people/person-registration.js";
import { addPerson } from "../people/person-store.js";

/**
 * Adds a tenant's first administrator with a password. Users of an identity provider do not count, because they may be
 * unable to sign in. Call it in a transaction.
 *
 * @returns the text to print, with the password
 * @throws TriplineError `last-admin` if the tenant already has one, `name-taken`
 */
export async function bootstrapAdmin(
  transaction: Queries,
  person: Omit<PersonRegistration, "roles" | "password">,
): Promise<string> {
  const { tenant, user_name: userName } = person;
  // Serialises concurrent calls.
  await transaction.execute("SELECT pg_advisory_xact_lock(hashtext('auth.people bootstrap'))", []);
  const [admin] = await passwordAdmins(transaction, tenant);
  if (admin !== undefined) {
    const detail = `The tenant ${tenant} already has an administrator, ${admin.user_name}, who can add others.`;
    throw new TriplineError("last-admin", detail);
  }
  const password = newSecret();
  if (!(await addPerson(transaction, { ...person, roles: ["admin"], password }))) {
    throw new TriplineError("name-taken", `The user name ${userName} is already in use.`);
  }
  const [added] = await transaction.query(
    z.object({ person_id: z.string() }),
    "SELECT person_id FROM auth.people WHERE user_name = $1",
    [canonicalUserName(userName)],
  );
  const id = added?.person_id ?? "";
  await noteAction(transaction, operatorOf(tenant), "add", { kind: "person", id, details: { roles: ["admin"] } });
  return `${userName} can sign in as administrator of ${tenant} with the password ${password}, which will not be shown again.`;
}
