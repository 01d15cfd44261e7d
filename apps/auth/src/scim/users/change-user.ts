import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { Role } from "@tripline/contracts/roles";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { Actor } from "../../admin/admin-action.js";
import { applyPersonChange } from "../../admin/apply-person-change.js";
import { disablePerson } from "../../admin/disable-person.js";
import { isSensitiveRole } from "../../admin/grants/needs-second-admin.js";
import type { ListedPerson } from "../../admin/listed-person.js";
import { findListedPerson } from "../../admin/listed-person.js";
import { noteAction } from "../../admin/note-action.js";
import { revokeOwnedClients } from "../../admin/owned-clients.js";
import { revoke } from "../../revocations/revocation-store.js";
import { namesakes } from "../../single-sign-on/provider-people.js";
import type { IdentityProvider } from "../../single-sign-on/provider-store.js";
import { giveRoles, syncRoles } from "../../single-sign-on/sync-roles.js";
import { ScimFault } from "../scim-fault.js";
import type { UserChanges } from "./user-changes.js";
import type { ScimUser } from "./user-store.js";
import { isTaken } from "./user-store.js";

export const scimActor = (tenant: string): Actor => ({ tenant, subject: "scim", kind: "service" });

/**
 * Applies the provider's changes to a user. Call it under `lockAdmins`.
 *
 * @returns the reason why an administrator was signed out but not disabled
 * @throws ScimFault `uniqueness`; TriplineError `last-admin` if the last administrator would lose the role
 */
export async function changeUser(
  transaction: Queries,
  provider: IdentityProvider,
  user: ScimUser,
  changes: UserChanges,
): Promise<TriplineError | undefined> {
  const { tenant } = provider;
  const changed = differing(user, changes);
  if (await isTaken(transaction, tenant, changed, user.person_id)) throw taken();
  const { userName } = changed;
  const name = userName === undefined ? user.user_name : await rename(transaction, tenant, user, userName);
  await store(transaction, user, changed);
  const before = await findListedPerson(transaction, tenant, name, "FOR UPDATE");
  if (before === undefined) throw new TriplineError("internal", "The changed user was not found.");
  const by = scimActor(tenant);
  const isMoved = isForOther(provider, user, changed);
  const person = isMoved ? await moveToOther(transaction, by, user, before) : before;
  const fields = Object.keys(changed).filter((one) => one !== "active");
  const action = user.is_provisioned ? "change" : "provision";
  if (fields.length > 0 || !user.is_provisioned) {
    await noteAction(transaction, by, action, { kind: "person", id: user.person_id, details: { fields } });
  }
  const refusal = changes.active === false ? await deactivate(transaction, by, person) : undefined;
  if (changes.active === true && user.is_deprovisioned) await activate(transaction, by, provider, person);
  await syncRoles(transaction, by, provider, [user.person_id]);
  return refusal;
}

export const taken = (): ScimFault =>
  new ScimFault("uniqueness", "Another user of the tenant has this userName or externalId.");

/** The changes that differ from the user's current values. */
function differing(user: ScimUser, { userName, externalId, name, active }: UserChanges): UserChanges {
  return {
    ...(userName === undefined || userName === user.provider_name ? {} : { userName }),
    ...(externalId === undefined || externalId === user.external_id ? {} : { externalId }),
    ...(name === undefined || name === user.name ? {} : { name }),
    ...(active === undefined || active === user.is_active ? {} : { active }),
  };
}

/** @returns the new user name */
async function rename(
  transaction: Queries,
  tenant: string,
  { person_id: id }: ScimUser,
  name: string,
): Promise<string> {
  for (const userName of namesakes(tenant, name)) {
    const renamed = await transaction.execute(
      `UPDATE auth.people SET user_name = $2 WHERE person_id = $1
         AND NOT EXISTS (SELECT 1 FROM auth.people WHERE user_name = $2 AND person_id <> $1)`,
      [id, userName],
    );
    if (renamed > 0) return userName;
  }
  throw taken();
}

async function store(transaction: Queries, { person_id: id }: ScimUser, changed: UserChanges): Promise<void> {
  await transaction.execute(
    `UPDATE auth.people SET provisioned_at = coalesce(provisioned_at, now()), name = coalesce($2, name),
       external_id = CASE WHEN $3 THEN $4 ELSE external_id END WHERE person_id = $1`,
    [id, changed.name ?? null, changed.externalId !== undefined, changed.externalId ?? null],
  );
}

/** Whether another account at the provider can now sign in as the user. */
function isForOther(
  { provisioning_match: match }: IdentityProvider,
  { provider_subject: subject, is_linked: isLinked }: ScimUser,
  { userName, externalId }: UserChanges,
): boolean {
  if (match === "user_name") return userName !== undefined && subject === null;
  return typeof externalId === "string" && !(isLinked && externalId === subject);
}

/**
 * Unlinks a user from the account at the provider until another account signs in. That account may belong to somebody
 * else, so only a role mapping can restore a role that needs two administrators.
 *
 * @returns the user after the change
 * @throws TriplineError `last-admin`
 */
async function moveToOther(
  transaction: Queries,
  by: Actor,
  { provider_subject: subject }: ScimUser,
  person: ListedPerson,
): Promise<ListedPerson> {
  const { person_id: id, tenant, disabled_at: disabledAt } = person;
  if (subject !== null) {
    await transaction.execute(
      `UPDATE auth.people SET provider_issuer = NULL, provider_subject = NULL, provider_groups = '{}'
       WHERE person_id = $1`,
      [id],
    );
    await revoke(transaction, { kind: "person", id, tenant }, disabledAt !== null);
  }
  return removeSensitiveRoles(transaction, by, person);
}

/** @returns the reason why the tenant's last administrator was signed out but not disabled */
export async function deactivate(
  transaction: Queries,
  by: Actor,
  person: ListedPerson,
): Promise<TriplineError | undefined> {
  const { person_id: id, tenant } = person;
  if (person.disabled_at !== null) return undefined;
  try {
    await disablePerson(transaction, by, person, true);
  } catch (error) {
    const refusal = asTriplineError(error);
    if (refusal.code !== "last-admin") throw error;
    await revoke(transaction, { kind: "person", id, tenant }, false);
    await revokeOwnedClients(transaction, id);
    await noteAction(transaction, by, "sign-out", { kind: "person", id, details: { reason: "last-admin" } });
    return refusal;
  }
  await noteAction(transaction, by, "disable", { kind: "person", id, details: { roles: person.roles } });
  return undefined;
}

/** Enables a user whom the provider deactivated. Only a role mapping restores roles that need two administrators. */
async function activate(
  transaction: Queries,
  by: Actor,
  provider: IdentityProvider,
  person: ListedPerson,
): Promise<void> {
  const { person_id: id, user_name: userName } = person;
  if (provider.role_mapping.length === 0) await removeSensitiveRoles(transaction, by, person);
  await applyPersonChange(transaction, by, { action: "person-enable", user_name: userName }, person);
  await noteAction(transaction, by, "enable", { kind: "person", id, details: {} });
}

/** @returns the user after the change */
async function removeSensitiveRoles(transaction: Queries, by: Actor, person: ListedPerson): Promise<ListedPerson> {
  const kept = (person.roles as Role[]).filter((role) => !isSensitiveRole(role));
  if (kept.length === person.roles.length) return person;
  const roles: Role[] = kept.length === 0 ? ["viewer"] : kept;
  await giveRoles(transaction, by, roles, person);
  return { ...person, roles };
}
