import type { Role } from "@tripline/contracts/roles";
import { scopesOf } from "@tripline/contracts/roles";
import type { Queries } from "@tripline/service-kit/postgres/connect-database";
import { z } from "zod";
import type { Actor } from "../admin-action.js";
import type { GrantChange } from "./grant-change.js";

/** Scopes that decide what others may do, how payments are decided, or whose a payment is. */
const SENSITIVE_SCOPE = /^(policy|personal|people):/;
const SENSITIVE_ROLES: readonly string[] = ["admin", "lead"];

export const isSensitiveScope = (scope: string): boolean => SENSITIVE_SCOPE.test(scope);
const hasSensitiveRole = (roles: readonly string[]): boolean => roles.some((role) => SENSITIVE_ROLES.includes(role));

/**
 * Whether a change is more than one administrator may do where there is another one:
 *
 * - it gives the role admin or lead, or a role to whoever asks for it;
 * - it gives a client a sensitive scope, or one that the roles of its owner do not hold;
 * - it lets people sign in by way of a new client;
 * - it shows a password or secret, or takes back a lock, of somebody or something with such rights: whoever asks would have them.
 *
 * @param before whom or what it changes, as it is now; its roles or scopes
 */
export async function needsSecondAdmin(
  queries: Queries,
  { principal }: Actor,
  change: GrantChange,
  before: { readonly id?: string; readonly roles?: readonly string[]; readonly scopes?: readonly string[] },
): Promise<boolean> {
  const { id, roles = [], scopes = [] } = before;
  switch (change.action) {
    case "person-add":
      return hasSensitiveRole(change.roles);
    case "person-roles": {
      const added = change.roles.filter((role) => !roles.includes(role));
      // The user of a client without an owner may be any administrator, the changed one as well.
      const isOwn = id === principal || (principal === undefined && roles.includes("admin"));
      return hasSensitiveRole(added) || (added.length > 0 && isOwn);
    }
    case "person-enable":
      return hasSensitiveRole(roles);
    case "person-reset":
      return hasSensitiveRole(roles) && id !== principal;
    case "client-add": {
      if (change.redirect_uris.length > 0) return true;
      const held = await scopesHeldBy(queries, change.owner);
      return change.scopes.some((scope) => isSensitiveScope(scope) || !held.includes(scope));
    }
    case "client-enable":
    case "client-owner":
    case "client-rotate-secret":
      return scopes.some(isSensitiveScope);
  }
}

async function scopesHeldBy(queries: Queries, owner: string | null): Promise<readonly string[]> {
  if (owner === null) return [];
  const [row] = await queries.query(
    z.object({ roles: z.array(z.string()) }),
    "SELECT roles FROM auth.people WHERE person_id = $1",
    [owner],
  );
  return scopesOf((row?.roles ?? []) as Role[]);
}
