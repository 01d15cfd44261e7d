import type { ErrorCode } from "@tripline/contracts/error-table";
import type { Route } from "@tripline/http/describe-routes";
import { z } from "zod";
import { attachmentId } from "../attachments/attachments.controller.js";
import * as cases from "../cases/case-requests.js";
import type { Permission } from "../contract/session.js";
import { decisionQuery } from "../decisions/projected-decisions.js";
import { entity } from "../entities/entities.controller.js";
import { openRequest } from "../personal/personal.controller.js";
import { draft } from "../policies/policy-trials.controller.js";

/** A request from the page by a signed-in user. */
export interface ConsoleRoute extends Route {
  readonly scope: Permission | "signed-in";
}

/**
 * Only the page reads these responses, with the types in `apps/console/src/contract`, so the document only names them.
 */
const shown = (name: string) =>
  z.looseObject({}).meta({ id: name, description: `\`${name}\` of apps/console/src/contract.` });
const listOf = (name: string) => z.array(z.looseObject({})).meta({ id: `${name}s`, description: `${name}, each.` });

const CASE_ROW = shown("CaseRow");
const PERSON_REFS = listOf("PersonRef");
const VIEW = shown("SavedView");
const TRIAL_LINE = shown("TrialLine");
const FILE = z.string().meta({ id: "File" });
const OF_A_CASE = z.object({ id: z.string() });
const OF_A_FILE = OF_A_CASE.extend(attachmentId.shape);
const NOT_FOUND: readonly ErrorCode[] = ["not-found"];
const CHANGE_ERRORS: readonly ErrorCode[] = ["not-found", "changed-meanwhile", "csrf-token-wrong"];

/** Changes of a case that return its row. */
const CHANGES = [
  ["assign", "Assign a case, or unassign it", "cases:write", cases.assignRequest],
  ["snooze", "Snooze a case until a time", "cases:write", cases.snoozeRequest],
  ["escalate", "Escalate a case", "cases:write", cases.escalateRequest],
  ["reopen", "Reopen a closed case", "cases:write", cases.reopenRequest],
  ["verdict", "Give a verdict, or confirm another user's", "labels:write", cases.verdictRequest],
  ["verdict/refuse", "Reject another user's verdict", "labels:write", cases.refuseRequest],
] as const;

const CASES: readonly ConsoleRoute[] = [
  {
    method: "get",
    path: "/api/cases",
    id: "searchCases",
    scope: "cases:read",
    summary: "The queue",
    query: cases.caseQuery,
    answers: { 200: shown("CasePage") },
  },
  {
    method: "get",
    path: "/api/cases.csv",
    id: "downloadCases",
    scope: "cases:read",
    summary: "The queue as a CSV file",
    query: cases.caseFileQuery,
    answers: { 200: FILE },
    answerType: "text/csv",
  },
  {
    method: "post",
    path: "/api/cases/next",
    id: "takeNextCase",
    scope: "cases:write",
    summary: "Take the case that is due first",
    answers: { 200: CASE_ROW, 204: undefined },
    errors: ["csrf-token-wrong"],
  },
  {
    method: "post",
    path: "/api/cases/bulk",
    id: "changeCases",
    scope: "cases:write",
    summary: "Change several cases",
    body: cases.bulkRequest,
    answers: { 200: shown("BulkResult") },
    errors: CHANGE_ERRORS,
  },
  {
    method: "get",
    path: "/api/cases/{id}",
    id: "readCase",
    scope: "cases:read",
    summary: "A case with all its details",
    parameters: OF_A_CASE,
    answers: { 200: shown("CaseDetail") },
    errors: NOT_FOUND,
  },
  ...CHANGES.map(
    ([name, summary, scope, body]): ConsoleRoute => ({
      method: "post",
      path: `/api/cases/{id}/${name}`,
      id: `${name.replace(/^verdict\/refuse$/, "rejectVerdict")}${name.includes("/") ? "" : "Case"}`,
      scope,
      summary,
      parameters: OF_A_CASE,
      body,
      answers: { 200: CASE_ROW },
      errors: [...CHANGE_ERRORS, "approval-missing"],
    }),
  ),
  {
    method: "post",
    path: "/api/cases/{id}/notes",
    id: "addNote",
    scope: "cases:write",
    summary: "Add a note",
    parameters: OF_A_CASE,
    body: cases.noteText,
    answers: { 201: shown("CaseNote") },
    errors: CHANGE_ERRORS,
  },
  {
    method: "post",
    path: "/api/cases/{id}/narrative",
    id: "writeNarrative",
    scope: "cases:read",
    summary: "Generate a summary of the case",
    parameters: OF_A_CASE,
    answers: { 200: shown("CaseNarrative") },
    errors: ["not-found", "csrf-token-wrong"],
  },
  {
    method: "get",
    path: "/api/cases/{id}/payments.csv",
    id: "downloadPayments",
    scope: "cases:read",
    summary: "The payments of a case as a CSV file",
    parameters: OF_A_CASE,
    answers: { 200: FILE },
    answerType: "text/csv",
    errors: NOT_FOUND,
  },
  {
    method: "get",
    path: "/api/cases/{id}/report.pdf",
    id: "downloadReport",
    scope: "cases:read",
    summary: "A case as a PDF",
    parameters: OF_A_CASE,
    query: cases.reportQuery,
    answers: { 200: FILE },
    answerType: "application/pdf",
    errors: NOT_FOUND,
  },
  {
    method: "post",
    path: "/api/cases/{id}/attachments",
    id: "addAttachment",
    scope: "cases:write",
    summary: "Add a file; its name is percent-encoded in the header x-file-name",
    parameters: OF_A_CASE,
    body: FILE,
    bodyType: "application/octet-stream",
    answers: { 201: shown("CaseAttachment") },
    errors: [...CHANGE_ERRORS, "invalid-header", "store-refused", "service-unavailable"],
  },
  {
    method: "get",
    path: "/api/cases/{id}/attachments/{attachment}",
    id: "downloadAttachment",
    scope: "personal:read",
    summary: "A file of a case",
    parameters: OF_A_FILE,
    answers: { 200: FILE },
    answerType: "*/*",
    errors: ["not-found", "store-refused", "service-unavailable"],
  },
  {
    method: "delete",
    path: "/api/cases/{id}/attachments/{attachment}",
    id: "removeAttachment",
    scope: "cases:write",
    summary: "Remove a file",
    parameters: OF_A_FILE,
    answers: { 204: undefined },
    errors: [...CHANGE_ERRORS, "store-refused", "service-unavailable"],
  },
];

const VIEWS: readonly ConsoleRoute[] = [
  {
    method: "get",
    path: "/api/views",
    id: "listViews",
    scope: "cases:read",
    summary: "The user's saved views of the queue",
    answers: { 200: listOf("SavedView") },
  },
  {
    method: "get",
    path: "/api/views/{name}",
    id: "readView",
    scope: "cases:read",
    summary: "A saved view",
    parameters: cases.viewName,
    answers: { 200: VIEW },
    errors: NOT_FOUND,
  },
  {
    method: "put",
    path: "/api/views/{name}",
    id: "saveView",
    scope: "cases:read",
    summary: "Save a view",
    parameters: cases.viewName,
    body: cases.viewQuery,
    answers: { 200: VIEW },
    errors: ["csrf-token-wrong"],
  },
  {
    method: "delete",
    path: "/api/views/{name}",
    id: "removeView",
    scope: "cases:read",
    summary: "Remove a view",
    parameters: cases.viewName,
    answers: { 204: undefined },
    errors: ["csrf-token-wrong"],
  },
];

const REST: readonly ConsoleRoute[] = [
  {
    method: "get",
    path: "/api/session",
    id: "readSession",
    scope: "signed-in",
    summary: "The signed-in user, with the session's CSRF token",
    answers: { 200: shown("Session") },
  },
  {
    method: "post",
    path: "/session/sign-out",
    id: "signOut",
    scope: "signed-in",
    summary: "Sign out",
    answers: { 200: z.object({ url: z.string() }).meta({ id: "SignedOut" }) },
    errors: ["csrf-token-wrong"],
  },
  {
    method: "get",
    path: "/api/people",
    id: "listPeople",
    scope: "cases:read",
    summary: "Users who work on cases",
    answers: { 200: PERSON_REFS },
  },
  {
    method: "get",
    path: "/api/people/names",
    id: "listNames",
    scope: "signed-in",
    summary: "Names of users who have signed in",
    answers: { 200: PERSON_REFS },
  },
  {
    method: "get",
    path: "/api/decisions",
    id: "searchDecisions",
    scope: "decisions:read",
    summary: "Decisions, newest first",
    query: decisionQuery,
    answers: { 200: shown("DecisionPage") },
  },
  {
    method: "get",
    path: "/api/decisions/{id}",
    id: "readDecision",
    scope: "decisions:read",
    summary: "A payment with its decision and updates, by Tripline's ID or yours",
    parameters: OF_A_CASE,
    answers: { 200: shown("PaymentDetail") },
    errors: ["decision-not-found"],
  },
  {
    method: "get",
    path: "/api/entities/{kind}/{value}",
    id: "readEntity",
    scope: "cases:read",
    summary: "Details of a card, a terminal or another entity of payments",
    parameters: entity,
    answers: { 200: shown("EntityDetail") },
    errors: NOT_FOUND,
  },
  {
    method: "get",
    path: "/api/live",
    id: "followDecisions",
    scope: "decisions:read",
    summary: "Decisions as they are made, as server-sent events",
    answers: { 200: FILE },
    answerType: "text/event-stream",
  },
  {
    method: "get",
    path: "/api/health",
    id: "readHealth",
    scope: "decisions:read",
    summary: "Status of the services and of the data behind the page",
    answers: { 200: shown("HealthReport") },
  },
  {
    method: "get",
    path: "/api/models",
    id: "listModels",
    scope: "models:read",
    summary: "The models in use and their performance",
    answers: { 200: shown("ModelsReport") },
  },
  {
    method: "get",
    path: "/api/models/{version}",
    id: "readModelCard",
    scope: "models:read",
    summary: "The card of a model",
    parameters: z.object({ version: z.string() }),
    answers: { 200: shown("ModelCard") },
    errors: ["model-not-found"],
  },
  {
    method: "post",
    path: "/api/policy/backtest",
    id: "backtestPolicy",
    scope: "policy:read",
    summary: "Backtest a draft on recent payments: one JSON object per line",
    body: draft,
    answers: { 200: TRIAL_LINE },
    answerType: "application/x-ndjson",
    errors: ["csrf-token-wrong"],
  },
  {
    method: "post",
    path: "/api/policy/shadow",
    id: "reportShadowRules",
    scope: "policy:read",
    summary: "What shadow rules would have stopped: one JSON object per line",
    answers: { 200: TRIAL_LINE },
    answerType: "application/x-ndjson",
    errors: ["csrf-token-wrong"],
  },
  {
    method: "post",
    path: "/api/personal/open",
    id: "openPersonalData",
    scope: "personal:read",
    summary: "Decrypt personal data of payments; recorded in the audit log",
    body: openRequest,
    answers: { 200: shown("OpenedPersonal") },
    errors: ["csrf-token-wrong", "not-found", "service-unavailable", "master-key-unavailable"],
  },
];

export const ROUTES: readonly ConsoleRoute[] = [...CASES, ...VIEWS, ...REST];
