import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { BacktestRow } from "./backtest-row.js";
import { ExplorationTally } from "./exploration-cost.js";

const DAY_MS = 86_400_000;
const row = (day: number, amountMinor: number, score: number, tenant = "acme"): BacktestRow => ({
  ...{ transactionId: "t", cardToken: "c", amountMinor, currency: "EUR", occurredAtMs: day * DAY_MS },
  ...{ segments: ["EUR", "", "", "", tenant], isFraud: undefined, decided: Outcome.DECLINE, drafted: Outcome.DECLINE },
  ...{ hits: [], shadowHits: [], rulesSkipped: [], sentences: [], failure: "" },
  explorable: { probability: 0.1, score, dailyLossMinorMax: 500 },
});

test("expected daily costs are capped at each tenant's daily limit", () => {
  const tally = new ExplorationTally();
  // The first day's amount is 1,000, above its limit of 500; the second tenant and the second day stay below theirs.
  for (const one of [row(0, 6_000, 0.5), row(0, 4_000, 0.5), row(0, 1_000, 0.2, "other"), row(1, 2_000, 1)]) {
    tally.add(one);
  }
  tally.add({ ...row(1, 9_000, 1), explorable: undefined } as unknown as BacktestRow);
  const [cost, ...others] = tally.costs(2);
  expect(others).toEqual([]);
  expect(cost?.currency).toBe("EUR");
  expect(cost?.payments).toBe(4);
  expect(cost?.approvedPerDay).toBeCloseTo((0.1 + 0.1 + 0.1) / 2);
  expect(cost?.amountMinorPerDay).toBeCloseTo((500 + 100 + 200) / 2);
  expect(cost?.lossMinorPerDay).toBeCloseTo((250 + 20 + 200) / 2);
});
