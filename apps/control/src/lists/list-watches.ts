import { randomUUID } from "node:crypto";
import { Inject, Injectable } from "@nestjs/common";
import { isBroad } from "@tripline/contracts/lists/list-kinds";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { readSettings } from "../approvals/approval-settings.js";
import { noteAudit } from "../audit/note-audit.js";
import type { Managed } from "../requests/managed-tenant.js";
import type { NewEntry } from "./list-requests.js";
import type { ListWatch } from "./list-watch.js";
import { readListWatch } from "./list-watch.js";

/** How long a withdrawn entry needs another user's approval. */
const WITHDRAWN_WITHIN = "30 days";
/** Maximum number of open watches, for all tenants. */
const OPEN_MAX = 1_000;
/** Longer than the duration of any watch. */
const WATCHED_WITHIN = "2 days";

type Entry = Pick<NewEntry, "kind" | "value">;

/** Whether entries that affect many payments must wait for another user. */
export async function mustWait(queries: Queries, tenant: string, broad: readonly Entry[]): Promise<boolean> {
  if ((await readSettings(queries, tenant)).lists_need_approval) return true;
  const withdrawn = await queries.query(
    z.object({ id: z.string() }),
    `SELECT id FROM control.list_watches
     WHERE tenant = $1 AND breach IS NOT NULL AND ended_at > now() - $4::interval AND EXISTS (
       SELECT FROM unnest(entry_kinds, entry_values) AS old (kind, value)
       WHERE (kind, value) IN (SELECT * FROM unnest($2::text[], $3::text[]))) LIMIT 1`,
    [tenant, ...columnsOf(broad), WITHDRAWN_WITHIN],
  );
  return withdrawn.length > 0;
}

/** Starts watching the new entries that affect many payments. */
export async function watchEntries(
  transaction: Queries,
  { tenant, actor }: Managed,
  list: string,
  entries: readonly Entry[],
): Promise<void> {
  const broad = entries.filter(isBroad);
  if (broad.length === 0) return;
  await transaction.execute(
    `INSERT INTO control.list_watches (id, tenant, list, entry_kinds, entry_values, author, began_at)
     SELECT $1, $2, $3, array_agg(kind), array_agg(value), $4, now()
     FROM unnest($5::text[], $6::text[]) AS new (kind, value)
     WHERE NOT EXISTS (SELECT FROM control.list_entries e
       WHERE e.tenant = $2 AND e.list = $3 AND e.kind = new.kind AND e.value = new.value AND NOT e.is_removed
         AND (e.expires_at IS NULL OR e.expires_at > now()))
     HAVING count(*) > 0`,
    [randomUUID(), tenant, list, actor, ...columnsOf(broad)],
  );
}

const columnsOf = (entries: readonly Entry[]) => [entries.map(({ kind }) => kind), entries.map(({ value }) => value)];

const watchRow = z
  .object({
    id: z.string(),
    tenant: z.string(),
    began_at: z.date().transform((date) => date.getTime()),
    watch: z.unknown(),
    /** The baseline of the previous watch, if that watch is open or ended with a breach. */
    before: z.unknown(),
  })
  .transform(({ began_at, watch, before, ...row }) => ({
    ...row,
    beganAtMs: began_at,
    watch: readListWatch(watch),
    inherited: readListWatch(before),
  }));
export type WatchedEntries = z.infer<typeof watchRow>;

/** Watches on entries that affect many payments. */
@Injectable()
export class ListWatches {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  open(): Promise<WatchedEntries[]> {
    return this.database.query(
      watchRow,
      `SELECT w.id, w.tenant, w.began_at, w.watch,
         (SELECT b.watch FROM control.list_watches b
          WHERE b.tenant = w.tenant AND b.began_at < w.began_at AND b.began_at > w.began_at - interval '1 day'
            AND (b.ended_at IS NULL OR b.breach IS NOT NULL) AND b.watch IS NOT NULL
          ORDER BY b.began_at DESC LIMIT 1) AS before
       FROM control.list_watches w
       WHERE w.ended_at IS NULL AND w.began_at > now() - $1::interval ORDER BY w.began_at DESC LIMIT $2`,
      [WATCHED_WITHIN, OPEN_MAX],
    );
  }

  async keep({ id }: WatchedEntries, watch: ListWatch): Promise<void> {
    await this.database.execute(
      `UPDATE control.list_watches SET watch = $2
       WHERE id = $1 AND coalesce((watch -> 'before' ->> 'cards')::int, -1) < $3`,
      [id, JSON.stringify(watch), watch.before?.cards ?? 0],
    );
  }

  async end({ id }: WatchedEntries): Promise<void> {
    await this.database.execute("UPDATE control.list_watches SET ended_at = now() WHERE id = $1 AND ended_at IS NULL", [
      id,
    ]);
  }

  /**
   * Withdraws the entries of all open watches of the tenant, because any of them may be the cause.
   *
   * @returns the number of entries; 0 if another instance was first
   */
  withdraw(by: Managed, why: string): Promise<number> {
    return this.database.transaction(async (transaction) => {
      const ended = await transaction.query(
        z.object({ list: z.string(), entry_kinds: z.array(z.string()), entry_values: z.array(z.string()) }),
        `UPDATE control.list_watches SET ended_at = now(), breach = $2
         WHERE tenant = $1 AND ended_at IS NULL RETURNING list, entry_kinds, entry_values`,
        [by.tenant, why],
      );
      let withdrawn = 0;
      for (const { list, entry_kinds: kinds, entry_values: values } of ended) {
        const count = await transaction.execute(
          `UPDATE control.list_entries SET is_removed = true, is_published = false
           WHERE tenant = $1 AND list = $2 AND NOT is_removed
             AND (kind, value) IN (SELECT * FROM unnest($3::text[], $4::text[]))`,
          [by.tenant, list, kinds, values],
        );
        withdrawn += count;
        const [only] = values.length === 1 ? values : [];
        const what = only === undefined ? {} : { kind: kinds[0], value: only };
        const details = { list, entries: count, ...what, why };
        await noteAudit(transaction, by, "list-entries-withdrawn", details, { kind: "list", id: list });
      }
      return withdrawn;
    });
  }
}
