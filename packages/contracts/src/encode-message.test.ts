import { encodeMessage } from "./encode-message.js";
import { UNSENT } from "./generated/payment-fields.js";
import { Label, Transaction } from "./generated/tripline/events/v1/events.js";

const transaction: Transaction = {
  transactionId: "txn_1",
  tenant: "acme",
  clientTransactionId: "order-1",
  cardToken: "ct_1",
  ...UNSENT,
  terminalId: "Zürich-7",
  amountMinor: 1_299,
  currency: "CHF",
  occurredAtMs: 1_700_000_000_000,
  acceptedAtMs: 1_700_000_000_001,
  latitude: 47.4,
};

const label: Label = {
  labelId: "lbl_1",
  tenant: "acme",
  clientTransactionId: "order-1",
  cardToken: "ct_1",
  terminalId: "t-1",
  occurredAtMs: 1_700_000_000_000,
  labelledAtMs: 1_700_000_000_001,
  fraud: true,
  source: "analyst",
  reportId: "rpt_1",
  policyVersion: "default-1",
  replacedAtMs: 1_700_000_000_000,
};

test("equals the output of the generated code", () => {
  expect(encodeMessage(Transaction, transaction)).toEqual(Transaction.encode(transaction).finish());
});

test("a message neither contains the previous one nor shares its bytes", () => {
  const long = encodeMessage(Transaction, { ...transaction, clientTransactionId: "x".repeat(5_000) });
  const copy = Uint8Array.from(long);
  expect(encodeMessage(Label, label)).toEqual(Label.encode(label).finish());
  expect(long).toEqual(copy);
});

test("a failed write has no effect on the next message", () => {
  expect(() => encodeMessage(Transaction, { ...transaction, amountMinor: Number.NaN })).toThrow();
  expect(encodeMessage(Transaction, transaction)).toEqual(Transaction.encode(transaction).finish());
});
