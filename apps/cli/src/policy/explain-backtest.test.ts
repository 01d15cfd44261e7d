import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { BacktestRow } from "@tripline/decision-engine/backtest/backtest-row";
import { BacktestTally } from "@tripline/decision-engine/backtest/backtest-tally";
import { aboutBacktest } from "./explain-backtest.js";

const NO_LABELS = {
  ...{ matureBeforeMs: 0, isUnlabelledGenuine: false },
  ...{ frauds: 0, genuine: 0, newestMs: undefined, delayDays: undefined },
};
const PAYMENT: Omit<BacktestRow, "decided" | "drafted"> = {
  ...{ transactionId: "txn_1", cardToken: "ct_1", amountMinor: 100, currency: "EUR", occurredAtMs: 0 },
  ...{ segments: [], isFraud: undefined, hits: [], shadowHits: [], rulesSkipped: [], sentences: [], failure: "" },
};

function explained(...moves: readonly (readonly [decided: Outcome, drafted: Outcome])[]): string {
  const tally = new BacktestTally([], NO_LABELS);
  for (const [decided, drafted] of moves) tally.add({ ...PAYMENT, decided, drafted });
  const range = { fromMs: 0, toMs: 1, tenant: undefined, part: undefined, decidedBy: new Map(), skipped: new Map() };
  const draft = { subject: "draft", draftVersion: "1", specVersion: 1, budgets: [], degraded: 0 } as const;
  return aboutBacktest({ ...tally.figures(), ...range, ...draft, labels: NO_LABELS }).join("\n");
}

test("regression #28: a backtest reports how many payments would have had other payment updates", () => {
  const { APPROVE, REVIEW, DECLINE } = Outcome;
  const text = explained([APPROVE, DECLINE], [DECLINE, REVIEW], [DECLINE, DECLINE], [APPROVE, REVIEW]);
  expect(text).toContain("\n2 payments would have had other payment updates, because only one of the two decisions");
  expect(explained([APPROVE, REVIEW])).not.toContain("payment updates");
});
