import type { Candidate, SearchedReport } from "./choose-payment.js";
import { choosePayment } from "./choose-payment.js";

const CARD = "ct_1";
const payment = (change: Partial<Candidate> = {}): Candidate => ({
  card_token: CARD,
  acquirer_reference: "",
  authorisation_code: "",
  amount_minor: 1_000,
  currency: "EUR",
  is_complete: true,
  ...change,
});
const report = (change: Partial<SearchedReport> = {}): SearchedReport => ({ ...payment(), ...change });
const byReference = report({ acquirer_reference: "arn-1" });
const byCode = report({ authorisation_code: "A1" });

describe("choosePayment", () => {
  test.each<[string, SearchedReport, Candidate[], string]>([
    ["no candidate", report(), [], "waiting"],
    ["one payment of the card with the amount", report(), [payment(), payment({ amount_minor: 5 })], "amount 0"],
    ["one payment with the amount among too many payments", report(), [payment({ is_complete: false })], "ambiguous"],
    ["two payments with the amount", report(), [payment(), payment()], "ambiguous"],
    ["only the amount differs", report({ amount_minor: 999 }), [payment()], "ambiguous"],
    ["only the currency differs", report({ currency: "USD" }), [payment()], "ambiguous"],
    [
      "the reference, even if card and amount are unknown",
      report({ card_token: "", acquirer_reference: "arn-1", amount_minor: null, currency: "" }),
      [payment({ acquirer_reference: "arn-1" })],
      "acquirer_reference 0",
    ],
    [
      "the reference with another amount",
      byReference,
      [payment({ acquirer_reference: "arn-1", amount_minor: 1 }), payment()],
      "acquirer_reference 0",
    ],
    ["another reference", byReference, [payment({ acquirer_reference: "arn-2" })], "waiting"],
    [
      "the reference with another card",
      byReference,
      [payment({ acquirer_reference: "arn-1", card_token: "x" })],
      "waiting",
    ],
    [
      "one reference for two payments, one with the amount",
      byReference,
      [payment({ acquirer_reference: "arn-1", amount_minor: 1 }), payment({ acquirer_reference: "arn-1" })],
      "acquirer_reference 1",
    ],
    [
      "the code separates equal amounts",
      byCode,
      [payment({ authorisation_code: "B2" }), payment({ authorisation_code: "A1" }), payment()],
      "authorisation_code 1",
    ],
    [
      "the code with another amount",
      byCode,
      [payment({ authorisation_code: "A1", amount_minor: 1 })],
      "authorisation_code 0",
    ],
    ["another code", byCode, [payment({ authorisation_code: "B2" })], "waiting"],
    ["a payment without a code", byCode, [payment()], "amount 0"],
  ])("%s", (_title, searched, candidates, expected) => {
    const choice = choosePayment(searched, candidates);
    const found = choice.state === "matched" ? `${choice.by} ${candidates.indexOf(choice.payment)}` : choice.state;
    expect(found).toBe(expected);
  });
});
