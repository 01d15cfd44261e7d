import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Decision, FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { BacktestRow } from "@tripline/decision-engine/backtest/backtest-row";
import type { DraftPart } from "@tripline/decision-engine/backtest/backtest-tally";
import { BacktestTally } from "@tripline/decision-engine/backtest/backtest-tally";
import { draftParts, withIdsAsCodes } from "@tripline/decision-engine/backtest/draft-parts";
import type { LabelSurvey } from "@tripline/decision-engine/backtest/label-survey";
import { surveyOf } from "@tripline/decision-engine/backtest/label-survey";
import { draftRow, reopenPayment } from "@tripline/decision-engine/backtest/reopen-payment";
import { shadowRow } from "@tripline/decision-engine/backtest/shadow-row";
import type { Policy } from "@tripline/decision-engine/policy";
import type { Database } from "@tripline/service-kit/postgres/connect-database";
import { z } from "zod";
import type { PolicyTrial, TrialLine } from "../contract/policy-trial.js";
import { presentTrial } from "./present-trial.js";

/** The newest ones; more of them are for the command, which reads the lake with all cores. */
const PAYMENTS_MAX = 20_000;
/** Decided in one go: some 20 ms, during which the console answers nobody else. */
const PAGE_ROWS = 250;
/** Enough for the delay of labels; the newest ones. */
const LABELS_MAX = 200_000;
const DAY_MS = 86_400_000;

const paymentRow = z.object({
  transaction_id: z.string(),
  decided_at_ms: z.coerce.number(),
  decision: z.instanceof(Buffer),
  vector: z.instanceof(Buffer).nullable(),
  fraud: z.boolean().nullable(),
});
type PaymentRow = z.infer<typeof paymentRow>;

const cellRow = z.object({
  fraud: z.boolean(),
  newest: z.coerce.number(),
  age: z.coerce.number(),
  delay: z.coerce.number(),
  labels: z.coerce.number(),
});

/** What is made of a payment; undefined where it cannot be decided again. */
type ReadRow = (
  decision: Decision,
  vector: FeatureVector | undefined,
  isFraud: boolean | undefined,
) => BacktestRow | undefined;

/** Decides the newest payments of a tenant again by a draft, or counts what rules in shadow would have done. Writes nothing. */
export class PolicyTrials {
  constructor(private readonly database: Database) {}

  /** @param policy as it was parsed for the feature spec of this build */
  backtest(tenant: string, policy: Policy): AsyncGenerator<TrialLine> {
    const parts = draftParts(policy);
    const ids = new Set(parts.map(({ id }) => id));
    const traced = withIdsAsCodes(policy);
    const deciders = {
      specVersion: currentFeatureSpec().version,
      policyOf: () => traced,
      // Where a scorecard stood in for the model, the payment is left out.
      scorecardOf: () => undefined,
    };
    const read: ReadRow = (decision, vector, isFraud) => {
      const opened = reopenPayment(decision, vector, isFraud, deciders);
      return "reason" in opened ? undefined : draftRow(opened, ids);
    };
    return this.#run(tenant, "draft", read, () => parts);
  }

  shadow(tenant: string): AsyncGenerator<TrialLine> {
    const parts = new Map<string, DraftPart>();
    const read: ReadRow = (decision, vector, isFraud) => {
      for (const { ruleId: id, code, outcome } of decision.shadowHits) {
        parts.set(id, { id, kind: "rule", outcome, code, mode: "shadow", percent: 100 });
      }
      return vector?.transaction === undefined ? undefined : shadowRow(decision, vector.transaction, isFraud);
    };
    return this.#run(tenant, "shadow", read, () => [...parts.values()]);
  }

  async *#run(
    tenant: string,
    subject: PolicyTrial["subject"],
    read: ReadRow,
    parts: () => readonly DraftPart[],
  ): AsyncGenerator<TrialLine> {
    const total = await this.#count(tenant);
    const labels = await this.#survey(tenant);
    const rows: BacktestRow[] = [];
    let [done, skipped] = [0, 0];
    for await (const page of this.#pages(tenant)) {
      for (const { decision, vector, fraud } of page) {
        const row = read(
          Decision.decode(decision),
          vector === null ? undefined : FeatureVector.decode(vector),
          fraud ?? undefined,
        );
        if (row === undefined) skipped += 1;
        else rows.push(row);
      }
      done += page.length;
      yield { progress: { done, total: Math.max(total, done) } };
    }
    const tally = new BacktestTally(parts(), labels);
    for (const row of rows) tally.add(row);
    const times = rows.map(({ occurredAtMs }) => occurredAtMs).sort((one, other) => one - other);
    const [fromMs = 0, toMs = 0] = [times[0], times.at(-1)];
    yield { report: presentTrial(tally.figures(), { subject, skipped, fromMs, toMs, labels }) };
  }

  async #count(tenant: string): Promise<number> {
    const [row] = await this.database.query(
      z.object({ count: z.coerce.number() }),
      `SELECT count(*) FROM (SELECT 1 FROM console.decisions WHERE tenant = $1 LIMIT ${PAYMENTS_MAX}) newest`,
      [tenant],
    );
    return row?.count ?? 0;
  }

  /** Newest first. */
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

  /** How long labels take, as far as the console has them. */
  async #survey(tenant: string): Promise<LabelSurvey> {
    const cells = await this.database.query(
      cellRow,
      `WITH l AS (SELECT p.occurred_at_ms, n.labelled_at_ms AS known_ms, n.fraud
         FROM (SELECT * FROM console.labels WHERE tenant = $1 ORDER BY read_at_ms DESC LIMIT ${LABELS_MAX}) n
         JOIN console.payments p USING (transaction_id)), e AS (SELECT max(known_ms) AS newest FROM l)
       SELECT fraud, newest, greatest(0, newest - occurred_at_ms) / ${DAY_MS} AS age,
         greatest(0, known_ms - occurred_at_ms) / ${DAY_MS} AS delay, count(*) AS labels
       FROM l, e GROUP BY 1, 2, 3, 4`,
      [tenant],
    );
    const of = (isFraud: boolean) =>
      cells
        .filter(({ fraud }) => fraud === isFraud)
        .map(({ age, delay, labels }) => ({ ageDays: age, delayDays: delay, labels }));
    return surveyOf({ fraud: of(true), genuine: of(false) }, cells[0]?.newest ?? 0, "auto");
  }
}
