import { noteAudit } from "@tripline/nest-kit/audit/note-audit";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { Actor } from "./admin-action.js";

/** Also the name of the schema. */
export const AUDIT_SOURCE = "auth";

/** Somebody at the command line with the rights of the database. */
export const operatorOf = (tenant: string): Actor => ({ tenant, subject: "tripline auth", kind: "service" });

/** Notes for the audit log what was done to a person, a client, a key or a grant. Names of people stay out of it: their ids stand for them. */
export function noteAction(
  transaction: Queries,
  { tenant, subject, kind }: Actor,
  action: string,
  done: { readonly kind: "person" | "client" | "key" | "grant"; readonly id: string; readonly details?: object },
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
