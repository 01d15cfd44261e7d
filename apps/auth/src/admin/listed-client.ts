import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";

const listedRow = z.object({
  client_id: z.string(),
  tenant: z.string(),
  auth_method: z.string(),
  scopes: z.array(z.string()),
  /** The client's owner: where two users are required, the owner and the client count as one user. */
  owner: z.object({ person_id: z.string(), user_name: z.string(), is_disabled: z.boolean() }).nullable(),
  redirect_uris: z.array(z.string()),
  created_at: z.date(),
  disabled_at: z.date().nullable(),
});

/** A client as administrators see it. */
export type ListedClient = z.infer<typeof listedRow>;

const SELECT = `SELECT client_id, clients.tenant, auth_method, scopes, redirect_uris, clients.created_at, clients.disabled_at,
  CASE WHEN owner IS NULL THEN NULL ELSE json_build_object('person_id', person_id, 'user_name', user_name,
    'is_disabled', people.disabled_at IS NOT NULL) END AS owner
  FROM auth.clients LEFT JOIN auth.people ON person_id = owner`;
const CLIENTS_MAX = 10_000;

export function listClients(queries: Queries, tenant: string): Promise<ListedClient[]> {
  return queries.query(listedRow, `${SELECT} WHERE clients.tenant = $1 ORDER BY client_id LIMIT ${CLIENTS_MAX}`, [
    tenant,
  ]);
}

/** @param lock `FOR UPDATE OF clients` locks the client until the transaction ends */
export async function findListedClient(
  queries: Queries,
  tenant: string,
  id: string,
  lock: "FOR UPDATE OF clients" | "" = "",
): Promise<ListedClient | undefined> {
  const [row] = await queries.query(listedRow, `${SELECT} WHERE clients.tenant = $1 AND client_id = $2 ${lock}`, [
    tenant,
    id,
  ]);
  return row;
}
