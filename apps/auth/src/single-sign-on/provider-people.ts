import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { Actor } from "../admin/admin-action.js";
import { lockAdmins } from "../admin/grants/second-admin.js";
import { PEOPLE_MAX } from "../admin/listed-person.js";
import { noteAction } from "../admin/note-action.js";
import { canonicalUserName } from "../people/canonical-user-name.js";
import { personRegistration, shownName } from "../people/person-registration.js";
import type { Person } from "../people/person-store.js";
import { insertPerson } from "../people/person-store.js";
import { linkProvisioned } from "./link-provisioned.js";
import type { IdentityProvider } from "./provider-store.js";
import { providerOf, settingsChanged } from "./provider-store.js";
import { syncRoles } from "./sync-roles.js";

const SUBJECT_CHARACTERS_MAX = 255;
const GROUPS_MAX = 1_000;
/** Maximum number of users with the same name in a tenant, for example after the issuer changes. */
const NAMESAKES_MAX = 20;

const { user_name: userName } = personRegistration.shape;
const groupsClaim = z.union([z.string().transform((one) => [one]), z.array(z.string())]);

/** A user as the provider describes them. */
export interface ProviderUser {
  readonly subject: string;
  readonly userName: string;
  readonly name: string;
  readonly groups: readonly string[];
}

const providerActor = ({ tenant }: Pick<IdentityProvider, "tenant">): Actor => ({
  tenant,
  subject: "single-sign-on",
  kind: "service",
});

/**
 * @param hasGroups whether the provider sends groups by SCIM, so tokens need not contain them
 * @throws TriplineError `sign-in-failed` for a user whom the tenant does not accept
 */
export function readClaims(
  provider: IdentityProvider,
  claims: Readonly<Record<string, unknown>>,
  hasGroups: boolean,
): ProviderUser {
  const foreign = provider.required_claims.find(({ claim, value }) => !valuesOf(claims[claim]).includes(value));
  if (foreign !== undefined) {
    throw new TriplineError("sign-in-failed", `Your account does not belong to ${provider.tenant}.`);
  }
  const subject = z.string().min(1).max(SUBJECT_CHARACTERS_MAX).safeParse(claims[provider.subject_claim]);
  if (!subject.success) throw lacks(provider.subject_claim);
  const name = userName.safeParse(claims[provider.user_name_claim] ?? claims.email);
  if (!name.success) throw lacks(provider.user_name_claim);
  const groups = groupsClaim.safeParse(claims[provider.roles_claim]);
  // Without the claim, the groups are unknown: Entra ID, for example, omits long lists. Treating them as
  // none would remove roles from users and scopes from their clients.
  if (!groups.success && provider.role_mapping.length > 0 && !hasGroups) throw lacks(provider.roles_claim);
  return {
    subject: subject.data,
    userName: name.data,
    name: shownName(claims.name) ?? name.data,
    groups: groups.success ? groups.data.slice(0, GROUPS_MAX) : [],
  };
}

function valuesOf(claim: unknown): readonly unknown[] {
  if (Array.isArray(claim)) return claim;
  // Some providers send Booleans, for example email_verified.
  return [typeof claim === "boolean" ? String(claim) : claim];
}

function lacks(claim: string): TriplineError {
  const detail = `Your identity provider did not send a valid ${claim} claim. An administrator must check the settings.`;
  return new TriplineError("sign-in-failed", detail);
}

const linkedRow = z.object({ person_id: z.string(), is_disabled: z.boolean() });

/**
 * Finds the provider's user, or adds them at the first sign-in. Users are found by issuer, claim and subject, or among
 * those that the provider sent by SCIM. A name or an e-mail address never links to any other user: whoever controls it
 * at the provider would take over the account.
 *
 * @param provider the settings with which the provider's response was checked
 * @returns the ID of the user
 * @throws TriplineError `sign-in-failed` if the user is disabled, the settings have changed, or the tenant has too many
 *   users
 */
export async function findOrAddUser(
  transaction: Queries,
  provider: IdentityProvider,
  user: ProviderUser,
): Promise<string> {
  await requireUnchanged(transaction, provider);
  const [known] = await transaction.query(
    linkedRow,
    `SELECT person_id, disabled_at IS NOT NULL AS is_disabled FROM auth.people
     WHERE tenant = $1 AND provider_issuer = $2 AND provider_subject_claim = $3 AND provider_subject = $4
     FOR UPDATE`,
    [provider.tenant, provider.issuer, provider.subject_claim, user.subject],
  );
  const linked = known ?? (await linkProvisioned(transaction, provider, user));
  if (linked?.is_disabled === true) {
    throw new TriplineError("sign-in-failed", "Your account is disabled. Ask your administrator.");
  }
  const id = linked?.person_id ?? (await addUser(transaction, provider, user));
  await transaction.execute("UPDATE auth.people SET provider_groups = $2 WHERE person_id = $1", [id, user.groups]);
  await syncRoles(transaction, providerActor(provider), provider, [id]);
  return id;
}

/**
 * Rejects a sign-in if the settings changed while auth waited for the provider. Locks them until the transaction ends.
 *
 * @throws TriplineError `sign-in-failed`
 */
export async function requireUnchanged(transaction: Queries, provider: IdentityProvider): Promise<void> {
  await lockAdmins(transaction, provider.tenant);
  const current = await providerOf(transaction, provider.tenant);
  if (!isDeepStrictEqual(current, provider)) throw settingsChanged();
}

/** Adds a viewer without a password. @throws TriplineError `sign-in-failed` if the tenant has too many users */
async function addUser(transaction: Queries, provider: IdentityProvider, user: ProviderUser): Promise<string> {
  const id = randomUUID();
  const { tenant, issuer, subject_claim: claim } = provider;
  if (!(await hasRoom(transaction, tenant))) {
    throw new TriplineError("sign-in-failed", `Your organisation has ${PEOPLE_MAX} users, the maximum.`);
  }
  if (!(await insertNamesake(transaction, { person_id: id, user_name: user.userName, name: user.name, tenant }))) {
    throw new TriplineError("sign-in-failed", "Too many users have your user name. Ask your administrator.");
  }
  await transaction.execute(
    `UPDATE auth.people SET provider_issuer = $2, provider_subject_claim = $3, provider_subject = $4
     WHERE person_id = $1`,
    [id, issuer, claim, user.subject],
  );
  const details = { roles: ["viewer"], issuer };
  await noteAction(transaction, providerActor(provider), "add", { kind: "person", id, details });
  return id;
}

/**
 * The possible user names of a provider's user: `<tenant>:<name>`, which users with a password cannot have. If
 * users of a tenant have the same name, for example after the issuer changes, a number is appended.
 */
export function namesakes(tenant: string, name: string): readonly string[] {
  const first = canonicalUserName(`${tenant}:${name}`);
  return Array.from({ length: NAMESAKES_MAX }, (_, index) => (index === 0 ? first : `${first}:${index + 1}`));
}

/** Adds a viewer without a password. @returns whether one of the possible user names was free */
export async function insertNamesake(
  transaction: Queries,
  person: Pick<Person, "person_id" | "user_name" | "name" | "tenant">,
): Promise<boolean> {
  for (const user_name of namesakes(person.tenant, person.user_name)) {
    if (await insertPerson(transaction, { ...person, user_name, roles: ["viewer"], password_hash: null })) return true;
  }
  return false;
}

/** Whether the tenant has fewer users than the maximum. */
export async function hasRoom(transaction: Queries, tenant: string): Promise<boolean> {
  const [row] = await transaction.query(
    z.object({ count: z.coerce.number() }),
    "SELECT count(*) FROM auth.people WHERE tenant = $1",
    [tenant],
  );
  return (row?.count ?? 0) < PEOPLE_MAX;
}
