import type { ErrorCode } from "@tripline/contracts/error-table";
import { CALLER_ERRORS, clientCredentials, problemResponses } from "@tripline/http/describe-problems";
import { z } from "zod";
import type { ZodOpenApiOperationObject, ZodOpenApiResponseObject } from "zod-openapi";
import { createDocument } from "zod-openapi";
import type { IngestionConfig } from "../config.js";
import { BATCH_BYTES_MAX, BATCH_LINES_MAX, BODY_BYTES_MAX } from "../requests/limits.js";
import {
  decisionId,
  fraudReportSchema,
  idempotencyKey,
  labelSchema,
  paymentSchema,
  paymentUpdateSchema,
} from "../requests/request-schemas.js";
import { exampleLabel, examplePayment, exampleReport, exampleUpdate } from "./example-requests.js";
import {
  appliedSchema,
  decisionSchema,
  fraudReportLineSchema,
  labelLineSchema,
  paymentLineSchema,
  paymentUpdateLineSchema,
  pendingSchema,
} from "./response-schemas.js";

const INTAKE_ERRORS = [
  ...CALLER_ERRORS,
  "malformed-json",
  "invalid-header",
  "invalid-field",
  "body-too-large",
  "unsupported-media-type",
  "too-many-requests",
  "kafka-unavailable",
  "redis-unavailable",
  "queue-full",
  "shutting-down",
] as const satisfies readonly ErrorCode[];

/** A kind of event that callers can send. */
interface Kind {
  readonly name: "Transaction" | "Label" | "PaymentUpdate" | "FraudReport";
  readonly noun: string;
  readonly scope: string;
  readonly request: z.ZodType;
  readonly line: z.ZodType;
  /** The result for which a caller can wait; undefined if there is none. */
  readonly answer?: { readonly description: string; readonly schema: z.ZodType };
  /** Response headers with the URL of the later result. */
  readonly headers: Headers;
}
type Headers = Exclude<ZodOpenApiResponseObject["headers"], undefined>;

const PAYMENTS: Kind = {
  name: "Transaction",
  noun: "transaction",
  scope: "transactions:write",
  request: paymentSchema,
  line: paymentLineSchema,
  answer: { description: "The decision", schema: decisionSchema },
  headers: { Location: { description: "URL of the decision", schema: { type: "string" } } },
};
const LABELS: Kind = {
  name: "Label",
  noun: "label",
  scope: "labels:write",
  request: labelSchema,
  line: labelLineSchema,
  answer: { description: "The label was applied to the features", schema: appliedSchema },
  headers: {},
};
const UPDATES: Kind = {
  name: "PaymentUpdate",
  noun: "payment update",
  scope: "payment-updates:write",
  request: paymentUpdateSchema,
  line: paymentUpdateLineSchema,
  headers: {},
};
const REPORTS: Kind = {
  name: "FraudReport",
  noun: "fraud report",
  scope: "fraud-reports:write",
  request: fraudReportSchema,
  line: fraudReportLineSchema,
  headers: {},
};

const WAIT_APPLIED: Headers = {
  "Preference-Applied": { description: "The wait that was applied", schema: { type: "string" } },
};
const REPLAYED: Headers = {
  "Idempotent-Replayed": { description: "true if this request had already been accepted", schema: { const: "true" } },
};

/**
 * The API in OpenAPI 3.1, generated from the schemas that validate requests.
 *
 * @param nowMs base of the times and IDs in examples, so that the service accepts them unchanged
 */
export function describeApi(config: IngestionConfig, nowMs: number): ReturnType<typeof createDocument> {
  const [payment, label] = [examplePayment(nowMs), exampleLabel(nowMs)];
  const [update, report] = [exampleUpdate(nowMs), exampleReport(nowMs)];
  return createDocument({
    openapi: "3.1.0",
    info: {
      title: "Tripline",
      version: "1",
      description: "Decides card payments in real time. Every call can be repeated safely.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths: {
      "/v1/transactions": { post: sendOne(PAYMENTS, payment, config) },
      "/v1/transactions/batch": { post: sendBatch(PAYMENTS, payment, config) },
      "/v1/decisions/{id}": { get: readDecision() },
      "/v1/labels": { post: sendOne(LABELS, label, config) },
      "/v1/labels/batch": { post: sendBatch(LABELS, label, config) },
      "/v1/payment-updates": { post: sendOne(UPDATES, update, config) },
      "/v1/payment-updates/batch": { post: sendBatch(UPDATES, update, config) },
      "/v1/fraud-reports": { post: sendOne(REPORTS, report, config) },
      "/v1/fraud-reports/batch": { post: sendBatch(REPORTS, report, config) },
    },
    components: { securitySchemes: { oauth: clientCredentials(config, SCOPES) } },
  });
}

function sendOne(kind: Kind, example: unknown, config: IngestionConfig): ZodOpenApiOperationObject {
  const { answer } = kind;
  const headers = answer === undefined ? REPLAYED : { ...WAIT_APPLIED, ...REPLAYED };
  return {
    operationId: `send${kind.name}`,
    summary: `Send a ${kind.noun}`,
    description: `At most ${BODY_BYTES_MAX} bytes.`,
    security: [{ oauth: [kind.scope] }],
    requestParams: {
      header: z.object({ ...preferHeader(kind, config), "Idempotency-Key": idempotencyKey }),
    },
    requestBody: { required: true, content: { "application/json": { schema: kind.request, example } } },
    responses: {
      ...(answer === undefined
        ? {}
        : {
            200: {
              description: answer.description,
              headers,
              content: { "application/json": { schema: answer.schema } },
            },
          }),
      202: {
        description: answer === undefined ? "Accepted" : "Accepted; the caller did not wait, or the wait timed out",
        headers: { ...headers, ...kind.headers },
        content: { "application/json": { schema: pendingSchema } },
      },
      ...problemResponses([...INTAKE_ERRORS, "idempotency-conflict"]),
    },
  };
}

function sendBatch(kind: Kind, example: unknown, config: IngestionConfig): ZodOpenApiOperationObject {
  const lines = { schema: kind.request, example: `${JSON.stringify(example)}\n` };
  return {
    operationId: `send${kind.name}s`,
    summary: `Send up to ${BATCH_LINES_MAX} ${kind.noun}s`,
    description: `NDJSON: one ${kind.name} per line, at most ${BATCH_BYTES_MAX} bytes in total. The response has one result per line, in the same order; an invalid line does not affect the others.`,
    security: [{ oauth: [kind.scope] }],
    requestParams: { header: z.object(preferHeader(kind, config)) },
    requestBody: { required: true, content: { "application/x-ndjson": lines } },
    responses: {
      200: {
        description: "One result per line",
        headers: kind.answer === undefined ? {} : WAIT_APPLIED,
        content: { "application/x-ndjson": { schema: kind.line } },
      },
      ...problemResponses(INTAKE_ERRORS),
    },
  };
}

function readDecision(): ZodOpenApiOperationObject {
  return {
    operationId: "readDecision",
    summary: "Read a decision",
    security: [{ oauth: ["decisions:read"] }],
    requestParams: { path: z.object({ id: decisionId }) },
    responses: {
      200: { description: "The decision", content: { "application/json": { schema: decisionSchema } } },
      202: {
        description: "Accepted, but not yet decided",
        headers: { "Retry-After": { description: "Seconds", schema: { type: "integer" } } },
        content: { "application/json": { schema: pendingSchema } },
      },
      ...problemResponses([...CALLER_ERRORS, "invalid-field", "decision-not-found", "redis-unavailable"]),
    },
  };
}

function preferHeader({ answer }: Kind, { WAIT_SECONDS_MAX: secondsMax }: IngestionConfig): Record<string, z.ZodType> {
  if (answer === undefined) return {};
  const description =
    `wait=<seconds> (RFC 7240), including fractions, from 0.001 to ${secondsMax}: respond when the result is available. ` +
    "Numbers in other formats are rejected.";
  return { Prefer: z.string().optional().meta({ description, example: "wait=1" }) };
}

const SCOPES = {
  "transactions:write": "Send payments",
  "decisions:read": "Read decisions",
  "decisions:explain": "Get the score, rounded to 0.05, and reasons in sentences with every decision",
  "decisions:exact":
    "Get the exact score and reasons in sentences with every decision. For measurements only: exact scores allow a caller to " +
    "copy the model",
  "labels:write": "Send labels: whether payments turned out to be fraud",
  "payment-updates:write": "Send updates of accepted payments",
  "fraud-reports:write": "Send fraud reports, such as chargebacks",
};
