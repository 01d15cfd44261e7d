import { TriplineError } from "@tripline/contracts/error-table";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { DraftPart } from "@tripline/decision-engine/backtest/backtest-tally";
import { BacktestTally } from "@tripline/decision-engine/backtest/backtest-tally";
import { shadowRow } from "@tripline/decision-engine/backtest/shadow-row";
import { RAISED_BY } from "@tripline/decision-engine/explain-decision";
import { decisionOf, enumValueOf, transactionOf } from "@tripline/lake/read/row-message";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import type { ArchivedRange } from "../replay-decisions/read-archived.js";
import { conditionOf, decisionTables, readArchived, surveyDecisions } from "../replay-decisions/read-archived.js";
import type { LakeReport } from "./backtest-policy.js";
import { requirePart, rowsByPolicy } from "./backtest-policy.js";
import { bootstrapTotals } from "./bootstrap-totals.js";
import type { LabelOptions } from "./survey-labels.js";
import { surveyLabels } from "./survey-labels.js";

export interface ShadowOptions extends ArchivedRange, Pick<LabelOptions, "labelsBy" | "unlabelled"> {
  /** Only this rule is reported in full. */
  readonly part?: string;
  readonly onProgress?: (progress: { readonly doneEvents: number; readonly totalEvents: number }) => void;
}

/** The period in which a rule was in shadow mode, according to its hits. */
export interface ShadowPeriod {
  readonly id: string;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Policies in which the rule had a hit. */
  readonly versions: readonly string[];
}

export interface ShadowReport extends LakeReport {
  readonly subject: "shadow";
  readonly periods: readonly ShadowPeriod[];
}

/** The effect of a shadow rule or a reason on a payment. */
interface Hit extends Pick<DraftPart, "id" | "outcome" | "code"> {
  readonly isInShadow: boolean;
}

/** Columns that older archives do not have. */
const ADDED = { shadow_hits: "STRUCT(rule_id VARCHAR, code VARCHAR, outcome VARCHAR)[]" };

/**
 * Counts from the lake what the shadow rules would have done in addition to the actual decisions if all of them had
 * been active. Decisions record their hits, so nothing is decided again. Reads the lake; writes nothing.
 *
 * @throws TriplineError `not-found` for a range without decisions, or without hits and failed rules, `invalid-field`
 *   for a rule that has neither, `lake-unavailable`
 */
export async function reportShadow(options: ShadowOptions): Promise<ShadowReport> {
  const scan = await LakeScan.open();
  try {
    const archived = await surveyDecisions(scan, options);
    const { hits, periods } = await surveyHits(scan, options);
    const inShadow = hits.filter(({ isInShadow }) => isInShadow);
    const labels = await surveyLabels(scan, options);
    // The other reasons are counted to show how much they overlap with the rules.
    const tally = new BacktestTally(hits.map(partOf), labels);
    const totalEvents = archived.reduce((sum, { rows }) => sum + rows, 0);
    let [doneEvents, lost] = [0, 0];
    for await (const block of readArchived(scan, options)) {
      for (const row of block) {
        if (row.features === undefined) lost += 1;
        else tally.add(shadowRow(decisionOf(row.decision), transactionOf(row.features), row.isFraud, row.isNotPaid));
      }
      doneEvents += block.length;
      options.onProgress?.({ doneEvents, totalEvents });
    }
    const figures = tally.figures(bootstrapTotals);
    if (inShadow.length + figures.rulesSkipped.length === 0) {
      throw new TriplineError(
        "not-found",
        "No shadow rule fired for a payment in this range. Check that a shadow rule is active.",
      );
    }
    const ids = new Set(inShadow.map(({ id }) => id));
    const parts = figures.parts.filter(({ id }) => ids.has(id));
    requirePart(parts, options.part, "The range");
    const { fromMs, toMs, tenant, part } = options;
    return {
      ...figures,
      parts,
      subject: "shadow",
      fromMs,
      toMs,
      tenant,
      part,
      labels,
      periods,
      decidedBy: rowsByPolicy(archived),
      skipped: lost === 0 ? new Map() : new Map([["features-missing", new Map([["", lost]])]]),
    };
  } finally {
    await scan.close();
  }
}

function partOf({ id, outcome, code, isInShadow }: Hit): DraftPart {
  return { id, kind: "rule", outcome, code, mode: isInShadow ? "shadow" : "live", percent: 100 };
}

/** The shadow rules and reasons of a range, most frequent first, and the shadow period of each rule. */
async function surveyHits(scan: LakeScan, range: ArchivedRange) {
  const hits: Hit[] = [];
  const periods: ShadowPeriod[] = [];
  let isFirst = true;
  for await (const table of decisionTables(scan, range, ADDED)) {
    await scan.row(`${isFirst ? "CREATE TABLE daily_hits AS" : "INSERT INTO daily_hits"}
      WITH d AS MATERIALIZED (SELECT * FROM ${table} WHERE ${conditionOf(range)}), h AS (
        SELECT true AS in_shadow, unnest(shadow_hits, recursive := true), decided_at_ms, policy_version FROM d
        UNION ALL BY NAME
        SELECT false AS in_shadow, r.code AS rule_id, r.code AS code, r.outcome AS outcome, decided_at_ms, policy_version
        FROM (SELECT unnest(reasons) AS r, decided_at_ms, policy_version FROM d))
      SELECT in_shadow, rule_id, policy_version, max_by(code, decided_at_ms) AS code,
        max_by(outcome, decided_at_ms) AS outcome, min(decided_at_ms) AS first_ms, max(decided_at_ms) AS last_ms,
        count(*) AS count
      FROM h GROUP BY ALL`);
    isFirst = false;
  }
  if (isFirst) return { hits, periods };
  const found =
    scan.rows(`SELECT in_shadow, rule_id, max_by(code, last_ms) AS code, max_by(outcome, last_ms) AS outcome,
      min(first_ms) AS first_ms, max(last_ms) AS last_ms, list(DISTINCT policy_version) AS versions
    FROM daily_hits GROUP BY in_shadow, rule_id ORDER BY sum(count) DESC, rule_id`);
  for await (const chunk of found) {
    for (const { in_shadow, rule_id, code, outcome, first_ms, last_ms, versions } of chunk) {
      const [id, isInShadow] = [String(rule_id), in_shadow === true];
      if (!isInShadow && id.startsWith(RAISED_BY)) continue;
      hits.push({ id, code: String(code), isInShadow, outcome: enumValueOf(Outcome, outcome) });
      if (!isInShadow) continue;
      const policies = Array.isArray(versions) ? versions.map(String).sort() : [];
      periods.push({ id, firstMs: Number(first_ms), lastMs: Number(last_ms), versions: policies });
    }
  }
  return { hits, periods };
}
