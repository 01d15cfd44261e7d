import { Inject, Injectable } from "@nestjs/common";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { AttachmentStore, removeAttachments } from "../attachments/attachment-store.js";
import { BACKGROUND } from "../background.js";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import { NOTE_UNCOUNTED, OVERVIEW_DAYS } from "../overview/count-overview.js";
import { SessionStore } from "../sessions/session-store.js";

const EVERY_MS = 60_000;
const DAY_MS = 86_400_000;
/** Maximum number of rows per statement, so that locks are short. */
const ROWS_MAX = 5_000;
/** Maximum number per round; the remaining ones wait for the next round. */
const STATEMENTS_MAX = 200;

/** Tables with rows of cases and of payments, and the primary keys by which they are deleted. */
const ROWS_OF_CASES = {
  case_payments: "transaction_id",
  case_events: "id",
  case_notes: "id",
  label_outbox: "transaction_id",
};
const ROWS_OF_PAYMENTS = {
  payments: "transaction_id",
  decisions: "transaction_id",
  labels: "transaction_id",
  payment_updates: "update_id",
  fraud_reports: "report_id",
};

const OF_OLD_CASES = "case_id IN (SELECT id FROM console.cases WHERE status = 'closed' AND changed_at_ms < $1)";

/** Statements that delete rows by the time they were read, in the required order. `$1` is the oldest time to keep. */
const EXPIRED: readonly string[] = [
  // A case is deleted once the retention period has passed since it was closed, after the rows that depend on it.
  ...Object.entries(ROWS_OF_CASES).map(([table, key]) => rowsOf(table, key, OF_OLD_CASES)),
  removeAttachments(`id IN (SELECT id FROM console.case_attachments WHERE ${OF_OLD_CASES} LIMIT ${ROWS_MAX})`),
  rowsOf(
    "cases",
    "id",
    "status = 'closed' AND changed_at_ms < $1 AND NOT EXISTS (SELECT FROM console.case_payments p WHERE p.case_id = cases.id)",
  ),
  rowsOf("drifts", "event_id", "read_at_ms < $1"),
  rowsOf("unmatched_reports", "report_id", "read_at_ms < $1"),
  // Payments in a case are kept as long as the case.
  ...Object.entries(ROWS_OF_PAYMENTS).map(([table, key]) =>
    rowsOf(
      table,
      key,
      `read_at_ms < $1 AND NOT EXISTS (
      SELECT FROM console.case_payments c WHERE c.transaction_id = ${table}.transaction_id)`,
    ),
  ),
];

/** Removes dispute ratios for months if some of their rows were deleted or soon will be. */
const INCOMPLETE_MONTHS = [
  "UPDATE console.settled_since SET since_ms = greatest(since_ms, $1::bigint)",
  "DELETE FROM console.settled_months WHERE month < to_timestamp($1::bigint / 1000.0) AT TIME ZONE 'UTC'",
];

/**
 * A payment that was counted and deleted must not be counted again if it is read from the lake. If nothing was deleted,
 * as in a new database, older payments count.
 */
const COUNTED_PAYMENTS = `UPDATE console.overview_since SET since_ms = greatest(since_ms, $1::bigint)
  WHERE EXISTS (SELECT FROM console.payments WHERE read_at_ms < $1::bigint)`;

const OLD_DAY = `(to_timestamp($1::bigint / 1000.0) AT TIME ZONE 'UTC')::date - ${OVERVIEW_DAYS}`;
const DAYS_EVERY_MS = 3_600_000;
const NEXT_KEY = "SELECT tenant, dimension, bucket FROM console.overview_days";
/**
 * Deletes from each range of the primary key. With an index on the day, Postgres would use it for the queries of the
 * Overview, which are slower then. A month is deleted once all of its days are.
 */
const EXPIRED_FIGURES = `WITH RECURSIVE keys AS (
    (${NEXT_KEY} ORDER BY 1, 2, 3 LIMIT 1)
    UNION ALL
    SELECT next.* FROM keys k, LATERAL (
      ${NEXT_KEY} d WHERE (d.tenant, d.dimension, d.bucket) > (k.tenant, k.dimension, k.bucket) ORDER BY 1, 2, 3 LIMIT 1
    ) next
  )
  DELETE FROM console.overview_days WHERE ctid = ANY (ARRAY(
    SELECT old.ctid FROM keys k, LATERAL (
      SELECT d.ctid FROM console.overview_days d
      WHERE d.tenant = k.tenant AND d.dimension = k.dimension AND d.bucket = k.bucket
        AND d.day < date_trunc(k.bucket, (${OLD_DAY})::timestamp)::date LIMIT ${ROWS_MAX}
    ) old LIMIT ${ROWS_MAX}
  ))`;
/** `$1` is the current time. */
const EXPIRED_DAYS: readonly string[] = [
  EXPIRED_FIGURES,
  rowsOf("overview_merchants", "ctid", `seen_day < ${OLD_DAY}`),
];

function rowsOf(table: string, key: string, condition: string): string {
  return `DELETE FROM console.${table} WHERE ${key} IN (SELECT ${key} FROM console.${table} WHERE ${condition} LIMIT ${ROWS_MAX})`;
}

/** Deletes rows past their retention, and ended sessions, in small batches. */
@Injectable()
export class Retention {
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #isClosing = false;
  #daysDueAtMs = 0;

  constructor(
    @Inject(BACKGROUND) private readonly database: Database,
    @Inject(CONSOLE_CONFIG) private readonly config: Pick<ConsoleConfig, "RETENTION_DAYS">,
    @Inject(AttachmentStore) private readonly attachments: AttachmentStore,
    @Inject(SessionStore) private readonly sessions: SessionStore,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  start(): void {
    this.#timer = setInterval(() => {
      this.#round ??= this.drop().finally(() => {
        this.#round = undefined;
      });
    }, EVERY_MS);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#timer);
    await this.#round;
  }

  /** Attempts every part, so that one that keeps failing does not prevent the others. Reports failures in the log. */
  async drop(): Promise<void> {
    await this.#attempt(() => this.#dropExpired());
    await this.#attempt(() => this.sessions.removeEnded(this.database));
    await this.#attempt(() => this.attachments.dropRemoved());
  }

  async #attempt(part: () => Promise<void>): Promise<void> {
    try {
      await part();
    } catch (error) {
      this.logger.warn({ err: error }, "old rows could not be deleted yet");
    }
  }

  async #dropExpired(): Promise<void> {
    const fromMs = Date.now() - this.config.RETENTION_DAYS * DAY_MS;
    for (const statement of [...INCOMPLETE_MONTHS, COUNTED_PAYMENTS, NOTE_UNCOUNTED]) {
      await this.database.execute(statement, [fromMs]);
    }
    for (const statement of EXPIRED) await this.#deleteAll(statement, fromMs);
    if (Date.now() < this.#daysDueAtMs) return;
    // Set first, so that a failure is not repeated every minute.
    this.#daysDueAtMs = Date.now() + DAYS_EVERY_MS;
    for (const statement of EXPIRED_DAYS) await this.#deleteAll(statement, Date.now());
  }

  async #deleteAll(statement: string, beforeMs: number): Promise<void> {
    for (let count = 0; count < STATEMENTS_MAX && !this.#isClosing; count += 1) {
      if ((await this.database.execute(statement, [beforeMs])) < ROWS_MAX) break;
    }
  }
}
