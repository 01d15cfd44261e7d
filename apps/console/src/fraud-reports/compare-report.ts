import type { Agreement, CandidatePayment } from "../contract/fraud-reports.js";
import type { SearchedReport } from "./choose-payment.js";

const DAY_MS = 86_400_000;

type Compared = SearchedReport & { readonly occurred_at_ms: number };

/** Compares a report with a payment that it may be about, for the user who decides. Days are in UTC. */
export function compareReport(
  report: Compared,
  payment: Compared & { readonly amount_minor: number },
): CandidatePayment["agreement"] {
  const isSameAmount = report.amount_minor === payment.amount_minor && report.currency === payment.currency;
  return {
    card: compareTexts(report.card_token, payment.card_token),
    acquirerReference: compareTexts(report.acquirer_reference, payment.acquirer_reference),
    authorisationCode: compareTexts(report.authorisation_code, payment.authorisation_code),
    amount: report.amount_minor === null ? "unknown" : agreement(isSameAmount),
    day: agreement(dayOf(report.occurred_at_ms) === dayOf(payment.occurred_at_ms)),
  };
}

function compareTexts(left: string, right: string): Agreement {
  return left === "" || right === "" ? "unknown" : agreement(left === right);
}

const agreement = (isSame: boolean): Agreement => (isSame ? "same" : "differs");
const dayOf = (atMs: number): number => Math.floor(atMs / DAY_MS);
