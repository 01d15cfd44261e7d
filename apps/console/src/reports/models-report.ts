import { Inject, Injectable } from "@nestjs/common";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { ModelFigures, ModelsReport } from "../contract/operations.js";
import { surveyLabels } from "./survey-labels.js";

const HOUR_MS = 3_600_000;
const HOURS = 24;
const DAY_MS = 86_400_000;
/** Length of the period, in days, from which payments that are old enough for a verdict are read. */
const MATURE_DAYS = 30;
/** Maximum number of decisions; the newest ones are used. At a high rate, they cover less than a day. */
const DECISIONS_MAX = 200_000;
const TENTHS = 10;
/** Cached, because many users view it and it reads a lot of data. */
const KEPT_MS = 10_000;

const modelsRow = z.object({ champion: z.string().nullable(), candidate: z.string().nullable() });
const mean = z.number().nullable();
const recentRow = z.object({ decisions: z.coerce.number(), mean, stopped: mean });
const matureRow = z.object({
  labels: z.coerce.number(),
  frauds: z.coerce.number(),
  precision: mean,
  fraud_mean: mean,
  genuine_mean: mean,
});
const countRow = z.object({ count: z.coerce.number() });
const tenthRow = z.object({ tenth: z.number(), champion: z.coerce.number(), candidate: z.coerce.number() });
const calibrationRow = z.object({ mean: z.number(), frauds: z.number(), labels: z.coerce.number() });
const driftRow = z.object({
  model: z.string(),
  day: z.string(),
  compared_from: z.string(),
  compared_to: z.string(),
  payments: z.coerce.number(),
  sentence: z.string(),
  columns: z.array(z.object({ column: z.string(), kind: z.string(), distance: z.number(), threshold: z.number() })),
});
const DRIFTS_MAX = 30;
const hourRow = z.object({
  at_ms: z.coerce.number(),
  decisions: z.coerce.number(),
  mean: z.number().nullable(),
  declined: z.number().nullable(),
});

/** `$1` is the tenant, `$2` the earliest time. */
const RECENT = `(SELECT model_version, rung, score, outcome, candidate_version, candidate_score, decided_at_ms
  FROM console.decisions WHERE tenant = $1 AND decided_at_ms >= $2 ORDER BY decided_at_ms DESC LIMIT ${DECISIONS_MAX}) r`;
/**
 * Payments that are old enough for a verdict, as in a backtest: `$2` is the earliest payment time, `$3` the latest,
 * and `$4` whether unlabelled payments are genuine unless declined. Imported payments are older than their decisions.
 */
const MATURE = `(SELECT d.*, coalesce(l.fraud, CASE WHEN $4::bool AND d.outcome <> 4 THEN false END) AS fraud
  FROM (SELECT transaction_id, model_version, rung, score, outcome, candidate_version, candidate_score
    FROM console.payments p JOIN console.decisions USING (transaction_id)
    WHERE p.tenant = $1 AND p.occurred_at_ms >= $2 AND p.occurred_at_ms < $3
    ORDER BY p.occurred_at_ms DESC LIMIT ${DECISIONS_MAX}) d
  LEFT JOIN console.labels l USING (transaction_id)) r`;
const recentOf = (score: string): string =>
  `SELECT count(*) AS decisions, avg(${score}) AS mean, avg((outcome > 1)::int)::float8 AS stopped FROM ${RECENT}`;
const matureOf = (score: string): string =>
  `SELECT count(fraud) AS labels, count(*) FILTER (WHERE fraud) AS frauds,
     avg(fraud::int::float8) FILTER (WHERE outcome > 1) AS precision, avg(${score}) FILTER (WHERE fraud) AS fraud_mean,
     avg(${score}) FILTER (WHERE NOT fraud) AS genuine_mean FROM ${MATURE}`;
/** Payments decided with a model's score. @param version placeholder for the model's version */
const decidedBy = (version: string): string => `WHERE rung = 1 AND model_version = ${version}`;
const inShadow = (version: string): string =>
  `WHERE candidate_version = ${version} AND candidate_score IS NOT NULL AND model_version <> ${version}`;
const tenthOf = (score: string): string => `least(${TENTHS - 1}, floor(${score} * ${TENTHS}))::int`;

/** Statistics of the models: scores of the last day, and labels of payments that are old enough for a verdict. */
@Injectable()
export class ModelsReporter {
  readonly #kept = new Map<string, { readonly report: Promise<ModelsReport>; readonly untilMs: number }>();

  constructor(@Inject(DATABASE) private readonly database: Database) {}

  report(tenant: string): Promise<ModelsReport> {
    const kept = this.#kept.get(tenant);
    if (kept !== undefined && kept.untilMs > Date.now()) return kept.report;
    for (const [other, { untilMs }] of this.#kept) if (untilMs <= Date.now()) this.#kept.delete(other);
    const report = this.#gather(tenant);
    this.#kept.set(tenant, { report, untilMs: Date.now() + KEPT_MS });
    report.catch(() => this.#kept.delete(tenant));
    return report;
  }

  async #gather(tenant: string): Promise<ModelsReport> {
    const fromMs = (Math.floor(Date.now() / HOUR_MS) - HOURS + 1) * HOUR_MS;
    const place = [tenant, fromMs];
    const [models] = await this.database.query(
      modelsRow,
      `SELECT (array_agg(model_version ORDER BY decided_at_ms DESC) FILTER (
           WHERE rung = 1 AND model_version IS DISTINCT FROM candidate_version))[1] AS champion,
         (array_agg(candidate_version ORDER BY decided_at_ms DESC) FILTER (WHERE candidate_version IS NOT NULL))[1] AS candidate
       FROM (SELECT * FROM ${RECENT} ORDER BY decided_at_ms DESC LIMIT 1000) newest`,
      place,
    );
    const { champion = null, candidate = null } = models ?? {};
    const labels = await surveyLabels(this.database, tenant);
    const beforeMs = Math.max(0, labels.matureBeforeMs);
    const mature = [tenant, Math.max(0, beforeMs - MATURE_DAYS * DAY_MS), beforeMs, labels.isUnlabelledGenuine];
    const places = { recent: place, mature };
    const [ofChampion, ofCanary, ofShadow, matureCount, tenths, calibration, hours, drifts] = await Promise.all([
      this.#figures(champion, "score", decidedBy, places),
      this.#figures(candidate, "score", decidedBy, places),
      this.#figures(candidate, "candidate_score", inShadow, places),
      this.database.query(countRow, `SELECT count(fraud) AS count FROM ${MATURE}`, mature),
      this.#tenths([...place, champion, candidate]),
      this.database.query(
        calibrationRow,
        `SELECT avg(score) AS mean, avg(fraud::int)::float8 AS frauds, count(*) AS labels FROM ${MATURE}
         ${decidedBy("$5")} AND fraud IS NOT NULL GROUP BY ${tenthOf("score")} ORDER BY mean`,
        [...mature, champion],
      ),
      this.database.query(
        hourRow,
        `SELECT decided_at_ms / ${HOUR_MS} * ${HOUR_MS} AS at_ms, count(*) AS decisions, avg(score) AS mean,
           avg((outcome = 4)::int)::float8 AS declined FROM ${RECENT} GROUP BY 1 ORDER BY 1`,
        place,
      ),
      this.database.query(
        driftRow,
        `SELECT model, to_char(day, 'YYYY-MM-DD') AS day, compared_from, compared_to, payments, sentence, columns
         FROM console.drifts d WHERE tenant IN ('', $1) ORDER BY d.day DESC, event_id LIMIT ${DRIFTS_MAX}`,
        [tenant],
      ),
    ]);
    return {
      champion: ofChampion,
      canary: ofCanary,
      shadow: ofShadow === null ? null : { ...ofShadow, stoppedShare: null, precision: null },
      histogram: tenths,
      calibration: calibration.map(({ mean: meanScore, frauds, labels }) => ({
        meanScore,
        fraudShare: frauds,
        labels,
      })),
      maturity: {
        delayDays: labels.delayDays ?? null,
        beforeMs: labels.delayDays === undefined ? null : beforeMs,
        payments: matureCount[0]?.count ?? 0,
      },
      hours: hours.map(({ at_ms, decisions, mean: meanScore, declined }) => {
        return { atMs: at_ms, decisions, meanScore, declinedShare: declined };
      }),
      drifts: drifts.map(({ compared_from: comparedFrom, compared_to: comparedTo, ...drift }) => {
        return { ...drift, comparedFrom, comparedTo };
      }),
    };
  }

  async #figures(
    version: string | null,
    score: string,
    which: (version: string) => string,
    places: Readonly<Record<"recent" | "mature", readonly unknown[]>>,
  ): Promise<ModelFigures | null> {
    if (version === null) return null;
    const [[recent], [mature]] = await Promise.all([
      this.database.query(recentRow, `${recentOf(score)} ${which("$3")}`, [...places.recent, version]),
      this.database.query(matureRow, `${matureOf(score)} ${which("$5")}`, [...places.mature, version]),
    ]);
    if (recent === undefined || mature === undefined) return null;
    const { mean: meanScore, stopped: stoppedShare, decisions } = recent;
    const { fraud_mean: fraudScore, genuine_mean: genuineScore, ...counts } = mature;
    return { version, decisions, meanScore, stoppedShare, fraudScore, genuineScore, ...counts };
  }

  async #tenths(values: readonly unknown[]): Promise<ModelsReport["histogram"]> {
    const rows = await this.database.query(
      tenthRow,
      `SELECT tenth, count(*) FILTER (WHERE of = 'champion') AS champion, count(*) FILTER (WHERE of = 'candidate') AS candidate
       FROM ${RECENT}, LATERAL (
         SELECT 'champion' AS of, ${tenthOf("score")} AS tenth WHERE rung = 1 AND model_version = $3
         UNION ALL SELECT 'candidate', ${tenthOf("candidate_score")} WHERE candidate_version = $4 AND candidate_score IS NOT NULL
       ) t GROUP BY tenth`,
      values,
    );
    const of = (which: "champion" | "candidate"): number[] =>
      Array.from({ length: TENTHS }, (_, tenth) => rows.find((row) => row.tenth === tenth)?.[which] ?? 0);
    return { champion: of("champion"), candidate: of("candidate") };
  }
}
