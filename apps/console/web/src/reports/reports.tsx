import { Screen } from "../app/screen.js";
import { text } from "../texts/en/reports.js";
import { DisputeRatioPanel } from "./dispute-ratio-panel.js";
import { Reconciliation } from "./reconciliation.js";
import { Unmatched } from "./unmatched.js";

/** Fraud reports whose payment is not known, dispute ratios, and the comparison of all reports with the payments. */
export function Reports() {
  return (
    <Screen title={text.title}>
      <Unmatched />
      <DisputeRatioPanel />
      <Reconciliation />
    </Screen>
  );
}
