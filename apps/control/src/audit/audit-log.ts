import type { Queries } from "@tripline/service-kit/postgres/connect-database";
import { z } from "zod";
import type { Managed } from "../requests/managed-tenant.js";
import type { Page } from "../requests/parse-request.js";

const entry = z.object({
  id: z.coerce.number(),
  at: z.date(),
  tenant: z.string(),
  actor: z.string(),
  action: z.string(),
  details: z.record(z.string(), z.unknown()),
});

export type AuditEntry = z.infer<typeof entry>;

/**
 * Notes who did what, in the transaction that does it: neither is there without the other.
 *
 * @param action what was done, as `policy-activated`
 */
export async function noteAudit(
  transaction: Queries,
  { tenant, actor }: Managed,
  action: string,
  details: Readonly<Record<string, unknown>>,
): Promise<void> {
  await transaction.execute(
    "INSERT INTO control.audit (at, tenant, actor, action, details) VALUES (now(), $1, $2, $3, $4)",
    [tenant, actor, action, JSON.stringify(details)],
  );
}

/** Newest first. */
export function readAudit(queries: Queries, tenant: string, { before, limit }: Page): Promise<AuditEntry[]> {
  return queries.query(
    entry,
    `SELECT id, at, tenant, actor, action, details FROM control.audit
     WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3`,
    [tenant, before, limit],
  );
}
