import type { KnownPayment } from "@tripline/system/client/payment";
import type { ApiDecision } from "@tripline/system/client/tripline-client";
import { Tally } from "./tally.js";

const payment = (fraud: boolean): KnownPayment => ({
  clientTransactionId: "x",
  cardNumber: "4",
  terminalId: "t",
  amountMinor: 1,
  currency: "EUR",
  occurredAtMs: 0,
  fraud,
  labelledAtMs: null,
});

const decision = (outcome: ApiDecision["outcome"]): ApiDecision => ({
  id: "txn",
  transaction_id: "x",
  status: "decided",
  outcome,
  reasons: [],
  score: 0.5,
  fallback_level: "model",
  rung: "model",
  degraded_because: null,
  card_token: "ct",
  policy_version: "1",
  policy_revision: null,
  model: null,
  feature_spec_version: 1,
  occurred_at: "",
  accepted_at: "",
  decided_at: "",
});

test("computes precision and recall by comparing outcomes with the truth", () => {
  const tally = new Tally();
  tally.answer(payment(true), { status: 200, decision: decision("decline") }, 5);
  tally.answer(payment(false), { status: 200, decision: decision("decline") }, 10);
  tally.answer(payment(true), { status: 200, decision: decision("review") }, 15);
  tally.answer(payment(true), { status: 200, decision: decision("approve") }, 20);
  tally.answer(payment(false), { status: 503, code: "kafka-unavailable" }, 1);
  expect(tally.quality(["decline"])).toEqual({ precision: 1 / 2, recall: 1 / 3 });
  expect(tally.quality(["decline", "review", "challenge"])).toEqual({ precision: 2 / 3, recall: 2 / 3 });
  expect(tally.quantiles(100, 0, 0.5, 0.99)).toEqual([5, 15, 20]);
  expect(tally.quantiles(2, 0, 0.99)).toEqual([15, 20]);
  expect(tally).toMatchObject({ sent: 5, accepted: 4, decided: 4, pending: 0 });
  expect([...tally.refused]).toEqual([["kafka-unavailable", 1]]);
});
