import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { Actor } from "../admin/admin-action.js";
import type { ProviderChange } from "../admin/grants/grant-change.js";
import { needPasswordAdmin } from "../admin/keep-an-admin.js";
import { findListedPerson } from "../admin/listed-person.js";
import { noteAction } from "../admin/note-action.js";
import { revokeUsers } from "../revocations/revocation-store.js";
import type { IdentityProvider, ListedProvider } from "./provider-store.js";
import { listedProvider, noProvider, providerOf, storeProvider } from "./provider-store.js";
import { syncRoles } from "./sync-roles.js";

/**
 * Sets or removes the tenant's identity provider, and records the change for the audit log.
 *
 * @throws TriplineError `provider-not-found`; `invalid-field` for a break-glass user without the role admin, or a
 *   domain of another tenant; `last-admin` if nobody could then sign in as administrator
 */
export async function applyProviderChange(
  transaction: Queries,
  by: Actor,
  change: ProviderChange,
  details: object,
): Promise<ListedProvider> {
  const before = await providerOf(transaction, by.tenant);
  const isSet = change.action === "provider-set";
  const after = isSet ? await set(transaction, by, change, before) : await remove(transaction, before);
  const isSameIdentity = isSet && JSON.stringify(identityOf(before)) === JSON.stringify(identityOf(after));
  if (before !== undefined && !isSameIdentity) await needPasswordAdmin(transaction, by.tenant);
  await signOutOthers(transaction, by.tenant, { before, after: isSet ? after : undefined, isSameIdentity });
  if (isSet && before !== undefined && before.issuer !== after.issuer) await forgetScim(transaction, by, after);
  const action = change.action.replace("provider-", "");
  const { changed_at: _at, tenant: id, break_glass: _name, ...settings } = listedProvider(after);
  const noted = { ...settings, break_glass: after.break_glass_id, ...details };
  await noteAction(transaction, by, action, { kind: "provider", id, details: noted });
  return listedProvider(after);
}

async function set(
  transaction: Queries,
  { tenant }: Actor,
  { settings, sealed_secret: sealed }: Extract<ProviderChange, { action: "provider-set" }>,
  before: IdentityProvider | undefined,
): Promise<IdentityProvider> {
  const breakGlass =
    settings.break_glass === null ? null : await breakGlassUser(transaction, tenant, settings.break_glass);
  // Otherwise, two tenants could claim the same domain concurrently.
  await transaction.execute("SELECT pg_advisory_xact_lock(hashtext('auth.domains'))", []);
  const taken = await transaction.query(
    z.object({ domain: z.string() }),
    "SELECT unnest(domains) AS domain FROM auth.identity_providers WHERE tenant <> $1 AND domains && $2",
    [tenant, settings.domains],
  );
  if (taken.length > 0) throw invalid("/domains", "One of the domains belongs to another tenant.");
  const kept = before?.issuer === settings.issuer ? before.client_secret : undefined;
  const clientSecret = sealed === undefined ? kept : Buffer.from(sealed, "base64");
  if (clientSecret === undefined) throw secretRequired();
  await storeProvider(transaction, { ...settings, tenant, client_secret: clientSecret, break_glass_id: breakGlass });
  const stored = await providerOf(transaction, tenant);
  if (stored === undefined) throw new TriplineError("internal", "A stored provider was not found.");
  return stored;
}

/** @returns the ID of the user, who must have a password and be an administrator */
async function breakGlassUser(transaction: Queries, tenant: string, name: string): Promise<string> {
  const person = await findListedPerson(transaction, tenant, name, "FOR UPDATE");
  const [own] = await transaction.query(
    z.object({ has_password: z.boolean() }),
    `SELECT password_hash IS NOT NULL AND disabled_at IS NULL AS has_password FROM auth.people WHERE person_id = $1`,
    [person?.person_id ?? ""],
  );
  if (person === undefined || own?.has_password !== true || !person.roles.includes("admin")) {
    throw invalid("/break_glass", "This user must be an administrator with a password.");
  }
  return person.person_id;
}

async function remove(transaction: Queries, before: IdentityProvider | undefined): Promise<IdentityProvider> {
  if (before === undefined) throw noProvider();
  await transaction.execute("DELETE FROM auth.identity_providers WHERE tenant = $1", [before.tenant]);
  return before;
}

/**
 * Ends sessions that the new settings no longer allow: those of the provider's users if the settings that identify them
 * change, and, once passwords are rejected, those of users with a password, except the break-glass user.
 */
async function signOutOthers(
  transaction: Queries,
  tenant: string,
  change: {
    readonly before: IdentityProvider | undefined;
    readonly after: IdentityProvider | undefined;
    readonly isSameIdentity: boolean;
  },
): Promise<void> {
  const { before, after, isSameIdentity } = change;
  const isRestricted = before?.is_enforced === true && before.break_glass_id === after?.break_glass_id;
  const affected = await transaction.query(
    z.object({ person_id: z.string() }),
    `SELECT person_id FROM auth.people WHERE tenant = $1
       AND (($2 AND provider_issuer IS NOT NULL)
         OR ($3 AND provider_issuer IS NULL AND person_id IS DISTINCT FROM $4))`,
    [tenant, !isSameIdentity, after?.is_enforced === true && !isRestricted, after?.break_glass_id ?? null],
  );
  const ids = affected.map(({ person_id: id }) => id);
  if (ids.length > 0) await revokeUsers(transaction, tenant, ids);
}

/** Removes the old provider's token and groups, which must not affect the new provider's users. */
async function forgetScim(transaction: Queries, by: Actor, provider: IdentityProvider): Promise<void> {
  const { tenant } = provider;
  const members = await transaction.query(
    z.object({ person_id: z.string() }),
    "SELECT DISTINCT person_id FROM auth.scim_members JOIN auth.scim_groups USING (group_id) WHERE tenant = $1",
    [tenant],
  );
  await transaction.execute("DELETE FROM auth.scim_groups WHERE tenant = $1", [tenant]);
  const removed = await transaction.execute("DELETE FROM auth.scim_tokens WHERE tenant = $1", [tenant]);
  if (removed > 0) {
    const details = { reason: "issuer-changed" };
    await noteAction(transaction, by, "remove", { kind: "scim-token", id: tenant, details });
  }
  const ids = members.map(({ person_id: id }) => id);
  await syncRoles(transaction, by, provider, ids);
}

/** The settings that determine which user an ID token identifies. */
function identityOf(provider: IdentityProvider | undefined): readonly unknown[] {
  return [provider?.issuer, provider?.client_id, provider?.subject_claim, provider?.required_claims];
}

export const secretRequired = (): TriplineError =>
  invalid("/client_secret", "The client secret is required for a new issuer.");

function invalid(pointer: string, detail: string): TriplineError {
  return new TriplineError("invalid-field", detail, [{ pointer, detail }]);
}
