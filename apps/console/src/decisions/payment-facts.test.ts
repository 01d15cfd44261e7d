import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { maskToken } from "../requests/mask-token.js";
import { paymentFacts } from "./payment-facts.js";

const ACCOUNT = `at_${"0a".repeat(16)}`;
const PAYMENT: Transaction = {
  ...UNSENT,
  transactionId: `txn_${"0".repeat(32)}`,
  tenant: "acme",
  clientTransactionId: "order-1",
  cardToken: `ct_${"0".repeat(32)}`,
  terminalId: "t-42",
  amountMinor: 100,
  currency: "EUR",
  occurredAtMs: 0,
  acceptedAtMs: 0,
};
const SENT = {
  latitude: 50.84673,
  longitude: 4.35247,
  mcc: "5732",
  accountToken: ACCOUNT,
  accountAgeDays: 0,
  isTest: false,
};

test("shows the fields that were sent, in the order of the list, with personal tokens masked if required", () => {
  expect(paymentFacts(PAYMENT, maskToken)).toEqual([{ name: "terminal_id", title: "Terminal", text: "t-42" }]);
  const facts = paymentFacts({ ...PAYMENT, ...SENT }, maskToken);
  expect(facts.map(({ title, text }) => [title, text])).toEqual([
    ["Terminal", "t-42"],
    ["Position", "50.847, 4.352"],
    ["Merchant category", "5732"],
    ["Test", "no"],
    ["Account", maskToken(ACCOUNT)],
    ["Account age, days", "0"],
  ]);
  expect(paymentFacts({ ...PAYMENT, ...SENT }, (token) => token)).toContainEqual({
    name: "account_token",
    title: "Account",
    text: ACCOUNT,
  });
});
