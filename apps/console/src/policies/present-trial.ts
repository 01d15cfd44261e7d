import type { BacktestFigures } from "@tripline/decision-engine/backtest/backtest-tally";
import type * as tallied from "@tripline/decision-engine/backtest/hit-measure";
import type { LabelSurvey } from "@tripline/decision-engine/backtest/label-survey";
import type { HitFigures, PolicyTrial } from "../contract/policy-trial.js";
import { outcomeOf } from "../decisions/decision-rows.js";

interface About extends Pick<PolicyTrial, "subject" | "skipped" | "fromMs" | "toMs"> {
  readonly labels: LabelSurvey;
}

/** A tally in the form that the page shows. */
export function presentTrial(figures: BacktestFigures, { labels, ...about }: About): PolicyTrial {
  const { rows, cards, frauds, genuine, young, unlabelled, decided, draft, parts, failures, rulesSkipped } = figures;
  return {
    ...about,
    payments: rows,
    cards,
    frauds,
    genuine,
    young,
    unlabelled,
    failures,
    rulesSkipped: rulesSkipped.map(({ rows: payments, ...rule }) => ({ ...rule, payments })),
    labelDelayDays: labels.delayDays ?? null,
    decided: { stopped: hitsOf(decided.stopped), declined: hitsOf(decided.declined) },
    drafted: { stopped: hitsOf(draft.stopped), declined: hitsOf(draft.declined) },
    changes: Object.entries(figures.changes)
      .map(([change, { rows: payments, ...counts }]) => ({ change, payments, ...counts }))
      .toSorted((one, other) => other.payments - one.payments),
    movedDeclines: figures.movedDeclines,
    parts: parts.map(({ id, kind, outcome, alone, stricter, ...hits }) => {
      return { id, kind, outcome: outcomeOf(outcome), alone, stricter, ...hitsOf(hits) };
    }),
    exploration: draft.exploration,
    examples: draft.counterexamples.map(({ kind, transactionId, amountMinor, currency, occurredAtMs, sentences }) => {
      return { kind, transactionId, amountMinor, currency, occurredAtMs, sentences };
    }),
  };
}

function hitsOf({
  hits,
  share,
  frauds,
  genuine,
  unknown,
  precision,
  recall,
  falsePositiveRate,
}: tallied.HitFigures): HitFigures {
  return { hits, share, frauds, genuine, unknown, precision, recall, falsePositiveRate };
}
