import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { BacktestFigures, DraftPart } from "@tripline/decision-engine/backtest/backtest-tally";
import { BacktestTally, nameOf } from "@tripline/decision-engine/backtest/backtest-tally";
import { draftParts } from "@tripline/decision-engine/backtest/draft-parts";
import type { LabelSurvey } from "@tripline/decision-engine/backtest/label-survey";
import type { SkipReason } from "@tripline/decision-engine/backtest/reopen-payment";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import { decideBlocks } from "../replay-decisions/decide-blocks.js";
import { findScorecards } from "../replay-decisions/find-models.js";
import { readPolicy } from "../replay-decisions/find-policies.js";
import type { ArchivedDecision, ArchivedRange, ArchivedVersions } from "../replay-decisions/read-archived.js";
import { readArchived, requireSpec, surveyDecisions } from "../replay-decisions/read-archived.js";
import { readScorecard } from "../replay-decisions/read-scorecard.js";
import { ThreadPool } from "../threads/thread-pool.js";
import type { BacktestBlock, BacktestInputs } from "./backtest-worker.js";
import { bootstrapTotals } from "./bootstrap-totals.js";
import type { LabelOptions } from "./survey-labels.js";
import { surveyLabels } from "./survey-labels.js";

export interface BacktestOptions extends ArchivedRange, Pick<LabelOptions, "labelsBy" | "unlabelled"> {
  /** The draft. */
  readonly policyFile: string;
  /** Only this rule or band is reported in full. */
  readonly part?: string;
  /** Contains the scorecards that were used as a fallback for the model. */
  readonly registryUrl: string;
  /** Scorecards that the registry lacks. */
  readonly scorecardFiles: readonly string[];
  readonly threads: number;
  readonly onProgress?: (progress: { readonly doneEvents: number; readonly totalEvents: number }) => void;
}

/** The header of a report about payments in the lake. */
export interface LakeReport extends BacktestFigures {
  /** What is evaluated: a draft, or the active policy together with its shadow rules. */
  readonly subject: "draft" | "shadow";
  readonly fromMs: number;
  readonly toMs: number;
  readonly tenant: string | undefined;
  /** The requested part. */
  readonly part: string | undefined;
  /** Policies that made the decisions, each with its number of decisions. */
  readonly decidedBy: ReadonlyMap<string, number>;
  readonly labels: LabelSurvey;
  /** Skipped payments, by reason and by what was missing. */
  readonly skipped: ReadonlyMap<SkipReason, ReadonlyMap<string, number>>;
}

export interface BacktestReport extends LakeReport {
  readonly subject: "draft";
  readonly draftVersion: string;
  readonly specVersion: number;
  /** The draft's budgets. They are not applied. */
  readonly budgets: readonly { readonly outcome: string; readonly perDay: number }[];
  /** Payments that were decided on a fallback level below the model. They have no model score here either. */
  readonly degraded: number;
}

/**
 * Decides archived payments with a draft policy and their original scores, and counts the fraud that it would have
 * caught and its false positives. Reads the lake; writes nothing.
 *
 * @throws TriplineError `not-found` for an empty range, `invalid-field` for a rule that is not in the draft,
 *   `config-invalid`, `policy-invalid` or `scorecard-invalid` for a file, `spec-mismatch` if no decision uses this
 *   build's feature spec, `lake-unavailable`, and like the registry
 */
export async function backtestPolicy(options: BacktestOptions): Promise<BacktestReport> {
  const spec = currentFeatureSpec();
  const draft = await readPolicy(options.policyFile);
  const policy = parsePolicy(draft.text, spec, draft.fileName);
  const parts = draftParts(policy);
  requirePart(parts, options.part, options.policyFile);
  const files = await Promise.all(options.scorecardFiles.map((file) => readScorecard(file, spec)));
  const scan = await LakeScan.open();
  try {
    const archived = await surveyDecisions(scan, options);
    requireSpec(archived, spec);
    const scorecards = [...(await findScorecards(options.registryUrl, archived, spec)), ...files];
    const labels = await surveyLabels(scan, options);
    const tally = new BacktestTally(parts, labels);
    const counts = await tallyAll(scan, { draft, scorecards }, archived, { ...options, tally });
    const { fromMs, toMs, tenant, part } = options;
    return {
      ...tally.figures(bootstrapTotals),
      subject: "draft",
      draftVersion: draft.version,
      specVersion: spec.version,
      fromMs,
      toMs,
      tenant,
      part,
      labels,
      ...counts,
      decidedBy: rowsByPolicy(archived),
      budgets: policy.budgets.map(({ outcome, perDay }) => ({ outcome: nameOf(outcome), perDay })),
    };
  } finally {
    await scan.close();
  }
}

/** @throws TriplineError `invalid-field` if no part has this name */
export function requirePart(parts: readonly DraftPart[], part: string | undefined, of: string): void {
  if (part === undefined || parts.some(({ id }) => id === part)) return;
  const ids = parts.map(({ id }) => id).join(", ");
  throw new TriplineError("invalid-field", `${of} has no rule "${part}". Set --rule to one of: ${ids}.`);
}

async function tallyAll(
  scan: LakeScan,
  inputs: BacktestInputs,
  archived: readonly ArchivedVersions[],
  { tally, ...options }: BacktestOptions & { readonly tally: BacktestTally },
): Promise<Pick<BacktestReport, "degraded" | "skipped">> {
  const totalEvents = archived.reduce((sum, { rows }) => sum + rows, 0);
  const skipped = new Map<SkipReason, Map<string, number>>();
  let [degraded, doneEvents] = [0, 0];
  const body = new URL("./backtest-worker.js", import.meta.url);
  const pool = await ThreadPool.start<readonly ArchivedDecision[], BacktestBlock>(body, inputs, options.threads);
  try {
    for await (const { rows, result } of decideBlocks(readArchived(scan, options), pool, options.threads)) {
      for (const row of result.rows) tally.add(row);
      for (const { reason, what } of result.skipped) {
        const whats = skipped.get(reason) ?? new Map<string, number>();
        skipped.set(reason, whats.set(what, (whats.get(what) ?? 0) + 1));
      }
      degraded += result.degraded;
      doneEvents += rows;
      options.onProgress?.({ doneEvents, totalEvents });
    }
  } finally {
    await pool.close();
  }
  return { degraded, skipped };
}

export function rowsByPolicy(archived: readonly ArchivedVersions[]): ReadonlyMap<string, number> {
  const rows = new Map<string, number>();
  for (const { policyVersion, rows: more } of archived) rows.set(policyVersion, (rows.get(policyVersion) ?? 0) + more);
  return rows;
}
