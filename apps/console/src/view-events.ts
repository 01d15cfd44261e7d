import { Inject, Injectable } from "@nestjs/common";
import { noteAudit } from "@tripline/nest-kit/audit/note-audit";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { SearchedKind } from "./entities/searched-kinds.js";
import { may } from "./sessions/session.guard.js";
import type { Session } from "./sessions/session-store.js";

/** The name of this service in the audit log, and of its schema. */
export const AUDIT_SOURCE = "console";

/** The kind of object that a user viewed. */
export type ViewEventKind = "queue" | "case" | "attachment" | "decision" | SearchedKind;

/** Records who saw unmasked personal data. A response is sent only after the record is stored. */
@Injectable()
export class ViewEvents {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /**
   * Records a view. Views of masked tokens are not recorded.
   *
   * @param details for example the name of the downloaded file
   */
  async record(
    session: Session,
    kind: ViewEventKind,
    subjectId: string,
    details: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    if (!may(session, "personal:read")) return;
    await noteAudit(this.database, AUDIT_SOURCE, {
      tenant: session.tenant,
      actor: session.personId,
      actorKind: "person",
      action: `${kind}-viewed`,
      subjectKind: kind,
      subjectId,
      details,
    });
  }
}
