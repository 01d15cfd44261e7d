import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";

const listedRow = z.object({
  person_id: z.string(),
  user_name: z.string(),
  name: z.string(),
  tenant: z.string(),
  roles: z.array(z.string()),
  has_second_factor: z.boolean(),
  created_at: z.date(),
  disabled_at: z.date().nullable(),
});

/** A user as administrators see them. */
export type ListedPerson = z.infer<typeof listedRow>;

const SELECT = `SELECT person_id, user_name, name, tenant, roles, created_at, disabled_at, totp_secret IS NOT NULL
  OR EXISTS (SELECT 1 FROM auth.passkeys WHERE passkeys.person_id = people.person_id) AS has_second_factor FROM auth.people`;
export const PEOPLE_MAX = 10_000;

export function listPeople(queries: Queries, tenant: string): Promise<ListedPerson[]> {
  return queries.query(listedRow, `${SELECT} WHERE tenant = $1 ORDER BY user_name LIMIT ${PEOPLE_MAX}`, [tenant]);
}

/** @param lock `FOR UPDATE` locks the user until the transaction ends */
export async function findListedPerson(
  queries: Queries,
  tenant: string,
  userName: string,
  lock: "FOR UPDATE" | "" = "",
): Promise<ListedPerson | undefined> {
  const [row] = await queries.query(listedRow, `${SELECT} WHERE tenant = $1 AND user_name = $2 ${lock}`, [
    tenant,
    userName,
  ]);
  return row;
}
