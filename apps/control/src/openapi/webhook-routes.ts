import {
  deliverySearch,
  endpointId,
  endpointSettings,
  newEndpoint,
  replay,
  rotation,
} from "../webhooks/webhook-requests.js";
import { ANSWERS } from "./answer-schemas.js";
import type { ControlRoute } from "./control-route.js";

const ENDPOINTS = "/v1/webhooks/endpoints";
const ENDPOINT = `${ENDPOINTS}/{endpoint}`;
const CHECKED = ["webhook-url-refused"] as const;
const OF_ONE = { parameters: endpointId, errors: ["not-found"] } as const;

/** Only available if a master key is configured. */
export const WEBHOOKS: readonly ControlRoute[] = [
  {
    method: "get",
    path: ENDPOINTS,
    id: "listWebhookEndpoints",
    scope: "webhooks:read",
    summary: "Webhook endpoints, oldest first",
    answers: { 200: ANSWERS.webhookEndpoints },
  },
  {
    method: "post",
    path: ENDPOINTS,
    id: "addWebhookEndpoint",
    scope: "webhooks:write",
    summary: "Add a webhook endpoint; the response contains its secret",
    body: newEndpoint,
    answers: { 201: ANSWERS.newWebhookEndpoint },
    errors: [...CHECKED, "master-key-unavailable"],
  },
  {
    method: "get",
    path: ENDPOINT,
    id: "readWebhookEndpoint",
    scope: "webhooks:read",
    summary: "A webhook endpoint",
    ...OF_ONE,
    answers: { 200: ANSWERS.webhookEndpoint },
  },
  {
    method: "put",
    path: ENDPOINT,
    id: "changeWebhookEndpoint",
    scope: "webhooks:write",
    summary: "Change, pause or resume a webhook endpoint",
    parameters: endpointId,
    body: endpointSettings,
    answers: { 200: ANSWERS.webhookEndpoint },
    errors: ["not-found", ...CHECKED],
  },
  {
    method: "delete",
    path: ENDPOINT,
    id: "removeWebhookEndpoint",
    scope: "webhooks:write",
    summary: "Remove a webhook endpoint with its delivery log",
    ...OF_ONE,
    answers: { 204: undefined },
  },
  {
    method: "post",
    path: `${ENDPOINT}/secret`,
    id: "rotateWebhookSecret",
    scope: "webhooks:write",
    summary: "Replace the signing secret; messages are also signed with the old one for a while",
    parameters: endpointId,
    body: rotation,
    answers: { 201: ANSWERS.webhookSecret },
    errors: ["not-found", "master-key-unavailable"],
  },
  {
    method: "post",
    path: `${ENDPOINT}/test`,
    id: "testWebhookEndpoint",
    scope: "webhooks:write",
    summary: "Send a test event",
    ...OF_ONE,
    answers: { 202: ANSWERS.webhookTest },
  },
  {
    method: "post",
    path: `${ENDPOINT}/replay`,
    id: "replayWebhookEvents",
    scope: "webhooks:write",
    summary: "Send one event again, or all events of a period",
    parameters: endpointId,
    body: replay,
    answers: { 202: ANSWERS.webhookReplay },
    errors: ["not-found"],
  },
  {
    method: "get",
    path: "/v1/webhooks/deliveries",
    id: "searchWebhookDeliveries",
    scope: "webhooks:read",
    summary: "The delivery log, newest first",
    query: deliverySearch,
    answers: { 200: ANSWERS.webhookDeliveries },
  },
];
