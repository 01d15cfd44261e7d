import type { Database } from "@tripline/service-kit/postgres/connect-database";
import { may } from "./sessions/session.guard.js";
import type { Session } from "./sessions/session-store.js";

/** What somebody looked at. */
export type LookKind = "queue" | "case" | "decision" | "card" | "terminal" | "device" | "ip";

/** The record of who saw in clear what belongs to a person. An answer goes out only after it is kept. */
export class Looks {
  constructor(private readonly database: Database) {}

  /** Nothing is noted for somebody who sees tokens masked. */
  async note(session: Session, kind: LookKind, subject: string): Promise<void> {
    if (!may(session, "personal:read")) return;
    await this.database.execute(
      "INSERT INTO console.looks (at_ms, tenant, person_id, person_name, kind, subject) VALUES ($1, $2, $3, $4, $5, $6)",
      [Date.now(), session.tenant, session.personId, session.personName, kind, subject],
    );
  }
}
