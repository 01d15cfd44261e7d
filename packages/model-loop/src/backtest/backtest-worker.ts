import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { BacktestRow } from "@tripline/decision-engine/backtest/backtest-row";
import { draftParts, withIdsAsCodes } from "@tripline/decision-engine/backtest/draft-parts";
import type { Deciders, Reopened, SkipReason } from "@tripline/decision-engine/backtest/reopen-payment";
import { draftRow } from "@tripline/decision-engine/backtest/reopen-payment";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { parseScorecard } from "@tripline/decision-engine/parse-scorecard";
import type { PolicyText } from "../replay-decisions/find-policies.js";
import type { ArchivedDecision } from "../replay-decisions/read-archived.js";
import { reopenDecision } from "../replay-decisions/reopen-decision.js";
import { serveThread } from "../threads/serve-thread.js";

/** The inputs of a thread. */
export interface BacktestInputs {
  readonly draft: PolicyText;
  /** Their JSON. */
  readonly scorecards: readonly string[];
}

/** A thread's result for a block. */
export interface BacktestBlock {
  readonly rows: readonly BacktestRow[];
  /** Payments in the block that were decided below the model's fallback level. */
  readonly degraded: number;
  readonly skipped: readonly { readonly reason: SkipReason; readonly what: string }[];
}

await serveThread(async ({ draft, scorecards }: BacktestInputs) => {
  const spec = currentFeatureSpec();
  const policy = parsePolicy(draft.text, spec, draft.fileName);
  const traced = withIdsAsCodes(policy);
  const ids = new Set(draftParts(policy).map(({ id }) => id));
  const cards = scorecards.map((text) => parseScorecard(text, spec));
  const deciders: Deciders = {
    specVersion: spec.version,
    policyOf: () => traced,
    scorecardOf: (version) => cards.find((card) => card.version === version),
  };
  return async (block: readonly ArchivedDecision[]): Promise<BacktestBlock> => {
    const reopened: Reopened[] = [];
    const skipped: { readonly reason: SkipReason; readonly what: string }[] = [];
    for (const row of block) {
      const one = reopenDecision(row, deciders);
      if ("reason" in one) skipped.push(one);
      else reopened.push(one);
    }
    const degraded = reopened.filter(({ archived }) => archived.rung !== Rung.MODEL).length;
    return { rows: reopened.map((one) => draftRow(one, ids)), degraded, skipped };
  };
});
