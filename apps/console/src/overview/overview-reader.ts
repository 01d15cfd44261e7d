import { Inject, Injectable } from "@nestjs/common";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { SLOW_REQUESTS } from "../background.js";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import type { CurrencyOverview, Dimension, Overview } from "../contract/overview.js";
import { surveyLabels } from "../reports/survey-labels.js";
import { SUM_COLUMNS } from "./overview-columns.js";
import type { OverviewQuery, Parts, Period } from "./overview-period.js";
import { dayOf, daysBetween, keptFrom, partsOf, periodOf } from "./overview-period.js";
import type { OverviewRow } from "./sum-figures.js";
import { OVERVIEW_SUMS, overviewRow, sumFigures } from "./sum-figures.js";

/** Maximum number of lines per currency: the values with the most payments. */
const LINES_MAX = 50;
/** The survey reads up to 200,000 labels, and its result changes slowly. */
const SURVEY_MS = 600_000;
/** The oldest is evicted first. */
const SURVEYS_MAX = 1_000;

const stateRow = z.object({
  upgraded_ms: z.coerce.number(),
  has_payments: z.boolean(),
  has_verdicts: z.boolean(),
});

interface Survey {
  readonly matureBefore: Promise<string | null>;
  readonly untilMs: number;
}

/** Reads the Overview from the figures that the projection maintains. */
@Injectable()
export class OverviewReader {
  readonly #surveys = new Map<string, Survey>();

  constructor(
    @Inject(SLOW_REQUESTS) private readonly database: Database,
    @Inject(CONSOLE_CONFIG) private readonly config: Pick<ConsoleConfig, "RETENTION_DAYS">,
  ) {}

  async read(tenant: string, query: OverviewQuery, nowMs = Date.now()): Promise<Overview> {
    const period = periodOf(query, nowMs);
    const [state] = await this.database.query(
      stateRow,
      `SELECT upgraded_ms, EXISTS (${OF_TENANT}) AS has_payments, EXISTS (${OF_TENANT} AND ${VERDICTS} > 0) AS has_verdicts
       FROM console.overview_since`,
      [tenant],
    );
    const hasVerdicts = state?.has_verdicts ?? false;
    const matureBefore = hasVerdicts ? await this.#matureBefore(tenant, nowMs) : null;
    const both = [period.days, period.previousDays];
    const byDay = { days: both.flatMap(daysBetween), months: [] };
    const totals = await this.#rows(tenant, "all", bucketOf(period), period, matureBefore, byDay);
    const parts = partsOf(both, matureBefore);
    const lines =
      query.by === undefined ? [] : await this.#rows(tenant, query.by, "value", period, matureBefore, parts);
    const upgradedMs = state?.upgraded_ms ?? 0;
    const kept = keptFrom(nowMs);
    return {
      bucket: query.bucket,
      by: query.by ?? null,
      days: period.days,
      previousDays: period.previousDays,
      matureBefore,
      hasPayments: state?.has_payments ?? false,
      hasVerdicts,
      countedSince: upgradedMs === 0 ? null : dayOf(upgradedMs),
      keptFrom: period.previousDays.from < kept ? kept : null,
      verdictDays: this.config.RETENTION_DAYS,
      currencies: currenciesOf(totals).map((currency) =>
        overviewOf(currency, period, { totals, lines, hasVerdicts, hasMature: matureBefore !== null }),
      ),
    };
  }

  /**
   * @param key SQL for what to sum by
   * @param parts which rows cover the period and the one before
   */
  #rows(
    tenant: string,
    dimension: Dimension | "all",
    key: string,
    { days }: Period,
    matureBefore: string | null,
    parts: Parts,
  ): Promise<OverviewRow[]> {
    return this.database.query(
      overviewRow,
      `SELECT currency, day < $3::date AS is_previous, ${key} AS key, ${OVERVIEW_SUMS}
       FROM console.overview_days WHERE tenant = $1 AND dimension = '${dimension}'
         AND (bucket = 'day' AND day = ANY($4::date[]) OR bucket = 'month' AND day = ANY($5::date[]))
       GROUP BY 1, 2, 3`,
      [tenant, matureBefore, days.from, parts.days, parts.months],
    );
  }

  /** Estimates which days are old enough for a verdict, as for Models and backtests. */
  #matureBefore(tenant: string, nowMs: number): Promise<string | null> {
    const known = this.#surveys.get(tenant);
    if (known !== undefined && known.untilMs > nowMs) return known.matureBefore;
    this.#surveys.delete(tenant);
    const oldest = this.#surveys.keys().next().value;
    if (this.#surveys.size >= SURVEYS_MAX && oldest !== undefined) this.#surveys.delete(oldest);
    const matureBefore = surveyLabels(this.database, tenant).then(({ delayDays, matureBeforeMs }) =>
      delayDays === undefined ? null : dayOf(Math.max(0, matureBeforeMs)),
    );
    this.#surveys.set(tenant, { matureBefore, untilMs: nowMs + SURVEY_MS });
    matureBefore.catch(() => this.#surveys.delete(tenant));
    return matureBefore;
  }
}

const OF_TENANT = "SELECT FROM console.overview_days WHERE tenant = $1 AND dimension = 'all' AND bucket = 'month'";
const VERDICTS = SUM_COLUMNS.filter(({ what, isAmount }) => what !== "payments" && !isAmount)
  .map(({ name }) => name)
  .join(" + ");

/** SQL for the first day of a bucket. For a day of the period before, of the bucket that is as far into this period. */
function bucketOf({ bucket, shift }: Period): string {
  const start = `date_trunc('${bucket}', day::timestamp)`;
  return `(CASE WHEN day < $3::date THEN ${start} + interval '${shift}' ELSE ${start} END)::date::text`;
}

function currenciesOf(rows: readonly OverviewRow[]): string[] {
  const payments = new Map<string, number>();
  for (const row of rows) {
    const { approved_payments: approved, reviewed_payments: reviewed, declined_payments: declined } = row;
    payments.set(row.currency, (payments.get(row.currency) ?? 0) + approved + reviewed + declined);
  }
  return [...payments].toSorted(([, left], [, right]) => right - left).map(([currency]) => currency);
}

interface Found {
  readonly totals: readonly OverviewRow[];
  readonly lines: readonly OverviewRow[];
  readonly hasVerdicts: boolean;
  readonly hasMature: boolean;
}

function overviewOf(currency: string, { starts }: Period, found: Found): CurrencyOverview {
  const own = found.totals.filter((row) => row.currency === currency);
  const figures = (rows: readonly OverviewRow[], isPrevious: boolean) =>
    sumFigures(
      rows.filter((row) => row.is_previous === isPrevious),
      found,
    );
  const both = (rows: readonly OverviewRow[] = []) => {
    return { figures: figures(rows, false), previous: figures(rows, true) };
  };
  const byStart = Map.groupBy(own, ({ key }) => key);
  const byValue = Map.groupBy(
    found.lines.filter((row) => row.currency === currency),
    ({ key }) => key,
  );
  const lines = [...byValue]
    .map(([value, rows]) => ({ value, ...both(rows) }))
    .toSorted(
      (left, right) =>
        right.figures.payments.count - left.figures.payments.count ||
        right.previous.payments.count - left.previous.payments.count,
    );
  return {
    currency,
    total: figures(own, false),
    previous: figures(own, true),
    buckets: starts.map((start) => ({ start, ...both(byStart.get(start)) })),
    lines: lines.slice(0, LINES_MAX),
    isCut: lines.length > LINES_MAX,
  };
}
