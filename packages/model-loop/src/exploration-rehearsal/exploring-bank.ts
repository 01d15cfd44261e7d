import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import type { Policy } from "@tripline/decision-engine/policy";
import { SECOND_CURRENCY } from "@tripline/simulator/consequences/consequences-table";
import type { SimulationOptions } from "@tripline/simulator/create-simulation";

/* The parameters of the rehearsal. If they change, all reported figures must be measured again. */

/** A small bank with eight times the usual fraud, so that each generation has enough of it. */
export const BANK: SimulationOptions = {
  seed: 1,
  cards: 300,
  terminals: 300,
  startMs: Date.UTC(2025, 0, 6),
  fraud: { compromisedTerminals: 2.4, stolenCards: 4.8, testingBursts: 3.6, binTestings: 0.4 },
};

/** In days. 95 % of reports arrive within about 80 days, so a model learns from payments of the 70 days before. */
export const DAYS = { beforeModel: 165, generation: 45, learnt: 150, measured: 45 } as const;

/** A rehearsed model; smaller than the demo's, because 14 of them are trained. */
export const TREES = { trees: 80, learning_rate: 0.15 } as const;

/** Payments with at least this score are declined. */
export const DECLINE_FROM = 0.2;

export const EXPLORATION = { share: 0.25, amountMax: 500, dailyLossMax: 500 } as const;

/** In EUR. */
export const COSTS = {
  fraud_loss_share: 0.9,
  chargeback_fee: 15,
  false_positive_cost: 2,
  false_positive_share: 0.05,
  review_cost: 3,
  reviews_per_day: 20,
} as const;

export function bankPolicy(spec: FeatureSpec, seed: number, explores: boolean): Policy {
  const { share, amountMax, dailyLossMax } = EXPLORATION;
  const { code, factor } = SECOND_CURRENCY;
  const limit = (currency: string, times: number): string =>
    `{ currency: ${currency}, amount_max: ${amountMax * times}, daily_loss_max: ${dailyLossMax * times} }`;
  const exploration = `
exploration:
  share: ${share}
  key: exploration of seed ${seed}
  time_zone: UTC
  limits: [${limit("EUR", 1)}, ${limit(code, factor)}]
  reason: EXPLORED
  text: Approved at random.`;
  return parsePolicy(
    `version: 1
rules: []
bands:
  - { at_least: ${DECLINE_FROM}, action: decline, reason: SCORE, text: "The score is {score}." }${explores ? exploration : ""}
default_decision:
  default: { action: review, reason: NO_FACTS, text: Nothing is known. }
`,
    spec,
  );
}
