import { randomUUID } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Role } from "@tripline/contracts/roles";
import { scopesOf } from "@tripline/contracts/roles";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { insertPerson } from "../people/person-store.js";
import { revoke } from "../revocations/revocation-store.js";
import type { Actor } from "./admin-action.js";
import type { PersonChange } from "./grants/grant-change.js";
import { withdrawGrants } from "./grants/grant-store.js";
import { isSensitiveScope } from "./grants/needs-second-admin.js";
import { noteAdminRemoved } from "./grants/second-admin.js";
import { keepAnAdmin } from "./keep-an-admin.js";
import type { ListedPerson } from "./listed-person.js";
import { reduceOwnedClients } from "./owned-clients.js";

/**
 * Applies a change to a user, or adds one.
 *
 * @param person the user before the change; undefined if the change adds one
 * @throws TriplineError `name-taken`, `last-admin`
 */
export async function applyPersonChange(
  transaction: Queries,
  by: Actor,
  change: PersonChange,
  person: ListedPerson | undefined,
): Promise<void> {
  if (change.action === "person-add") return add(transaction, by, change);
  if (person === undefined) throw new TriplineError("internal", "The change does not contain a user.");
  const { person_id: id, tenant, disabled_at: disabledAt } = person;
  switch (change.action) {
    case "person-roles":
      return setRoles(transaction, by, change.roles, person);
    case "person-enable":
      await transaction.execute(
        // A removed administrator who is enabled without the admin role still counts as removed.
        `UPDATE auth.people SET disabled_at = NULL, deprovisioned_at = NULL,
           admin_removed_at = CASE WHEN 'admin' = ANY (roles) THEN NULL ELSE admin_removed_at END
         WHERE person_id = $1`,
        [id],
      );
      return revoke(transaction, { kind: "person", id, tenant }, false);
    case "person-reset":
      await refuseProvisioned(transaction, id);
      await transaction.execute(
        // A user who gets a password is unlinked from the identity provider, which could not revoke the password.
        `UPDATE auth.people SET password_hash = $2, totp_secret = NULL, recovery_codes = '{}', provider_issuer = NULL,
           provider_subject = NULL, provider_groups = '{}', external_id = NULL, provisioned_at = NULL,
           deprovisioned_at = NULL WHERE person_id = $1`,
        [id, change.password_hash],
      );
      await transaction.execute("DELETE FROM auth.passkeys WHERE person_id = $1", [id]);
      await transaction.execute("DELETE FROM auth.scim_members WHERE person_id = $1", [id]);
      return revoke(transaction, { kind: "person", id, tenant }, disabledAt !== null);
  }
}

/** Rejects a password for a provisioned user: it would still work after the provider deactivates the account. */
async function refuseProvisioned(transaction: Queries, personId: string): Promise<void> {
  const provisioned = await transaction.query(
    z.unknown(),
    "SELECT 1 FROM auth.people JOIN auth.scim_tokens USING (tenant) WHERE person_id = $1 AND provisioned_at IS NOT NULL",
    [personId],
  );
  if (provisioned.length === 0) return;
  throw new TriplineError("invalid-field", "The identity provider manages this user, so the user has no password.");
}

async function add(
  transaction: Queries,
  { tenant }: Actor,
  { user_name, name, roles, password_hash }: Extract<PersonChange, { action: "person-add" }>,
): Promise<void> {
  const person = { person_id: randomUUID(), user_name, name, tenant, roles, password_hash };
  if (await insertPerson(transaction, person)) return;
  throw new TriplineError("name-taken", `The user name ${user_name} is already in use.`);
}

async function setRoles(transaction: Queries, by: Actor, roles: readonly Role[], person: ListedPerson): Promise<void> {
  const { person_id: id, tenant, disabled_at: disabledAt } = person;
  if (!roles.includes("admin")) {
    await keepAnAdmin(transaction, person);
    await noteAdminRemoved(transaction, id, by);
    await withdrawGrants(transaction, id);
  }
  await transaction.execute(
    `UPDATE auth.people SET roles = $2, admin_removed_at = CASE WHEN $3 THEN NULL ELSE admin_removed_at END
     WHERE person_id = $1`,
    [id, roles, roles.includes("admin")],
  );
  const before = person.roles as Role[];
  // New roles take effect with the next token, within minutes. Removed roles must take effect immediately, but the user
  // stays signed in.
  if (before.every((role) => roles.includes(role))) return;
  await revoke(transaction, { kind: "person", id, tenant }, disabledAt !== null, { keepsSignIns: true });
  const kept = scopesOf(roles);
  const lost = scopesOf(before).filter((scope) => isSensitiveScope(scope) && !kept.includes(scope));
  await reduceOwnedClients(transaction, by, id, lost);
}
