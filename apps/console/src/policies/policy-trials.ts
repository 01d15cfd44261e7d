import type { OnApplicationShutdown } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { Decision, FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { BacktestRow } from "@tripline/decision-engine/backtest/backtest-row";
import type { DraftPart } from "@tripline/decision-engine/backtest/backtest-tally";
import { BacktestTally } from "@tripline/decision-engine/backtest/backtest-tally";
import { shadowRow } from "@tripline/decision-engine/backtest/shadow-row";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { DecidedPayment } from "@tripline/policy-worker/policy-thread";
import { PolicyWorker } from "@tripline/policy-worker/policy-worker";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { z } from "zod";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import type { TrialLine } from "../contract/policy-trial.js";
import { surveyLabels } from "../reports/survey-labels.js";
import { presentTrial } from "./present-trial.js";

/**
 * Maximum number of payments; the newest ones are used. For more payments, use the command, which reads the lake with
 * all cores.
 */
const PAYMENTS_MAX = 20_000;
/** Payments per page, which are read and decided together. */
const PAGE_ROWS = 250;

const paymentRow = z.object({
  transaction_id: z.string(),
  decided_at_ms: z.coerce.number(),
  decision: z.instanceof(Buffer),
  vector: z.instanceof(Buffer).nullable(),
  fraud: z.boolean().nullable(),
});
type PaymentRow = z.infer<typeof paymentRow>;

/** Backtests policies on the newest payments of a tenant, without writing anything. */
@Injectable()
export class PolicyTrials implements OnApplicationShutdown {
  readonly #worker: PolicyWorker;

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(CONSOLE_CONFIG) config: ConsoleConfig,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.#worker = new PolicyWorker(config, logger);
  }

  get note(): string | undefined {
    return this.#worker.note;
  }

  /** @throws TriplineError `invalid-field` with line and column of each fault, and errors of `PolicyWorker.outline` */
  async requireValid(tenant: string, text: string): Promise<void> {
    await this.#worker.outline(tenant, text);
  }

  /** Decides past payments with a draft, in a worker thread. */
  async *backtest(tenant: string, text: string): AsyncGenerator<TrialLine> {
    const total = await this.#count(tenant);
    const labels = await surveyLabels(this.database, tenant);
    // Stops the thread when the browser disconnects.
    await using trial = this.#worker.backtest(tenant, text, labels, this.#payments(tenant));
    let done = 0;
    for (let step = await trial.next(); ; step = await trial.next()) {
      if (step.done === true) {
        const { figures, ...about } = step.value;
        yield { report: presentTrial(figures, { subject: "draft", labels, ...about }) };
        return;
      }
      done += step.value;
      yield { progress: { done, total: Math.max(total, done) } };
    }
  }

  /** Counts what shadow rules would have done, according to the stored decisions. */
  async *shadow(tenant: string): AsyncGenerator<TrialLine> {
    const total = await this.#count(tenant);
    const labels = await surveyLabels(this.database, tenant);
    const parts = new Map<string, DraftPart>();
    const rows: BacktestRow[] = [];
    let done = 0;
    for await (const page of this.#pages(tenant)) {
      for (const row of page) {
        const decision = Decision.decode(row.decision);
        for (const { ruleId: id, code, outcome } of decision.shadowHits) {
          parts.set(id, { id, kind: "rule", outcome, code, mode: "shadow", percent: 100 });
        }
        const transaction = row.vector === null ? undefined : FeatureVector.decode(row.vector).transaction;
        if (transaction !== undefined) rows.push(shadowRow(decision, transaction, row.fraud ?? undefined));
      }
      done += page.length;
      yield { progress: { done, total: Math.max(total, done) } };
    }
    const tally = new BacktestTally([...parts.values()], labels);
    for (const row of rows) tally.add(row);
    const times = rows.map(({ occurredAtMs }) => occurredAtMs).sort((one, other) => one - other);
    const [fromMs = 0, toMs = 0] = [times[0], times.at(-1)];
    const skipped = done - rows.length;
    yield { report: presentTrial(tally.figures(), { subject: "shadow", skipped, fromMs, toMs, labels }) };
  }

  onApplicationShutdown(): Promise<void> {
    return this.#worker.close();
  }

  async *#payments(tenant: string): AsyncGenerator<readonly DecidedPayment[]> {
    for await (const page of this.#pages(tenant)) {
      yield page.map(({ decision, vector, fraud }) => ({ decision, vector, isFraud: fraud ?? undefined }));
    }
  }

  async #count(tenant: string): Promise<number> {
    const [row] = await this.database.query(
      z.object({ count: z.coerce.number() }),
      `SELECT count(*) FROM (SELECT 1 FROM console.decisions WHERE tenant = $1 LIMIT ${PAYMENTS_MAX}) newest`,
      [tenant],
    );
    return row?.count ?? 0;
  }

  /** Pages of the tenant's payments, newest first. */
  async *#pages(tenant: string): AsyncGenerator<readonly PaymentRow[]> {
    let place: readonly [number, string] = [Number.MAX_SAFE_INTEGER, ""];
    for (let done = 0; done < PAYMENTS_MAX; done += PAGE_ROWS) {
      const rows = await this.database.query(
        paymentRow,
        `SELECT d.transaction_id, d.decided_at_ms, d.record AS decision, p.record AS vector, l.fraud
         FROM (SELECT transaction_id, decided_at_ms, record FROM console.decisions
           WHERE tenant = $1 AND (decided_at_ms, transaction_id) < ($2, $3)
           ORDER BY decided_at_ms DESC, transaction_id DESC LIMIT ${PAGE_ROWS}) d
         LEFT JOIN console.payments p USING (transaction_id) LEFT JOIN console.labels l USING (transaction_id)
         ORDER BY d.decided_at_ms DESC, d.transaction_id DESC`,
        [tenant, ...place],
      );
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows;
      place = [last.decided_at_ms, last.transaction_id];
    }
  }
}
