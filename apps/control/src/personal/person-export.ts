import { Inject, Injectable } from "@nestjs/common";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { noteAudit } from "../audit/note-audit.js";
import type { Managed } from "../requests/managed-tenant.js";
import { keysOf, TOKEN_COLUMNS, tokens } from "./subject-keys.js";

/** A person gets one key per ingestion instance and day, so this limit covers several years. */
export const KEYS_SHOWN_MAX = 5_000;
const ENTRIES_SHOWN_MAX = 100;

const keyRow = z.object({ key_id: z.string(), ...tokens, created_at: z.date() });
const entryRow = z.object({ list: z.string(), kind: z.string(), reason: z.string(), created_at: z.date() });
const erasedRow = z.object({ erased_at: z.date() });

/** The data that control stores about a person. */
export interface ShownPerson {
  readonly keys: readonly z.infer<typeof keyRow>[];
  readonly listEntries: readonly z.infer<typeof entryRow>[];
  /** Absent unless the person was erased. */
  readonly erasedAt: Date | undefined;
}

/** Shows the data in control's database that an erasure would delete, for the right of access (GDPR 15). */
@Injectable()
export class PersonExport {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Records the request for the audit log before it returns the data. */
  show(by: Managed, subject: string): Promise<ShownPerson> {
    return this.database.transaction(async (transaction) => {
      const keys = await transaction.query(
        keyRow,
        `SELECT encode(key_id, 'hex') AS key_id, ${TOKEN_COLUMNS}, created_at
         FROM control.subject_keys WHERE ${keysOf("$1", "$2")} ORDER BY created_at DESC LIMIT ${KEYS_SHOWN_MAX}`,
        [by.tenant, subject],
      );
      const listEntries = await transaction.query(
        entryRow,
        `SELECT list, kind, reason, created_at FROM control.list_entries
         WHERE tenant = $1 AND kind IN ('card', 'email') AND value = $2 AND NOT is_removed
         ORDER BY list LIMIT ${ENTRIES_SHOWN_MAX}`,
        [by.tenant, subject],
      );
      const [erased] = await transaction.query(
        erasedRow,
        "SELECT erased_at FROM control.erasures WHERE tenant = $1 AND subject = $2",
        [by.tenant, subject],
      );
      await noteAudit(
        transaction,
        by,
        "personal-data-exported",
        { keys: keys.length },
        { kind: "person", id: subject },
      );
      return { keys, listEntries, erasedAt: erased?.erased_at };
    });
  }
}
