import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { Account } from "oidc-provider";
import type { Person } from "../people/person-store.js";
import { personWithId } from "../people/person-store.js";

/** A user's claims in tokens. */
export type PersonClaims = Pick<Person, "tenant" | "name" | "roles">;

/** The user as an account for the library, read again for every code, token and refresh. */
export async function personAccount(queries: Queries, id: string): Promise<Account | undefined> {
  const person = await personWithId(queries, id);
  if (person === undefined) return undefined;
  const { tenant, name, roles } = person;
  const claims: PersonClaims = { tenant, name, roles };
  return { accountId: id, person: claims, claims: () => ({ sub: id, ...claims }) };
}

/** The user of an account that `personAccount` created. */
export function personOf(account: Account | undefined): PersonClaims | undefined {
  return account?.person as PersonClaims | undefined;
}
