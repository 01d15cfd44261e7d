import { noteAudit as noteEvent } from "@tripline/nest-kit/audit/note-audit";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import type { Managed } from "../requests/managed-tenant.js";

/** What an action was done to: `list` and the name of the list, for instance. */
export interface Subject {
  readonly kind: string;
  readonly id: string;
}

const SOURCE = "control";

/**
 * Notes who did what, in the transaction that does it: neither is there without the other. It comes into the audit log by
 * way of Kafka; `control.audit` shows at once what control itself did, of which a rollout's steps are read.
 *
 * @param action what was done, as `policy-activated`
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
