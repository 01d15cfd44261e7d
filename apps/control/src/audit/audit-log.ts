import { Inject, Injectable } from "@nestjs/common";
import type { AuditCheckpoint, AuditKey } from "@tripline/contracts/audit/audit-checkpoint";
import type { AuditEntry, auditEvent } from "@tripline/contracts/audit/audit-entry";
import { hashEntry, NO_ENTRY } from "@tripline/contracts/audit/audit-entry";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { counter } from "@tripline/telemetry/metrics";
import { z } from "zod";
import type { HeadRow } from "./audit-rows.js";
import { CHECKPOINT_COLUMNS, checkpointRow, ENTRY_COLUMNS, entryRow, headRow, keyRow } from "./audit-rows.js";

type AuditEvent = z.infer<typeof auditEvent>;

export interface AuditSearch {
  readonly before: number;
  readonly limit: number;
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly subject?: string | undefined;
}

const idRow = z.object({ event_id: z.string() });
const ENTRIES = `SELECT ${ENTRY_COLUMNS.join(", ")} FROM control.audit_log`;
const HEADS = "SELECT tenant, sequence, hash, signed_sequence FROM control.audit_heads";
const CHECKPOINTS = `SELECT ${CHECKPOINT_COLUMNS.join(", ")} FROM control.audit_checkpoints`;

/** The audit log in Postgres: entries are added at its end and never changed. */
@Injectable()
export class AuditLog {
  readonly #added = counter("tripline_audit_entries_total", {
    description: "Entries added to the audit log, by the service that recorded them",
    labels: ["source"],
  });

  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Adds new events; repeats are recognised by their ID. Instances lock the log per tenant. */
  async append(events: readonly AuditEvent[]): Promise<void> {
    const byTenant = Map.groupBy(events, ({ tenant }) => tenant);
    const added: AuditEntry[] = [];
    await this.database.transaction(async (transaction) => {
      // All instances lock in the same order, to avoid deadlocks.
      for (const tenant of [...byTenant.keys()].sort()) {
        added.push(...(await extend(transaction, tenant, byTenant.get(tenant) ?? [])));
      }
    });
    for (const { source } of added) this.#added.inc({ source });
  }

  /** Entries that match a search, newest first. */
  newest(tenant: string, { before, limit, actor, action, subject }: AuditSearch): Promise<AuditEntry[]> {
    return this.database.query(
      entryRow,
      `${ENTRIES} WHERE tenant = $1 AND sequence < $2 AND ($4::text IS NULL OR actor = $4)
         AND ($5::text IS NULL OR action = $5) AND ($6::text IS NULL OR subject_id = $6)
       ORDER BY sequence DESC LIMIT $3`,
      [tenant, before, limit, actor, action, subject],
    );
  }

  /** In the order in which they were written. */
  after(tenant: string, sequence: number, limit: number): Promise<AuditEntry[]> {
    return entriesAfter(this.database, tenant, sequence, limit);
  }

  checkpoints(tenant: string, after: number, limit: number): Promise<AuditCheckpoint[]> {
    return this.database.query(
      checkpointRow,
      `${CHECKPOINTS} WHERE tenant = $1 AND sequence > $2 ORDER BY sequence LIMIT $3`,
      [tenant, after, limit],
    );
  }

  keys(): Promise<AuditKey[]> {
    return this.database.query(keyRow, "SELECT key_id, public_key FROM control.audit_keys ORDER BY key_id");
  }

  async addKey({ keyId, publicKey }: AuditKey): Promise<void> {
    await this.database.execute("INSERT INTO control.audit_keys VALUES ($1, $2) ON CONFLICT DO NOTHING", [
      keyId,
      publicKey,
    ]);
  }

  async head(tenant: string): Promise<HeadRow | undefined> {
    const [head] = await this.database.query(headRow, `${HEADS} WHERE tenant = $1`, [tenant]);
    return head;
  }

  /** Logs with unsigned entries. */
  unsigned(): Promise<HeadRow[]> {
    return this.database.query(headRow, `${HEADS} WHERE sequence > signed_sequence ORDER BY tenant`);
  }

  /**
   * Stores a checkpoint of a log's head.
   *
   * @param sign signs the head; gets the entries since the last checkpoint
   */
  async sign(tenant: string, sign: (unsigned: Unsigned) => AuditCheckpoint): Promise<void> {
    await this.database.transaction(async (transaction) => {
      const [head] = await transaction.query(headRow, `${HEADS} WHERE tenant = $1 FOR UPDATE`, [tenant]);
      // Another instance may already have signed it.
      if (head === undefined || head.sequence === head.signed_sequence) return;
      const [last] = await transaction.query(
        checkpointRow,
        `${CHECKPOINTS} WHERE tenant = $1 ORDER BY sequence DESC LIMIT 1`,
        [tenant],
      );
      const entries = await entriesAfter(transaction, tenant, last?.sequence ?? 0, UNSIGNED_MAX);
      const { sequence, hash, signedAtMs, keyId, signature } = sign({ head, last, entries });
      await transaction.execute(
        `INSERT INTO control.audit_checkpoints (${CHECKPOINT_COLUMNS.join(", ")}) VALUES ($1, $2, $3, $4, $5, $6)`,
        [tenant, sequence, hash, signedAtMs, keyId, signature],
      );
      await transaction.execute("UPDATE control.audit_heads SET signed_sequence = $2 WHERE tenant = $1", [
        tenant,
        sequence,
      ]);
    });
  }

  /** The newest checkpoint of each tenant. */
  newestCheckpoints(): Promise<AuditCheckpoint[]> {
    return this.database.query(
      checkpointRow,
      `SELECT ${CHECKPOINT_COLUMNS.map((column) => `c.${column}`).join(", ")}
       FROM control.audit_heads h JOIN control.audit_checkpoints c
         ON c.tenant = h.tenant AND c.sequence = h.signed_sequence ORDER BY c.tenant`,
    );
  }
}

/** Maximum number of entries per signature. A longer backlog needs several signatures. */
const UNSIGNED_MAX = 1_000;

export interface Unsigned {
  readonly head: HeadRow;
  readonly last: AuditCheckpoint | undefined;
  /** Entries since the last checkpoint, up to the maximum per signature. */
  readonly entries: readonly AuditEntry[];
}

function entriesAfter(queries: Queries, tenant: string, sequence: number, limit: number): Promise<AuditEntry[]> {
  return queries.query(entryRow, `${ENTRIES} WHERE tenant = $1 AND sequence > $2 ORDER BY sequence LIMIT $3`, [
    tenant,
    sequence,
    limit,
  ]);
}

/** @returns the added entries */
async function extend(transaction: Queries, tenant: string, events: readonly AuditEvent[]): Promise<AuditEntry[]> {
  await transaction.execute(
    "INSERT INTO control.audit_heads (tenant, sequence, hash) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING",
    [tenant, NO_ENTRY],
  );
  const [head] = await transaction.query(headRow, `${HEADS} WHERE tenant = $1 FOR UPDATE`, [tenant]);
  const known = await transaction.query(
    idRow,
    "SELECT event_id FROM control.audit_log WHERE tenant = $1 AND event_id = ANY ($2)",
    [tenant, events.map(({ eventId }) => eventId)],
  );
  const seen = new Set(known.map((row) => row.event_id));
  let { sequence, hash } = head ?? { sequence: 0, hash: NO_ENTRY };
  const entries: AuditEntry[] = [];
  for (const event of events) {
    if (seen.has(event.eventId)) continue;
    seen.add(event.eventId);
    sequence += 1;
    hash = hashEntry(hash, sequence, event);
    entries.push({ ...event, sequence, hash });
  }
  if (entries.length === 0) return [];
  const columns = ENTRY_COLUMNS.map((column, at) => `$${at + 1}::${TYPES.get(column) ?? "text"}[]`);
  await transaction.execute(
    `INSERT INTO control.audit_log (${ENTRY_COLUMNS.join(", ")}) SELECT * FROM unnest(${columns.join(", ")})`,
    valuesOf(entries),
  );
  await transaction.execute("UPDATE control.audit_heads SET sequence = $2, hash = $3 WHERE tenant = $1", [
    tenant,
    sequence,
    hash,
  ]);
  return entries;
}

const TYPES: ReadonlyMap<string, string> = new Map([
  ["sequence", "bigint"],
  ["at_ms", "bigint"],
]);

/** In the order of `ENTRY_COLUMNS`. */
function valuesOf(entries: readonly AuditEntry[]): unknown[][] {
  const rows = entries.map((entry) => [
    ...[entry.sequence, entry.eventId, entry.tenant, entry.actor, entry.actorKind, entry.action],
    ...[entry.subjectKind, entry.subjectId, entry.details, entry.atMs, entry.source, entry.hash],
  ]);
  return ENTRY_COLUMNS.map((_column, at) => rows.map((row) => row[at]));
}
