import { randomUUID } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { GrantChange } from "./grant-change.js";
import { grantChange } from "./grant-change.js";

/** A request expires after this time. */
const PENDING_FOR = "7 days";
/** Maximum number of pending requests per tenant. */
const PENDING_MAX = 100;

const grantRow = z.object({
  grant_id: z.string(),
  tenant: z.string(),
  change: grantChange,
  requested_by: z.string(),
  actor_kind: z.enum(["client", "person"]),
  principal: z.string(),
  requested_at: z.date(),
  expires_at: z.date(),
});

/** A change that waits for a second administrator. */
export type PendingGrant = z.infer<typeof grantRow>;

const SELECT = `SELECT grant_id, tenant, change, requested_by, actor_kind, principal, requested_at, expires_at
  FROM auth.grants WHERE expires_at > now()`;

/** A tenant's pending grants, oldest first. */
export function listGrants(queries: Queries, tenant: string): Promise<PendingGrant[]> {
  return queries.query(grantRow, `${SELECT} AND tenant = $1 ORDER BY requested_at LIMIT ${PENDING_MAX}`, [tenant]);
}

/** Removes a grant when it is approved or rejected. The second of two concurrent calls finds nothing. */
export async function takeGrant(transaction: Queries, tenant: string, id: string): Promise<PendingGrant | undefined> {
  const [grant] = await transaction.query(grantRow, `${SELECT} AND tenant = $1 AND grant_id = $2 FOR UPDATE`, [
    tenant,
    id,
  ]);
  if (grant !== undefined) await transaction.execute("DELETE FROM auth.grants WHERE grant_id = $1", [id]);
  return grant;
}

/** @throws TriplineError `too-many-requests` if the tenant has the maximum number of pending requests */
export async function storeGrant(
  transaction: Queries,
  grant: Pick<PendingGrant, "tenant" | "requested_by" | "actor_kind" | "principal"> & { readonly change: GrantChange },
): Promise<PendingGrant> {
  const { tenant, change, requested_by, actor_kind, principal } = grant;
  await transaction.execute("DELETE FROM auth.grants WHERE expires_at <= now()", []);
  const pending = await listGrants(transaction, tenant);
  if (pending.length >= PENDING_MAX) {
    throw new TriplineError(
      "too-many-requests",
      `${PENDING_MAX} changes are waiting for approval. Approve or reject some of them first.`,
    );
  }
  const id = randomUUID();
  await transaction.execute(
    `INSERT INTO auth.grants (grant_id, tenant, change, requested_by, actor_kind, principal, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, now() + interval '${PENDING_FOR}')`,
    [id, tenant, JSON.stringify(change), requested_by, actor_kind, principal],
  );
  const [stored] = await transaction.query(grantRow, `${SELECT} AND grant_id = $1`, [id]);
  if (stored === undefined) throw new TriplineError("internal", "A stored grant was not found.");
  return stored;
}

/** Deletes the requests of a user who has lost the admin role. */
export async function withdrawGrants(transaction: Queries, personId: string): Promise<void> {
  await transaction.execute("DELETE FROM auth.grants WHERE principal = $1", [personId]);
}
