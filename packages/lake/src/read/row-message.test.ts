import { UNSENT } from "@tripline/contracts/unsent-fields";
import { transactionOf, vectorOf } from "./row-message.js";

test("a row from before payments named payers and countries is a payment that does not name any", () => {
  const old = { transaction_id: "txn_1", card_token: "ct_1", amount_minor: 1_299n, device_token: "dt_1", ip_token: "" };
  expect(transactionOf(old)).toMatchObject({ ...UNSENT, cardToken: "ct_1", amountMinor: 1_299, deviceToken: "dt_1" });
  // As DuckDB joins files with and without a column.
  const joined = { ...old, bin: null, email_token: null, network_token: null, merchant_country: null };
  expect(vectorOf({ ...joined, spec_version: 3 })).toMatchObject({
    specVersion: 3,
    transaction: { ...UNSENT, deviceToken: "dt_1" },
  });
});
