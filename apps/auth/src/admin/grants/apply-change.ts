import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { ListedScimToken } from "../../scim/token/scim-token-store.js";
import { applyScimTokenChange } from "../../scim/token/scim-token-store.js";
import { applyProviderChange } from "../../single-sign-on/apply-provider-change.js";
import type { ListedProvider } from "../../single-sign-on/provider-store.js";
import type { Actor } from "../admin-action.js";
import { notFound } from "../admin-action.js";
import { applyClientChange } from "../apply-client-change.js";
import { applyPersonChange } from "../apply-person-change.js";
import type { ListedClient } from "../listed-client.js";
import { findListedClient } from "../listed-client.js";
import type { ListedPerson } from "../listed-person.js";
import { findListedPerson } from "../listed-person.js";
import { noteAction } from "../note-action.js";
import type { GrantChange } from "./grant-change.js";
import { isPersonChange, isProviderChange, isScimTokenChange } from "./grant-change.js";

export type Listed = ListedPerson | ListedClient | ListedProvider | ListedScimToken;

/**
 * The subject of a change, locked until the transaction ends; undefined if the change adds it.
 *
 * @throws TriplineError `not-found`, also for a subject of another tenant
 */
export async function findChanged(
  transaction: Queries,
  tenant: string,
  change: GrantChange,
): Promise<ListedPerson | ListedClient | undefined> {
  if (isProviderChange(change) || isScimTokenChange(change)) return undefined;
  if (change.action === "person-add" || change.action === "client-add") return undefined;
  const found = isPersonChange(change)
    ? await findListedPerson(transaction, tenant, change.user_name, "FOR UPDATE")
    : await findListedClient(transaction, tenant, change.client_id, "FOR UPDATE OF clients");
  if (found === undefined) throw notFound(isPersonChange(change) ? "person" : "client");
  return found;
}

/**
 * Applies a change and records it for the audit log.
 *
 * @param details additional details for the log, such as who approved the change
 * @returns the changed subject
 */
export async function applyChange(
  transaction: Queries,
  by: Actor,
  change: GrantChange,
  details: object,
): Promise<Listed> {
  const { tenant } = by;
  if (isProviderChange(change)) return applyProviderChange(transaction, by, change, details);
  if (isScimTokenChange(change)) return applyScimTokenChange(transaction, by, change, details);
  const before = await findChanged(transaction, tenant, change);
  if (isPersonChange(change)) {
    await applyPersonChange(transaction, by, change, before as ListedPerson | undefined);
    const person = await findListedPerson(transaction, tenant, change.user_name);
    if (person === undefined) throw notFound("person");
    const { person_id: id, roles } = person;
    await noteAction(transaction, by, actionOf(change), { kind: "person", id, details: { roles, ...details } });
    return person;
  }
  await applyClientChange(transaction, by, change, before as ListedClient | undefined);
  const client = await findListedClient(transaction, tenant, change.client_id);
  if (client === undefined) throw notFound("client");
  const { client_id: id, scopes, owner } = client;
  const noted = { scopes, owner: owner?.person_id ?? null, ...details };
  await noteAction(transaction, by, actionOf(change), { kind: "client", id, details: noted });
  return client;
}

const actionOf = ({ action }: GrantChange): string => action.replace(/^(person|client)-/, "");
