import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";

/** The id of an active user of the tenant. @param userName in its canonical form */
export async function findOwner(queries: Queries, tenant: string, userName: string): Promise<string | undefined> {
  const [row] = await queries.query(
    z.object({ person_id: z.string() }),
    "SELECT person_id FROM auth.people WHERE tenant = $1 AND user_name = $2 AND disabled_at IS NULL",
    [tenant, userName],
  );
  return row?.person_id;
}

/** Finds the owner that a request names. @throws TriplineError `invalid-field` unless there is such a user */
export async function ownerNamed(queries: Queries, tenant: string, userName: string): Promise<string> {
  const id = await findOwner(queries, tenant, userName);
  if (id !== undefined) return id;
  throw new TriplineError("invalid-field", "This user cannot own the client.", [
    { pointer: "/owner", detail: "must be the user name of an active user of the tenant" },
  ]);
}
