import type { MatchedBy } from "../contract/fraud-reports.js";

/** A report without a payment ID. Strings are empty if they were not sent. */
export interface SearchedReport {
  readonly card_token: string;
  readonly acquirer_reference: string;
  readonly authorisation_code: string;
  readonly amount_minor: number | null;
  readonly currency: string;
}

/** A payment with the report's acquirer reference, or with its card and within two days of its date. */
export interface Candidate extends SearchedReport {
  readonly amount_minor: number;
  /** False if some payments with the same card or reference were not compared. */
  readonly is_complete: boolean;
}

export type Choice<C> =
  | { readonly state: "matched"; readonly payment: C; readonly by: MatchedBy }
  | { readonly state: "ambiguous" | "waiting" };

/**
 * Finds the payment that a report is about. The acquirer reference identifies a payment. Otherwise, the authorisation
 * code or the amount must identify one of the card's payments; a user decides if several payments match or only the
 * amount differs.
 *
 * @param candidates in any order
 */
export function choosePayment<C extends Candidate>(report: SearchedReport, candidates: readonly C[]): Choice<C> {
  const { acquirer_reference, authorisation_code } = report;
  const possible = candidates.filter((one) => isPossible(report, one));
  const isSameAmount = (one: C) => one.amount_minor === report.amount_minor && one.currency === report.currency;
  const steps: readonly [MatchedBy, (one: C) => boolean][] = [
    ["acquirer_reference", (one) => acquirer_reference !== "" && one.acquirer_reference === acquirer_reference],
    ["authorisation_code", (one) => authorisation_code !== "" && one.authorisation_code === authorisation_code],
    ["amount", isSameAmount],
  ];
  for (const [by, applies] of steps) {
    const found = possible.filter(applies);
    const exact = found.length > 1 ? found.filter(isSameAmount) : found;
    // Payments with the reference are read separately from those of the card.
    const compared = by === "acquirer_reference" ? found : possible;
    const isComplete = compared.every(({ is_complete }) => is_complete);
    if (isComplete && exact.length === 1 && exact[0] !== undefined) return { state: "matched", payment: exact[0], by };
    if (found.length > 0) return { state: "ambiguous" };
  }
  return { state: possible.length > 0 ? "ambiguous" : "waiting" };
}

const EVIDENCE = ["card_token", "acquirer_reference", "authorisation_code"] as const;
type Evidence = Pick<SearchedReport, (typeof EVIDENCE)[number]>;

/** A different card, reference or code excludes a payment; a missing one does not. */
export function isPossible(report: Evidence, payment: Evidence): boolean {
  return EVIDENCE.every((name) => report[name] === "" || payment[name] === "" || report[name] === payment[name]);
}

/** The same as `isPossible` in SQL, for the names of two rows. */
export function possibleSql(report: string, payment: string): string {
  const isCompatible = (name: string): string =>
    `(${report}.${name} = '' OR ${payment}.${name} = '' OR ${report}.${name} = ${payment}.${name})`;
  return EVIDENCE.map(isCompatible).join(" AND ");
}
