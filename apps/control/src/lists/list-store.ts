import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { writeListKey } from "@tripline/contracts/lists/list-key";
import type { ListEffect } from "@tripline/contracts/lists/list-kinds";
import { isBroad, isListEffect } from "@tripline/contracts/lists/list-kinds";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { ChangeRequest } from "../approvals/change-requests.js";
import { requestChange } from "../approvals/change-requests.js";
import { noteAudit } from "../audit/note-audit.js";
import type { Managed } from "../requests/managed-tenant.js";
import type { NewEntry, Search } from "./list-requests.js";
import { confirmedEntries, FRAUD_LIST } from "./list-requests.js";
import { mustWait, watchEntries } from "./list-watches.js";

export const entryRow = z.object({
  list: z.string(),
  kind: z.string(),
  value: z.string(),
  effect: z.string(),
  reason: z.string(),
  author: z.string(),
  created_at: z.date(),
  /** Null if the entry does not expire. */
  expires_at: z.date().nullable(),
});
export type EntryRow = z.infer<typeof entryRow>;

/**
 * Maximum per tenant. This limits the matches of a payment, which has a dozen values that can each be on every list.
 */
const LISTS_MAX = 100;

const listRow = z.object({ list: z.string(), effect: z.string(), entries: z.coerce.number() });
const effectRow = z.object({ effect: z.string() });

const COLUMNS = "e.list, e.kind, e.value, l.effect, e.reason, e.author, e.created_at, e.expires_at";
const ENTRIES = "control.list_entries e JOIN control.lists l USING (tenant, list)";

/** Stores lists and their entries, with authors and reasons. */
@Injectable()
export class ListStore {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /**
   * Adds entries, or replaces those with the same kind and value. Entries that affect many payments wait for another
   * user if the tenant requires it or if the guard withdrew one of them; all entries of the request wait together.
   *
   * @param effect required for the first entries of a custom list
   * @returns the pending request; undefined if the entries were added
   * @throws TriplineError `invalid-field` for a missing or conflicting effect, and `approval-missing` for a client
   * without an owner whose entries need approval
   */
  put(
    by: Managed,
    list: string,
    effect: ListEffect | undefined,
    entries: readonly NewEntry[],
  ): Promise<ChangeRequest | undefined> {
    return this.database.transaction(async (transaction) => {
      const settled = await settleEffect(transaction, by.tenant, list, effect);
      const broad = entries.filter(isBroad);
      if (broad.length > 0 && (await mustWait(transaction, by.tenant, broad))) {
        const details = { list, effect: settled, entries };
        const note = broad[0]?.reason ?? "";
        return requestChange(transaction, by, { kind: "list-entries", details, note, isBreakGlass: false });
      }
      await putEntries(transaction, by, list, entries);
      return undefined;
    });
  }

  /** @throws TriplineError `not-found` */
  async remove(by: Managed, list: string, { kind, value }: Pick<EntryRow, "kind" | "value">): Promise<void> {
    await this.database.transaction(async (transaction) => {
      const count = await transaction.execute(
        `UPDATE control.list_entries SET is_removed = true, is_published = false
         WHERE tenant = $1 AND list = $2 AND kind = $3 AND value = $4 AND NOT is_removed`,
        [by.tenant, list, kind, value],
      );
      if (count === 0) throw new TriplineError("not-found", `The list ${list} does not contain this entry.`);
      await noteAudit(transaction, by, "list-entry-removed", { list, kind, value }, { kind: "list", id: list });
    });
  }

  lists(tenant: string): Promise<z.infer<typeof listRow>[]> {
    return this.database.query(
      listRow,
      `SELECT l.list, l.effect, count(e.value) FILTER (WHERE NOT e.is_removed) AS entries
       FROM control.lists l LEFT JOIN control.list_entries e USING (tenant, list)
       WHERE l.tenant = $1 GROUP BY l.list, l.effect ORDER BY l.list`,
      [tenant],
    );
  }

  /** @returns entries ordered by list, kind and value, and the cursor of the next page, if any */
  async search(tenant: string, wanted: Search): Promise<{ entries: EntryRow[]; next: string | null }> {
    const { list, kind, value, author, after, limit } = wanted;
    const from = after ?? { list: "", kind: "", value: "" };
    const found = await this.database.query(
      entryRow,
      `SELECT ${COLUMNS} FROM ${ENTRIES}
       WHERE tenant = $1 AND NOT e.is_removed AND (list, kind, value) > ($2, $3, $4)
         AND ($5::text IS NULL OR list = $5) AND ($6::text IS NULL OR kind = $6)
         AND ($7::text IS NULL OR value = $7) AND ($8::text IS NULL OR author = $8)
       ORDER BY list, kind, value LIMIT $9`,
      [tenant, from.list, from.kind, from.value, list, kind, value, author, limit + 1],
    );
    const entries = found.slice(0, limit);
    const last = found.length > limit ? entries.at(-1) : undefined;
    return { entries, next: last === undefined ? null : writeListKey({ tenant, ...last }).slice(tenant.length + 1) };
  }
}

async function settleEffect(
  transaction: Queries,
  tenant: string,
  list: string,
  wanted: ListEffect | undefined,
): Promise<string> {
  const builtIn = isListEffect(list) ? list : list === FRAUD_LIST ? "deny" : undefined;
  const effect = builtIn ?? wanted;
  if (effect !== undefined) {
    await transaction.execute(
      `INSERT INTO control.lists (tenant, list, effect)
       SELECT $1, $2, $3 WHERE $4 OR (SELECT count(*) FROM control.lists WHERE tenant = $1) < ${LISTS_MAX}
       ON CONFLICT DO NOTHING`,
      [tenant, list, effect, builtIn !== undefined],
    );
  }
  const [found] = await transaction.query(
    effectRow,
    "SELECT effect FROM control.lists WHERE tenant = $1 AND list = $2",
    [tenant, list],
  );
  if (found === undefined && effect !== undefined) {
    const detail = `The tenant already has ${LISTS_MAX} lists, the maximum. Add the entries to one of them.`;
    throw new TriplineError("invalid-field", detail, [{ pointer: "/list", detail }]);
  }
  if (found === undefined) throw wrongEffect(`is required for the first entry of ${list}: deny, watch or allow`);
  if (wanted !== undefined && wanted !== found.effect)
    throw wrongEffect(`must be ${found.effect}, because the list ${list} has this effect`);
  return found.effect;
}

async function putEntries(
  transaction: Queries,
  by: Managed,
  list: string,
  entries: readonly NewEntry[],
): Promise<void> {
  await watchEntries(transaction, by, list, entries);
  // Rows are written in the order in which the publisher locks them, to avoid deadlocks.
  await transaction.execute(
    `INSERT INTO control.list_entries AS e (tenant, list, kind, value, reason, author, created_at, expires_at)
     SELECT $1, $2, kind, value, reason, $3, date_trunc('milliseconds', now()), expires_at
     FROM unnest($4::text[], $5::text[], $6::text[], $7::timestamptz[]) AS new (kind, value, reason, expires_at)
     ORDER BY kind, value
     ON CONFLICT (tenant, list, kind, value) DO UPDATE SET reason = excluded.reason, author = excluded.author,
       created_at = excluded.created_at, expires_at = excluded.expires_at, is_removed = false, is_published = false`,
    [
      ...[by.tenant, list, by.actor, entries.map(({ kind }) => kind), entries.map(({ value }) => value)],
      ...[entries.map(({ reason }) => reason), entries.map(({ expires_at }) => expires_at)],
    ],
  );
  const [only] = entries.length === 1 ? entries : [];
  const what = only === undefined ? {} : { kind: only.kind, value: only.value, reason: only.reason };
  const details = { list, entries: entries.length, ...what };
  await noteAudit(transaction, by, "list-entries-put", details, { kind: "list", id: list });
}

/** Adds entries to a list after another user has confirmed them. */
export async function putConfirmed(transaction: Queries, author: Managed, details: unknown): Promise<void> {
  const { list, entries } = confirmedEntries.parse(details);
  await putEntries(transaction, author, list, entries);
}

function wrongEffect(detail: string): TriplineError {
  return new TriplineError("invalid-field", `/effect ${detail}.`, [{ pointer: "/effect", detail }]);
}
