import type { Queries } from "@tripline/stores/postgres/connect-database";
import { noteAudit } from "../audit/note-audit.js";
import type { Managed } from "../requests/managed-tenant.js";

/** Models score the payments of all tenants. */
const ALL_TENANTS = "";

/** Records an action on a model in the audit log for all tenants. */
export function noteModel(
  transaction: Queries,
  by: Managed,
  action: string,
  details: Readonly<Record<string, unknown>> & { readonly model: string },
): Promise<void> {
  return noteAudit(transaction, { ...by, tenant: ALL_TENANTS }, action, details, { kind: "model", id: details.model });
}
