import { z } from "zod";
import type { Database, Queries } from "./connect-database.js";

const lockRow = z.object({ is_free: z.boolean() });

/**
 * Runs work in a transaction, unless another instance is running it.
 *
 * @param name unique in the database
 * @param otherwise the result if another instance is running it
 * @throws TriplineError `database-unavailable`, or what the work throws
 */
export function runAlone<T>(
  database: Pick<Database, "transaction">,
  name: string,
  otherwise: T,
  work: (transaction: Queries) => Promise<T>,
): Promise<T> {
  return database.transaction(async (transaction) => {
    const lock = "SELECT pg_try_advisory_xact_lock(hashtext($1)) AS is_free";
    const [found] = await transaction.query(lockRow, lock, [name]);
    return found?.is_free === true ? work(transaction) : otherwise;
  });
}
