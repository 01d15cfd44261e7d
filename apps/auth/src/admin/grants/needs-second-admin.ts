import type { Role } from "@tripline/contracts/roles";
import { ROLES, scopesOf } from "@tripline/contracts/roles";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { Actor } from "../admin-action.js";
import type { GrantChange } from "./grant-change.js";

/** Scopes that affect other users' rights, how payments are decided, or personal data. */
const SENSITIVE_SCOPE = /^(policy|personal|people):/;
/** Scopes that users can have through roles. A client that has only other scopes cannot be mistaken for a user. */
const OF_PEOPLE: readonly string[] = scopesOf(ROLES);
const SENSITIVE_ROLES: readonly string[] = ["admin", "lead"];

export const isSensitiveScope = (scope: string): boolean => SENSITIVE_SCOPE.test(scope);
export const isSensitiveRole = (role: string): boolean => SENSITIVE_ROLES.includes(role);
const hasSensitiveRole = (roles: readonly string[]): boolean => roles.some(isSensitiveRole);

/** The subject before the change; empty if the change adds it. */
export interface Before {
  readonly id?: string;
  readonly roles?: readonly string[];
  readonly scopes?: readonly string[];
  /** The id of the user who owns the client. */
  readonly owner?: string | undefined;
}

/**
 * Whether a change needs two administrators, if the tenant has two:
 *
 * - it grants the role admin or lead, or any role to the requester;
 * - it grants a client a sensitive scope, or one that its owner's or the requester's roles do not include;
 * - it adds a client that signs in users;
 * - it reveals the password or secret of a user or client with such rights, or unlocks that user or client;
 * - it gives a user of the identity provider a password, so that the provider can no longer remove the user's roles;
 * - it concerns the identity provider, which can sign in as any of its users, or its SCIM token;
 * - it changes the owner of a client with rights that the requester lacks, because the requester may know its secret.
 */
export async function needsSecondAdmin(
  queries: Queries,
  { principal }: Actor,
  change: GrantChange,
  before: Before,
): Promise<boolean> {
  const { id, roles = [], scopes = [], owner } = before;
  switch (change.action) {
    case "person-add":
      return hasSensitiveRole(change.roles);
    case "person-roles": {
      const added = change.roles.filter((role) => !roles.includes(role));
      // A client without an owner may be controlled by any administrator, including the one whose roles change.
      const isOwn = id === principal || (principal === undefined && roles.includes("admin"));
      return hasSensitiveRole(added) || (added.length > 0 && isOwn);
    }
    case "person-enable":
      return hasSensitiveRole(roles);
    case "person-reset":
      return hasSensitiveRole(roles) && (id !== principal || (await isOfProvider(queries, id)));
    case "client-add": {
      if (change.redirect_uris.length > 0) return true;
      const [held, own] = [await scopesHeldBy(queries, change.owner), await scopesHeldBy(queries, principal)];
      return change.scopes.some((scope) => isSensitiveScope(scope) || !held.includes(scope) || !own.includes(scope));
    }
    case "client-enable":
      return scopes.some(isSensitiveScope);
    case "client-rotate-secret":
      if (owner === undefined || owner === principal) return scopes.some(isSensitiveScope);
      return isBeyond(scopes, await scopesHeldBy(queries, principal));
    case "provider-set":
    case "provider-remove":
    case "scim-token-set":
    case "scim-token-remove":
      return true;
    case "client-owner":
      return isBeyond(scopes, await scopesHeldBy(queries, principal));
  }
}

/** Whether a client's secret gives a user rights beyond the user's own roles. */
function isBeyond(scopes: readonly string[], own: readonly string[]): boolean {
  return scopes.some((scope) => isSensitiveScope(scope) || (OF_PEOPLE.includes(scope) && !own.includes(scope)));
}

async function isOfProvider(queries: Queries, personId: string | undefined): Promise<boolean> {
  const found = await queries.query(
    z.unknown(),
    "SELECT 1 FROM auth.people WHERE person_id = $1 AND provider_issuer IS NOT NULL",
    [personId ?? ""],
  );
  return found.length > 0;
}

async function scopesHeldBy(queries: Queries, owner: string | null | undefined): Promise<readonly string[]> {
  if (owner === null || owner === undefined) return [];
  const [row] = await queries.query(
    z.object({ roles: z.array(z.string()) }),
    "SELECT roles FROM auth.people WHERE person_id = $1",
    [owner],
  );
  return scopesOf((row?.roles ?? []) as Role[]);
}
