import { Decision, Outcome, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { BacktestTally } from "./backtest-tally.js";
import { truthOf } from "./population.js";
import { shadowRow } from "./shadow-row.js";

const RULE = { matureBeforeMs: 1_000, isUnlabelledGenuine: true };
const PART = { id: "far", kind: "rule", outcome: Outcome.DECLINE, code: "FAR", mode: "shadow", percent: 100 } as const;
const payment: Transaction = {
  ...Transaction.decode(Buffer.of()),
  ...{ transactionId: "txn_1", cardToken: "ct_1", currency: "EUR", occurredAtMs: 1 },
};

function decision(outcome: Outcome, explorationProbability?: number): Decision {
  const shadowHits = [{ ruleId: "far", code: "FAR", outcome: Outcome.DECLINE }];
  return { ...Decision.decode(Buffer.of()), outcome, explorationProbability, shadowHits };
}

test.each([
  ["an explored approval, which the policy declined", Outcome.APPROVE, 0.25, Outcome.DECLINE, 4],
  ["an approval", Outcome.APPROVE, undefined, Outcome.APPROVE, undefined],
  ["a decline above the daily limit", Outcome.DECLINE, 0, Outcome.DECLINE, undefined],
])(
  "regression #31: shadow rules are compared with what the policy decided: %s",
  (_, outcome, share, decided, weight) => {
    const row = shadowRow(decision(outcome, share), payment, undefined);
    expect([row.decided, row.drafted, row.exploredWeight]).toEqual([decided, Outcome.DECLINE, weight]);
    const tally = new BacktestTally([PART], RULE);
    tally.add(row);
    expect(tally.figures().parts[0]?.stricter).toBe(decided === Outcome.DECLINE ? 0 : 1);
  },
);

test("regression #31: an unlabelled payment that the issuer declined is not genuine", () => {
  const truths = [false, true].map((isNotPaid) =>
    truthOf(shadowRow(decision(Outcome.APPROVE), payment, undefined, isNotPaid), RULE),
  );
  expect(truths).toEqual(["genuine", "unlabelled"]);
});
