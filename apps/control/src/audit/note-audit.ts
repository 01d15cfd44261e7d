import { noteAudit as noteEvent } from "@tripline/nest-kit/audit/note-audit";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { Managed } from "../requests/managed-tenant.js";

/** The object of an action, for example `list` and the list's name. */
export interface Subject {
  readonly kind: string;
  readonly id: string;
}

const SOURCE = "control";

/**
 * Records an action in the action's transaction, so that neither is stored without the other. The record reaches the
 * audit log through Kafka. `control.audit` contains control's own actions immediately, and rollouts read their steps
 * from it.
 *
 * @param action such as `policy-activated`
 */
export async function noteAudit(
  transaction: Queries,
  { tenant, actor, actorKind = "client" }: Managed,
  action: string,
  details: Readonly<Record<string, unknown>>,
  subject: Subject = { kind: action.split("-", 1)[0] ?? action, id: "" },
): Promise<void> {
  await transaction.execute(
    "INSERT INTO control.audit (at, tenant, actor, action, details) VALUES (now(), $1, $2, $3, $4)",
    [tenant, actor, action, JSON.stringify(details)],
  );
  const noted = { tenant, actor, actorKind, action, subjectKind: subject.kind, subjectId: subject.id, details };
  await noteEvent(transaction, SOURCE, noted);
}
