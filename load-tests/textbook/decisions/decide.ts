import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { DecisionBody, ReasonBody, TransactionMessage } from "../messages.js";

type Values = Readonly<Record<string, number>>;

interface Rule {
  readonly code: string;
  readonly outcome: string;
  when(values: Values, transaction: TransactionMessage, score: number | undefined): boolean;
}

const OUTCOMES = ["approve", "challenge", "review", "decline"];
const NAMES = currentFeatureSpec().features.map(({ name }) => name);
const LARGE_CURRENCIES = new Set(["EUR", "USD", "GBP", "CHF"]);
const at = (values: Values, name: string): number => values[name] ?? 0;

/** The rules and bands of Tripline's policy as code. */
const RULES: readonly Rule[] = [
  {
    code: "UNUSUAL_AMOUNT_AFTER_FRAUD",
    outcome: "decline",
    when: (values) =>
      at(values, "card_fraud_count_7d") >= 1 && at(values, "card_ratio_30d") >= 3 && at(values, "amount") >= 50,
  },
  {
    code: "TERMINAL_WITH_FRAUDS",
    outcome: "review",
    when: (values) => at(values, "terminal_fraud_count_7d") >= 3 && at(values, "terminal_fraud_rate_7d") >= 0.5,
  },
  {
    code: "VERY_LARGE_AMOUNT",
    outcome: "review",
    when: (values, { currency }) => LARGE_CURRENCIES.has(currency) && at(values, "amount") >= 1_000,
  },
  {
    code: "AMOUNT_FAR_ABOVE_OWN_MEAN",
    outcome: "challenge",
    when: (values) =>
      at(values, "card_ratio_30d") >= 4 && at(values, "amount") >= 100 && at(values, "card_count_30d") >= 5,
  },
  {
    code: "BURST_OF_PAYMENTS",
    outcome: "challenge",
    when: (values) => at(values, "card_count_1d") >= 8 && at(values, "card_seconds_since_last") < 60,
  },
  {
    code: "LARGE_AMOUNT_WITHOUT_SCORE",
    outcome: "challenge",
    when: (values, _transaction, score) => score === undefined && at(values, "amount") >= 200,
  },
  { code: "KNOWN_FRAUD_ON_CARD", outcome: "approve", when: (values) => at(values, "card_fraud_count_30d") >= 1 },
  { code: "FIRST_PAYMENT_OF_CARD", outcome: "approve", when: (values) => at(values, "card_count_30d") <= 1 },
  { code: "SCORE_VERY_HIGH", outcome: "decline", when: (_values, _transaction, score = 0) => score >= 0.6 },
  { code: "SCORE_HIGH", outcome: "review", when: (_values, _transaction, score = 0) => score >= 0.35 && score < 0.6 },
  {
    code: "SCORE_RAISED",
    outcome: "challenge",
    when: (_values, _transaction, score = 0) => score >= 0.15 && score < 0.35,
  },
];

/** The strictest rule that fires. */
export function decide(
  transaction: TransactionMessage,
  features: readonly number[],
  score: number | undefined,
): DecisionBody {
  const values = Object.fromEntries(NAMES.map((name, index) => [name, features[index] ?? 0]));
  const reasons: ReasonBody[] = RULES.filter((rule) => rule.when(values, transaction, score))
    .map(({ code, outcome }) => ({ code, outcome, text: `${code.toLowerCase().replaceAll("_", " ")}` }))
    .sort((left, right) => OUTCOMES.indexOf(right.outcome) - OUTCOMES.indexOf(left.outcome));
  return {
    id: transaction.id,
    transaction_id: transaction.clientTransactionId,
    status: "decided",
    outcome: reasons[0]?.outcome ?? "approve",
    reasons,
    score: score ?? null,
    rung: score === undefined ? "rules_only" : "model",
    card_token: transaction.cardToken,
    accepted_at: new Date(transaction.acceptedAtMs).toISOString(),
    decided_at: new Date().toISOString(),
  };
}
