import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Score } from "@tripline/decision-engine/decide-payment";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { parseScorecard } from "@tripline/decision-engine/parse-scorecard";
import type { PolicyText } from "../replay-decisions/find-policies.js";
import type { ArchivedDecision } from "../replay-decisions/read-archived.js";
import type { Deciders, Reopened } from "../replay-decisions/reopen-decision.js";
import { decideAgain, reopenDecision } from "../replay-decisions/reopen-decision.js";
import type { SkipReason } from "../replay-decisions/replay-tally.js";
import { serveThread } from "../threads/serve-thread.js";
import type { BacktestRow } from "./backtest-row.js";
import { segmentsOf } from "./backtest-row.js";
import { draftParts, withIdsAsCodes } from "./draft-parts.js";

/** What a thread decides by. */
export interface BacktestInputs {
  readonly draft: PolicyText;
  /** Their JSON. */
  readonly scorecards: readonly string[];
}

/** What a thread makes of a block. */
export interface BacktestBlock {
  readonly rows: readonly BacktestRow[];
  /** Payments of the block that had been decided below the model's rung. */
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
    return { rows: reopened.map((one) => rowOf(one, ids)), degraded, skipped };
  };
});

function rowOf(one: Reopened, ids: ReadonlySet<string>): BacktestRow {
  const { archived, transaction, isFraud } = one;
  // How much of the draft's budgets would be left is not known.
  const drafted = decideAgain({ ...one, inputs: { ...one.inputs, spentBudgets: [] } }, scoreOf(one));
  const { transactionId, cardToken, amountMinor, currency, occurredAtMs } = transaction;
  const shadowHits = drafted.shadowHits.map(({ ruleId }) => ruleId);
  const isFault = drafted.rung === Rung.STATIC_POLICY && archived.rung !== Rung.STATIC_POLICY;
  return {
    ...{ transactionId, cardToken, amountMinor, currency, occurredAtMs, isFraud },
    segments: segmentsOf(transaction),
    decided: archived.outcome,
    drafted: drafted.outcome,
    hits: [...drafted.reasons.map(({ code }) => code).filter((code) => ids.has(code)), ...shadowHits],
    shadowHits,
    sentences: drafted.reasons.map(({ text }) => text),
    failure: isFault ? drafted.degradedBecause : "",
  };
}

/** The score that it was decided by: the draft has the same model. A scorecard's is computed again, and gives the same. */
function scoreOf({ archived, inputs }: Reopened): Score {
  const { score } = inputs;
  if ("missing" in score) return score;
  return archived.score === undefined
    ? { missing: "the archive lacks the score" }
    : { value: archived.score, ...score };
}
