import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { z } from "zod";
import { noteAudit } from "../audit/note-audit.js";
import type { Managed } from "../requests/managed-tenant.js";
import { DRAFT_COLUMNS, draftRow, draftText } from "./policy-rows.js";

/** Maximum number of drafts shown per tenant. */
const DRAFTS_SHOWN_MAX = 200;

/** Stores drafts, which may be invalid. */
@Injectable()
export class DraftStore {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  list(tenant: string): Promise<z.infer<typeof draftRow>[]> {
    return this.database.query(
      draftRow,
      `SELECT ${DRAFT_COLUMNS} FROM control.policy_drafts WHERE tenant = $1 ORDER BY updated_at DESC LIMIT $2`,
      [tenant, DRAFTS_SHOWN_MAX],
    );
  }

  /** @throws TriplineError `not-found` */
  async read(tenant: string, name: string): Promise<z.infer<typeof draftText>> {
    const [found] = await this.database.query(
      draftText,
      `SELECT ${DRAFT_COLUMNS}, text FROM control.policy_drafts WHERE tenant = $1 AND name = $2`,
      [tenant, name],
    );
    if (found === undefined) throw new TriplineError("not-found", `The draft ${name} does not exist.`);
    return found;
  }

  /**
   * @param version version of the draft that was edited; 0 for a new one
   * @throws TriplineError `changed-meanwhile` if its version has changed
   */
  async save(by: Managed, name: string, text: string, version: number): Promise<z.infer<typeof draftRow>> {
    const saved = await this.database.transaction(async (transaction) => {
      const statement =
        version === 0
          ? `INSERT INTO control.policy_drafts (tenant, name, version, text, author, updated_at)
             VALUES ($1, $2, $5 + 1, $3, $4, now()) ON CONFLICT DO NOTHING RETURNING ${DRAFT_COLUMNS}`
          : `UPDATE control.policy_drafts SET version = version + 1, text = $3, author = $4, updated_at = now()
             WHERE tenant = $1 AND name = $2 AND version = $5 RETURNING ${DRAFT_COLUMNS}`;
      const [row] = await transaction.query(draftRow, statement, [by.tenant, name, text, by.actor, version]);
      if (row !== undefined)
        await noteAudit(
          transaction,
          by,
          "policy-draft-saved",
          { name, version: row.version },
          { kind: "policy-draft", id: name },
        );
      return row;
    });
    if (saved !== undefined) return saved;
    const { author, updated_at, version: current } = await this.read(by.tenant, name);
    const detail = `${author} saved version ${current} of the draft ${name} at ${updated_at.toISOString()}.`;
    throw new TriplineError("changed-meanwhile", detail);
  }

  async remove(by: Managed, name: string): Promise<void> {
    await this.database.transaction(async (transaction) => {
      const count = await transaction.execute("DELETE FROM control.policy_drafts WHERE tenant = $1 AND name = $2", [
        by.tenant,
        name,
      ]);
      if (count > 0)
        await noteAudit(transaction, by, "policy-draft-removed", { name }, { kind: "policy-draft", id: name });
    });
  }
}
