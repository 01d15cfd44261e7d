import { z } from "zod";
import { changeId, settlement } from "../approvals/approvals.controller.js";
import { search as auditSearch, logPage } from "../audit/audit-requests.js";
import { entryKey, listName, newEntries, previewed, search } from "../lists/list-requests.js";
import { lettersToReturn, trainingFacts } from "../operations/operations-requests.js";
import {
  draftBody,
  draftName,
  newActivation,
  newApproval,
  newRevision,
  policyText,
  revisionNumber,
  settings,
} from "../policies/policy-requests.js";
import { page } from "../requests/request-schemas.js";
import { ANSWERS } from "./answer-schemas.js";
import type { ControlRoute } from "./control-route.js";
import { ROLLOUTS } from "./model-routes.js";
import { PERSONAL } from "./personal-routes.js";
import { WEBHOOKS } from "./webhook-routes.js";

const CHECK_ERRORS = ["policy-too-slow", "policy-too-large", "policy-checks-busy"] as const;
const OF_A_DRAFT = z.object({ name: draftName });
const OF_A_REVISION = z.object({ revision: revisionNumber });
const OF_AN_APPROVED_REVISION = z.object({
  revision: z.union([z.literal("none"), revisionNumber]).meta({ description: "`none` if the policy is removed." }),
});

const POLICY: readonly ControlRoute[] = [
  {
    method: "get",
    path: "/v1/policy",
    id: "readPolicy",
    scope: "policy:read",
    summary: "Active and scheduled policy, and whether approval is required",
    answers: { 200: ANSWERS.policyStatus },
  },
  {
    method: "post",
    path: "/v1/policy/check",
    id: "checkPolicy",
    scope: "policy:read",
    summary: "Check a policy file",
    body: policyText,
    errors: CHECK_ERRORS,
    answers: { 200: ANSWERS.checked },
  },
  {
    method: "get",
    path: "/v1/policy/revisions",
    id: "listRevisions",
    scope: "policy:read",
    summary: "Revisions, newest first",
    query: page,
    answers: { 200: ANSWERS.revisions },
  },
  {
    method: "post",
    path: "/v1/policy/revisions",
    id: "addRevision",
    scope: "policy:write",
    summary: "Store a text or a draft as the next revision",
    body: newRevision,
    errors: ["not-found", ...CHECK_ERRORS],
    answers: { 201: ANSWERS.revision, 200: ANSWERS.revision },
  },
  {
    method: "get",
    path: "/v1/policy/revisions/{revision}",
    id: "readRevision",
    scope: "policy:read",
    summary: "A revision with its text and approvals",
    parameters: OF_A_REVISION,
    errors: ["not-found"],
    answers: { 200: ANSWERS.revisionText },
  },
  {
    method: "post",
    path: "/v1/policy/revisions/{revision}/approvals",
    id: "approveRevision",
    scope: "policy:approve",
    summary: "Approve another user's revision",
    parameters: OF_AN_APPROVED_REVISION,
    body: newApproval,
    answers: { 204: undefined },
    errors: ["not-found", "approval-missing"],
  },
  {
    method: "put",
    path: "/v1/policy/settings",
    id: "changePolicySettings",
    scope: "policy:approve",
    summary: "Set which changes need another user's approval; to relax it, another user must confirm",
    body: settings,
    answers: { 204: undefined, 202: ANSWERS.settingsLater },
    errors: ["approval-missing"],
  },
  {
    method: "get",
    path: "/v1/policy/activations",
    id: "listActivations",
    scope: "policy:read",
    summary: "Activations, newest first",
    query: page,
    answers: { 200: ANSWERS.activations },
  },
  {
    method: "post",
    path: "/v1/policy/activations",
    id: "activateRevision",
    scope: "policy:write",
    summary: "Activate a revision, now or later",
    body: newActivation,
    answers: { 201: ANSWERS.activated, 202: ANSWERS.activated },
    errors: ["not-found", "changed-meanwhile", "approval-missing"],
  },
  {
    method: "get",
    path: "/v1/policy/drafts",
    id: "listDrafts",
    scope: "policy:read",
    summary: "Drafts",
    answers: { 200: ANSWERS.drafts },
  },
  {
    method: "get",
    path: "/v1/policy/drafts/{name}",
    id: "readDraft",
    scope: "policy:read",
    summary: "A draft, with its text and faults",
    parameters: OF_A_DRAFT,
    answers: { 200: ANSWERS.draft },
    errors: ["not-found"],
  },
  {
    method: "put",
    path: "/v1/policy/drafts/{name}",
    id: "saveDraft",
    scope: "policy:write",
    summary: "Save a draft, which may be invalid",
    parameters: OF_A_DRAFT,
    body: draftBody,
    answers: { 200: ANSWERS.savedDraft },
    errors: ["not-found", "changed-meanwhile"],
  },
  {
    method: "delete",
    path: "/v1/policy/drafts/{name}",
    id: "removeDraft",
    scope: "policy:write",
    summary: "Remove a draft",
    parameters: OF_A_DRAFT,
    answers: { 204: undefined },
    errors: ["not-found"],
  },
];

const APPROVALS: readonly ControlRoute[] = [
  {
    method: "get",
    path: "/v1/approvals",
    id: "listApprovals",
    scope: "policy:read",
    summary: "Changes awaiting another user, oldest first",
    answers: { 200: ANSWERS.approvals },
  },
  {
    method: "post",
    path: "/v1/approvals/{id}/confirm",
    id: "confirmChange",
    scope: "policy:approve",
    summary: "Confirm a change that another user requested",
    parameters: changeId,
    body: settlement,
    answers: { 204: undefined },
    errors: ["not-found", "approval-missing", "kafka-unavailable"],
  },
  {
    method: "post",
    path: "/v1/approvals/{id}/refuse",
    id: "refuseChange",
    scope: "policy:approve",
    summary: "Reject a change",
    parameters: changeId,
    body: settlement,
    answers: { 204: undefined },
    errors: ["not-found"],
  },
];

const LISTS: readonly ControlRoute[] = [
  {
    method: "get",
    path: "/v1/lists",
    id: "readLists",
    scope: "lists:read",
    summary: "Lists with the number of their entries",
    answers: { 200: ANSWERS.lists },
  },
  {
    method: "get",
    path: "/v1/lists/entries",
    id: "searchEntries",
    scope: "lists:read",
    summary: "Entries of all lists, page by page",
    query: search,
    answers: { 200: ANSWERS.entries },
  },
  {
    method: "post",
    path: "/v1/lists/preview",
    id: "previewEntries",
    scope: "lists:write",
    summary: "Count how many of the newest payments the entries for BINs, countries or IP ranges would have matched",
    body: previewed,
    answers: { 200: ANSWERS.listPreview },
    errors: ["kafka-unavailable", "deadline-exceeded"],
  },
  {
    method: "post",
    path: "/v1/lists/{list}/entries",
    id: "putEntries",
    scope: "lists:write",
    summary: "Add entries to a list",
    parameters: listName,
    body: newEntries,
    answers: { 200: ANSWERS.listed, 202: ANSWERS.listedLater },
    errors: ["approval-missing"],
  },
  {
    method: "delete",
    path: "/v1/lists/{list}/entries",
    id: "removeEntry",
    scope: "lists:write",
    summary: "Remove an entry from a list",
    parameters: listName,
    query: entryKey,
    answers: { 204: undefined },
    errors: ["not-found"],
  },
];

const AUDIT: readonly ControlRoute[] = [
  {
    method: "get",
    path: "/v1/audit",
    id: "searchAudit",
    scope: "audit:read",
    summary: "Audit entries, newest first",
    query: auditSearch,
    answers: { 200: ANSWERS.audit },
  },
  {
    method: "get",
    path: "/v1/audit/log",
    id: "readAuditLog",
    scope: "audit:read",
    summary: "The audit log as it was hashed, oldest entry first",
    query: logPage,
    answers: { 200: ANSWERS.auditLog },
  },
  {
    method: "get",
    path: "/v1/audit/checkpoints",
    id: "readAuditCheckpoints",
    scope: "audit:read",
    summary: "Signatures of the audit log, and the public keys for verifying them",
    query: logPage,
    answers: { 200: ANSWERS.checkpoints },
  },
];

const REDRIVE = {
  method: "post",
  scope: "operations:write",
  body: lettersToReturn,
  answers: { 200: ANSWERS.returned },
  errors: ["state-conflict", "kafka-unavailable", "deadline-exceeded"],
} as const;

const OPERATIONS: readonly ControlRoute[] = [
  {
    method: "get",
    path: "/v1/dead-letters",
    id: "listDeadLetters",
    scope: "operations:read",
    summary: "Records that could not be processed, by topic, newest first",
    answers: { 200: ANSWERS.letters },
    errors: ["kafka-unavailable", "deadline-exceeded"],
  },
  { ...REDRIVE, path: "/v1/dead-letters/redrive", id: "redriveDeadLetters", summary: "Redrive dead letters" },
  {
    ...REDRIVE,
    path: "/v1/dead-letters/return",
    id: "returnDeadLetters",
    summary: "Former path of `/v1/dead-letters/redrive`. Version 0.3.0 removes it.",
  },
  {
    method: "get",
    path: "/v1/erasures",
    id: "listErasures",
    scope: "operations:read",
    summary: "Progress of erasures",
    answers: { 200: ANSWERS.erasures },
  },
  {
    method: "get",
    path: "/v1/jobs",
    id: "listJobs",
    scope: "operations:read",
    summary: "Latest status of each job",
    answers: { 200: ANSWERS.jobs },
  },
  {
    method: "put",
    path: "/v1/jobs/training",
    id: "reportTraining",
    scope: "models:write",
    summary: "Report the status of the training worker",
    body: trainingFacts,
    answers: { 204: undefined },
  },
];

/** The parts of the API that depend on the configuration. */
export interface ApiParts {
  /** Whether a registry is configured. */
  readonly hasRollouts: boolean;
  /** Whether a master key is configured. */
  readonly hasWebhooks: boolean;
}

export function routesOf({ hasRollouts, hasWebhooks }: ApiParts): readonly ControlRoute[] {
  const optional = [...(hasRollouts ? ROLLOUTS : []), ...(hasWebhooks ? WEBHOOKS : [])];
  return [...POLICY, ...APPROVALS, ...LISTS, ...optional, ...PERSONAL, ...OPERATIONS, ...AUDIT];
}
