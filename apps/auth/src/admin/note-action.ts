import { noteAudit } from "@tripline/nest-kit/audit/note-audit";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { Actor } from "./admin-action.js";

/** Also the name of the schema. */
export const AUDIT_SOURCE = "auth";

/** The operator at the command line, who has access to the database. */
export const operatorOf = (tenant: string): Actor => ({ tenant, subject: "tripline auth", kind: "service" });

/** Records an action on a user, client, key or grant for the audit log, with user IDs instead of names. */
export function noteAction(
  transaction: Queries,
  { tenant, subject, kind }: Actor,
  action: string,
  done: {
    readonly kind: "person" | "client" | "key" | "grant" | "provider" | "scim-token" | "group";
    readonly id: string;
    readonly details?: object;
  },
): Promise<void> {
  return noteAudit(transaction, AUDIT_SOURCE, {
    tenant,
    actor: subject,
    actorKind: kind,
    action: `${done.kind}-${action}`,
    subjectKind: done.kind,
    subjectId: done.id,
    details: { ...done.details },
  });
}
