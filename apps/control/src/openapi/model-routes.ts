import { z } from "zod";
import { limitsRequest, limitsSignature } from "../models/promotion-limits.js";
import { cardRequest, signatureRequest, versionComparison } from "../models/version-requests.js";
import { startRequest, stepRequest } from "../rollouts/rollout-plan.js";
import { ANSWERS } from "./answer-schemas.js";
import type { ControlRoute } from "./control-route.js";

const OF_A_MODEL = z.object({ model: z.string() });
const OF_A_VERSION = OF_A_MODEL.extend({ version: z.string() });

const STEPS = [
  ["advance", "Advance to the next step"],
  ["hold", "Stay at the current step"],
  ["resume", "Resume automatic steps"],
  ["promote", "Promote the candidate to champion now"],
  ["rollback", "Roll back all cards to the champion; after a promotion, to the previous champion"],
] as const;

/** Only available if a registry is configured. */
export const ROLLOUTS: readonly ControlRoute[] = [
  {
    method: "get",
    path: "/v1/models",
    id: "listModels",
    scope: "models:read",
    summary: "Models and their newest versions, with each version's model card and comparison with the champion",
    answers: { 200: ANSWERS.models },
  },
  {
    method: "get",
    path: "/v1/rollouts",
    id: "listRollouts",
    scope: "models:read",
    summary: "Model rollouts",
    answers: { 200: ANSWERS.rollouts },
  },
  {
    method: "post",
    path: "/v1/rollouts",
    id: "startRollout",
    scope: "models:write",
    summary: "Start a rollout",
    body: startRequest,
    answers: { 201: ANSWERS.rollout },
    errors: ["model-not-found", "model-refused", "spec-mismatch", "comparison-missing", "rollout-conflict"],
  },
  {
    method: "get",
    path: "/v1/rollouts/{model}",
    id: "readRollout",
    scope: "models:read",
    summary: "The newest rollout of a model, with its findings and steps",
    parameters: OF_A_MODEL,
    answers: { 200: ANSWERS.rollout },
    errors: ["rollout-not-found"],
  },
  {
    method: "put",
    path: "/v1/models/{model}/versions/{version}/comparison",
    id: "compareVersion",
    scope: "models:write",
    summary: "Store how a version that was registered by hand compares with the champion",
    parameters: OF_A_VERSION,
    body: versionComparison,
    answers: { 204: undefined },
    errors: ["model-not-found", "model-refused"],
  },
  {
    method: "get",
    path: "/v1/models/{model}/versions/{version}/card",
    id: "readModelCard",
    scope: "models:read",
    summary: "The owner, expiry and signature of a version's model card",
    parameters: OF_A_VERSION,
    answers: { 200: ANSWERS.modelCard },
    errors: ["not-found", "model-not-found", "model-refused"],
  },
  {
    method: "put",
    path: "/v1/models/{model}/versions/{version}/card",
    id: "registerModelCard",
    scope: "models:write",
    summary: "Register or replace a version's model card, which removes its signature",
    parameters: OF_A_VERSION,
    body: cardRequest,
    answers: { 204: undefined },
    errors: ["model-not-found", "model-refused", "approval-missing"],
  },
  {
    method: "post",
    path: "/v1/models/{model}/versions/{version}/signature",
    id: "signModelCard",
    scope: "models:write",
    summary: "Sign a version's model card. The body repeats the card that the user read; an alias is rejected.",
    parameters: OF_A_VERSION,
    body: signatureRequest,
    answers: { 204: undefined },
    errors: ["not-found", "model-not-found", "model-refused", "changed-meanwhile", "approval-missing"],
  },
  {
    method: "put",
    path: "/v1/models/{model}/limits",
    id: "setPromotionLimits",
    scope: "models:write",
    summary: "Set or replace a model's limits for automatic promotion, which removes their signature",
    parameters: OF_A_MODEL,
    body: limitsRequest,
    answers: { 204: undefined },
    errors: ["model-not-found", "approval-missing"],
  },
  {
    method: "post",
    path: "/v1/models/{model}/limits/signature",
    id: "signPromotionLimits",
    scope: "models:write",
    summary: "Sign the limits for automatic promotion. `set_at` identifies the limits that the user read.",
    parameters: OF_A_MODEL,
    body: limitsSignature,
    answers: { 204: undefined },
    errors: ["not-found", "changed-meanwhile", "approval-missing"],
  },
  {
    method: "delete",
    path: "/v1/models/{model}/limits/signature",
    id: "withdrawPromotionLimits",
    scope: "models:write",
    summary: "Withdraw the signature of the limits, so that no version is promoted automatically",
    parameters: OF_A_MODEL,
    answers: { 204: undefined },
    errors: ["not-found"],
  },
  ...STEPS.map(
    ([name, summary]): ControlRoute => ({
      method: "post",
      path: `/v1/rollouts/{model}/${name}`,
      id: `${name}Rollout`,
      scope: "models:write",
      summary,
      parameters: OF_A_MODEL,
      body: stepRequest,
      answers: { 200: ANSWERS.rollout },
      errors: ["rollout-not-found", "rollout-conflict"],
    }),
  ),
];
