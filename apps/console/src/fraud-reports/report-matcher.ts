import type { OnApplicationBootstrap, OnApplicationShutdown } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { closeWithin } from "@tripline/nest-kit/close-within";
import { KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database, Queries } from "@tripline/stores/postgres/connect-database";
import { runAlone } from "@tripline/stores/postgres/run-alone";
import type { Logger } from "@tripline/telemetry/logger";
import { gauge } from "@tripline/telemetry/metrics";
import { z } from "zod";
import { BACKGROUND } from "../background.js";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import { ProjectionProgress } from "../projection/projection-progress.js";
import { lockReports } from "./add-reports.js";
import { matchReports } from "./match-reports.js";
import type { CountedMatches } from "./report-counters.js";
import { ReportCounters, readLabelCounts } from "./report-counters.js";

const EVERY_MS = 10_000;
const COUNT_EVERY_MS = 60_000;
/** Minimum time between two searches for the payment of the same report; `matchReports` adds to it. */
const RECHECK_MS = 60_000;
const MS_PER_S = 1_000;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/**
 * Maximum number of reports per transaction, which has about ten statements. While a transaction runs, other reports
 * cannot be stored.
 */
const REPORTS_PER_STEP = 1_000;
/** Transactions per round; the remaining reports wait for the next round. */
const STEPS_MAX = 400;

const waitingRow = z.object({ count: z.coerce.number(), oldest_ms: z.coerce.number().nullable() });
const idRow = z.object({ report_id: z.string() });

/**
 * Repeatedly searches for the payments of reports, because a payment may arrive after its report or be projected after
 * other payments of the card. Reports that wait too long expire, but users can still match them.
 */
@Injectable()
export class ReportMatcher implements OnApplicationBootstrap, OnApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #isClosing = false;
  #unmatched = 0;
  #oldestMs: number | undefined;
  #countNextMs = 0;
  readonly #counters = new ReportCounters();
  readonly #progress: ProjectionProgress;
  readonly #endReading: readonly (() => void)[];

  constructor(
    @Inject(BACKGROUND) private readonly database: Database,
    @Inject(CONSOLE_CONFIG)
    private readonly config: Pick<ConsoleConfig, "FRAUD_REPORT_WAIT_DAYS" | "FRAUD_REPORTS_WAITING_MAX">,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(KAFKA_ADMIN) admin: KafkaAdmin,
  ) {
    this.#progress = new ProjectionProgress(admin);
    this.#endReading = [
      gauge(
        "tripline_console_unmatched_reports_count",
        { description: "Fraud reports that are waiting for their payment or for a user's decision" },
        () => this.#unmatched,
      ),
      gauge(
        "tripline_console_unmatched_reports_seconds",
        { description: "Waiting time of the oldest fraud report that needs a user's decision" },
        () => this.#waitingMs / MS_PER_S,
      ),
    ];
  }

  /** For the readiness report and the Health screen. */
  get note(): string | undefined {
    if (this.#waitingMs < DAY_MS) return undefined;
    return `${this.#unmatched} fraud reports have no payment; the oldest that needs a user's decision has waited for ${Math.floor(this.#waitingMs / HOUR_MS)} hours`;
  }

  get #waitingMs(): number {
    return this.#oldestMs === undefined ? 0 : Math.max(0, Date.now() - this.#oldestMs);
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => {
      this.#round ??= this.check()
        .catch((error: Error) => this.logger.warn({ err: error }, "fraud reports could not be matched yet"))
        .finally(() => {
          this.#round = undefined;
        });
    }, EVERY_MS);
    this.#timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#timer);
    for (const end of this.#endReading) end();
    await closeWithin(this.logger, "matching of fraud reports", async () => this.#round);
  }

  /** Checks new reports, and rechecks others less often the longer they have been waiting. */
  async check(startedAtMs = Date.now()): Promise<void> {
    await this.#progress.advance(startedAtMs).catch((error: Error) => {
      this.logger.warn(
        { err: error },
        "no fraud reports are matched by amount, because the offsets of payments are unknown",
      );
    });
    const readUntilMs = Math.min(startedAtMs, this.#progress.readUntilMs);
    for (let step = 0; step < STEPS_MAX && !this.#isClosing; step += 1) {
      // Instances take turns; each skips its step while another one is matching.
      const checked = await runAlone(this.database, "console.unmatched_reports", NOTHING_CHECKED, (transaction) =>
        checkOldest(transaction, startedAtMs, readUntilMs),
      );
      // Counted after the commit, because a failed step is repeated.
      this.#counters.count(checked);
      if (!checked.isMore) break;
    }
    await this.database.execute(
      "UPDATE console.unmatched_reports SET state = 'expired' WHERE state <> 'expired' AND read_at_ms < $1",
      [startedAtMs - this.config.FRAUD_REPORT_WAIT_DAYS * DAY_MS],
    );
    if (performance.now() >= this.#countNextMs) await this.#count();
  }

  /** Counts waiting reports by reading all of them. If a tenant has too many, its oldest ones expire. */
  async #count(): Promise<void> {
    const { FRAUD_REPORTS_WAITING_MAX: countMax } = this.config;
    const [waiting] = await this.database.query(
      waitingRow,
      // Some payments never arrive, so only reports that a user can match are overdue.
      `SELECT count(*) AS count, min(read_at_ms) FILTER (WHERE state = 'ambiguous') AS oldest_ms
       FROM console.unmatched_reports WHERE state <> 'expired'`,
      [],
    );
    this.#unmatched = waiting?.count ?? 0;
    this.#oldestMs = waiting?.oldest_ms ?? undefined;
    this.#countNextMs = performance.now() + COUNT_EVERY_MS;
    // Counting per tenant is slower. It is needed only if the total exceeds the limit for one tenant.
    if (this.#unmatched <= countMax) return;
    await this.database.execute(
      `UPDATE console.unmatched_reports SET state = 'expired' WHERE report_id IN (
         SELECT report_id FROM (
           SELECT report_id, row_number() OVER (PARTITION BY tenant ORDER BY read_at_ms DESC, report_id) AS number
           FROM console.unmatched_reports WHERE state <> 'expired'
         ) counted WHERE number > $1)`,
      [countMax],
    );
  }
}

interface CheckedReports extends CountedMatches {
  /** There may be more reports to check. */
  readonly isMore: boolean;
}
const NOTHING_CHECKED: CheckedReports = { isMore: false, reported: [], labelled: [] };

async function checkOldest(transaction: Queries, nowMs: number, readUntilMs: number): Promise<CheckedReports> {
  await lockReports(transaction);
  const rows = await transaction.query(
    idRow,
    `SELECT report_id FROM console.unmatched_reports WHERE state <> 'expired' AND checked_at_ms <= $1
     ORDER BY checked_at_ms LIMIT $2`,
    [nowMs - RECHECK_MS, REPORTS_PER_STEP],
  );
  const { counted, labelled } = await matchReports(
    transaction,
    rows.map(({ report_id }) => report_id),
    nowMs,
    readUntilMs,
  );
  return {
    isMore: rows.length === REPORTS_PER_STEP,
    reported: counted,
    labelled: await readLabelCounts(transaction, labelled),
  };
}
