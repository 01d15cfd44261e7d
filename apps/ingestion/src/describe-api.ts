import type { ErrorCode } from "@tripline/contracts/error-table";
import { ERROR_TABLE } from "@tripline/contracts/error-table";
import { z } from "zod";
import type { IngestionConfig } from "./config.js";
import { BATCH_BYTES_MAX, BATCH_LINES_MAX, BODY_BYTES_MAX, IDEMPOTENCY_KEY_LENGTH_MAX } from "./limits.js";
import { formatTime } from "./parse-time.js";
import { labelSchema, paymentSchema } from "./request-schemas.js";
import {
  appliedSchema,
  decisionSchema,
  labelLineSchema,
  paymentLineSchema,
  pendingSchema,
  problemSchema,
} from "./response-schemas.js";

type Json = Readonly<Record<string, unknown>>;

const ALWAYS: readonly ErrorCode[] = [
  "token-missing",
  "token-invalid",
  "token-expired",
  "scope-missing",
  "keys-unavailable",
];
const INTAKE: readonly ErrorCode[] = [
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
];

/** How long before now the payment of the example took place. */
const EXAMPLE_AGE_MS = 60_000;
/** Published by card schemes for tests; belongs to nobody. */
const TEST_CARD = "4111111111111111";
/** Set aside for documentation (RFC 5737); belongs to nobody. */
const EXAMPLE_ADDRESS = "203.0.113.7";

/**
 * The API in OpenAPI 3.1, from the schemas that check the requests.
 *
 * @param nowMs what the examples' times and ids are made from, so that they are accepted when they are sent as they are
 */
export function describeApi(config: IngestionConfig, nowMs: number): Json {
  return {
    openapi: "3.1.0",
    info: {
      title: "Tripline",
      version: "1",
      description: "Decides card payments in real time. Every call is safe to repeat.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths: {
      "/v1/transactions": intake(payments(nowMs), config),
      "/v1/transactions/batch": batch(payments(nowMs), config),
      "/v1/decisions/{id}": { get: readDecision() },
      "/v1/labels": intake(labels(nowMs), config),
      "/v1/labels/batch": batch(labels(nowMs), config),
    },
    components: { ...COMPONENTS, securitySchemes: { oauth: clientCredentials(config) } },
  };
}

interface Kind {
  readonly name: string;
  readonly permission: string;
  readonly request: string;
  readonly answer: string;
  readonly line: string;
  readonly answered: string;
  readonly hasLocation: boolean;
  readonly example: Json;
}

function payments(nowMs: number): Kind {
  return {
    name: "Transaction",
    permission: "transactions:write",
    request: "Transaction",
    answer: "Decision",
    line: "TransactionLine",
    answered: "The decision",
    hasLocation: true,
    example: {
      transaction_id: exampleId(nowMs),
      card: { number: TEST_CARD },
      terminal_id: "t-42",
      amount: { minor: 1_299, currency: "EUR" },
      occurred_at: formatTime(nowMs - EXAMPLE_AGE_MS),
      device_id: "8f14e45f-ceea-467f-a0f6-7b1d5c2e9a10",
      ip_address: EXAMPLE_ADDRESS,
      location: { latitude: 50.84673, longitude: 4.35247 },
    },
  };
}

function labels(nowMs: number): Kind {
  return {
    name: "Label",
    permission: "labels:write",
    request: "Label",
    answer: "AppliedLabel",
    line: "LabelLine",
    answered: "The label has been applied to the features",
    hasLocation: false,
    example: {
      transaction_id: exampleId(nowMs),
      card: { number: TEST_CARD },
      terminal_id: "t-42",
      occurred_at: formatTime(nowMs - EXAMPLE_AGE_MS),
      fraud: true,
      source: "chargeback",
    },
  };
}

function exampleId(nowMs: number): string {
  return `order-${Math.floor(nowMs / 1_000)}`;
}

function intake(kind: Kind, config: IngestionConfig): Json {
  return {
    post: {
      operationId: `send${kind.name}`,
      summary: `Send a ${kind.name.toLowerCase()}`,
      description: `At most ${BODY_BYTES_MAX} bytes.`,
      security: [{ oauth: [kind.permission] }],
      parameters: [
        preferParameter(config),
        {
          name: "Idempotency-Key",
          in: "header",
          description:
            "A key of your own for this request, besides its transaction_id, without a card number. The same key with another body is refused, and so are two keys.",
          schema: { type: "string", minLength: 1, maxLength: IDEMPOTENCY_KEY_LENGTH_MAX },
        },
      ],
      requestBody: {
        required: true,
        content: { "application/json": { schema: ref(kind.request), example: kind.example } },
      },
      responses: {
        200: {
          description: kind.answered,
          headers: { ...appliedHeader, ...replayedHeader },
          content: { "application/json": { schema: ref(kind.answer) } },
        },
        202: {
          description: "Accepted; nobody waited, or the wait ran out",
          headers: { ...appliedHeader, ...replayedHeader, ...(kind.hasLocation ? locationHeader : {}) },
          content: { "application/json": { schema: ref("Pending") } },
        },
        ...problems([...ALWAYS, ...INTAKE, "idempotency-conflict"]),
      },
    },
  };
}

function batch(kind: Kind, config: IngestionConfig): Json {
  return {
    post: {
      operationId: `send${kind.name}s`,
      summary: `Send up to ${BATCH_LINES_MAX} ${kind.name.toLowerCase()}s`,
      description: `NDJSON: one ${kind.name} per line, at most ${BATCH_BYTES_MAX} bytes in all. The answer has one result per line, in the same order; a bad line does not stop the others.`,
      security: [{ oauth: [kind.permission] }],
      parameters: [preferParameter(config)],
      requestBody: {
        required: true,
        content: {
          "application/x-ndjson": { schema: ref(kind.request), example: `${JSON.stringify(kind.example)}\n` },
        },
      },
      responses: {
        200: {
          description: "One result per line",
          headers: appliedHeader,
          content: { "application/x-ndjson": { schema: ref(kind.line) } },
        },
        ...problems([...ALWAYS, ...INTAKE]),
      },
    },
  };
}

function readDecision(): Json {
  return {
    operationId: "readDecision",
    summary: "Read a decision",
    security: [{ oauth: ["decisions:read"] }],
    parameters: [{ name: "id", in: "path", required: true, schema: { type: "string", pattern: "^txn_[0-9a-f]{32}$" } }],
    responses: {
      200: { description: "The decision", content: { "application/json": { schema: ref("Decision") } } },
      202: {
        description: "Accepted, and not decided yet",
        headers: { "Retry-After": { description: "Seconds", schema: { type: "integer" } } },
        content: { "application/json": { schema: ref("Pending") } },
      },
      ...problems([...ALWAYS, "decision-not-found", "redis-unavailable"]),
    },
  };
}

function preferParameter(config: IngestionConfig): Json {
  return {
    name: "Prefer",
    in: "header",
    description: `wait=<seconds> (RFC 7240), fractions too, at most ${config.WAIT_SECONDS_MAX}: answer only when the result is there.`,
    schema: { type: "string" },
    example: "wait=1",
  };
}

const appliedHeader = {
  "Preference-Applied": { description: "The wait that was applied", schema: { type: "string" } },
};
const replayedHeader = {
  "Idempotent-Replayed": { description: "true: this request had been accepted before", schema: { const: "true" } },
};
const locationHeader = {
  Location: { description: "Where the decision will be", schema: { type: "string" } },
};

function clientCredentials(config: IngestionConfig): Json {
  const tokenUrl = config.AUTH_TOKEN_URL ?? `${config.AUTH_ISSUER.replace(/\/$/, "")}/oauth/token`;
  const scopes = {
    "transactions:write": "Send payments",
    "decisions:read": "Read decisions",
    "labels:write": "Send what turned out to be true of payments",
  };
  return { type: "oauth2", flows: { clientCredentials: { tokenUrl, scopes } } };
}

/** One response per HTTP status, naming the codes that come with it. */
function problems(codes: readonly ErrorCode[]): Json {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const status = ERROR_TABLE[code].httpStatus;
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, named]) => [
      status,
      {
        description: named.map((code) => `\`${code}\`: ${ERROR_TABLE[code].title}`).join(". "),
        content: { "application/problem+json": { schema: ref("Problem") } },
      },
    ]),
  );
}

function ref(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

const COMPONENTS: Json = {
  schemas: Object.fromEntries(
    Object.entries({
      Transaction: paymentSchema,
      Label: labelSchema,
      Decision: decisionSchema,
      Pending: pendingSchema,
      AppliedLabel: appliedSchema,
      TransactionLine: paymentLineSchema,
      LabelLine: labelLineSchema,
      Problem: problemSchema,
    }).map(([name, schema]) => {
      const { $schema: _, ...described } = z.toJSONSchema(schema, { io: "input" });
      return [name, described];
    }),
  ),
};
