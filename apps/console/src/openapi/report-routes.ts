import { CALLER_ERRORS } from "@tripline/http/describe-problems";
import { ratioQuery } from "../dispute-ratios/dispute-ratios.js";
import { reconciliationQuery } from "../fraud-reports/reconcile-reports.js";
import { matchRequest } from "../fraud-reports/unmatched-reports.controller.js";
import { unmatchedQuery } from "../fraud-reports/unmatched-reports.js";
import type { ConsoleRoute } from "./shown-answers.js";
import { FILE, listOf, NOT_FOUND, shown, WITH_ID } from "./shown-answers.js";

export const FRAUD_REPORTS: readonly ConsoleRoute[] = [
  {
    method: "get",
    path: "/api/fraud-reports/unmatched",
    id: "listUnmatchedReports",
    scope: "cases:read",
    summary: "Fraud reports without a payment, oldest first",
    query: unmatchedQuery,
    answers: { 200: shown("UnmatchedPage") },
  },
  {
    method: "get",
    path: "/api/fraud-reports/unmatched/{id}/candidates",
    id: "listCandidates",
    scope: "cases:read",
    summary: "Candidate payments for an unmatched report",
    parameters: WITH_ID,
    answers: { 200: listOf("CandidatePayment") },
    errors: NOT_FOUND,
  },
  {
    method: "post",
    path: "/api/fraud-reports/unmatched/{id}/match",
    id: "matchReport",
    scope: "labels:write",
    summary: "Match a report to one of its candidates",
    parameters: WITH_ID,
    body: matchRequest,
    answers: { 204: undefined },
    errors: ["not-found", "csrf-token-wrong"],
  },
  {
    method: "get",
    path: "/api/fraud-reports/reconciliation",
    id: "reconcileReports",
    scope: "cases:read",
    summary: "Fraud reports compared with payments, by file, kind and currency",
    query: reconciliationQuery,
    answers: { 200: shown("Reconciliation") },
  },
  {
    method: "get",
    path: "/api/fraud-reports/ratios",
    id: "readDisputeRatios",
    scope: "cases:read",
    summary:
      "A month's chargebacks divided by settled payments, by merchant and card scheme, with the schemes' thresholds",
    query: ratioQuery,
    answers: { 200: shown("DisputeRatios") },
  },
  {
    method: "get",
    path: "/api/fraud-reports/reconciliation.csv",
    id: "downloadReconciliation",
    scope: "cases:read",
    summary: "The reconciliation as a CSV file",
    query: reconciliationQuery,
    answers: { 200: FILE },
    answerType: "text/csv",
  },
];

const OF_CLIENTS = ["unmatched", "reconciliation", "ratios"].map((name) => `/api/fraud-reports/${name}`);

/** The same routes for clients with an access token. Cards are always masked. */
export const CLIENT_ROUTES = FRAUD_REPORTS.filter(({ path }) => OF_CLIENTS.includes(path)).map(
  (route): ConsoleRoute => ({
    ...route,
    path: route.path.replace("/api/", "/v1/"),
    id: `${route.id}AsClient`,
    securedBy: "oauth",
    errors: CALLER_ERRORS,
  }),
);
