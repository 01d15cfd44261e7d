/**
 * Every Tripline error code, and how each transport handles it. If a code is missing from this table, the code does not
 * compile. The codes are public: clients match on them.
 */

/**
 * What a Kafka consumer does with a record whose processing failed. `retry` retries for as long as the fault lasts.
 * `retry-few` tries five times and then dead-letters the record, because the cause may be a bug in Tripline.
 */
export type KafkaReaction = "retry" | "retry-few" | "dead-letter" | "stop";

export interface ErrorRow {
  readonly httpStatus: number;
  /** Numeric gRPC status, https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
  readonly grpcStatus: number;
  readonly kafka: KafkaReaction;
  readonly title: string;
  /** Seconds for `Retry-After`, if a retry may help. */
  readonly retryAfterSeconds?: number;
}

const row = (
  httpStatus: number,
  grpcStatus: number,
  kafka: KafkaReaction,
  title: string,
  retryAfterSeconds?: number,
): ErrorRow => ({
  httpStatus,
  grpcStatus,
  kafka,
  title,
  ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
});

const GRPC = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export const ERROR_TABLE = {
  "malformed-json": row(400, GRPC.invalidArgument, "dead-letter", "The body is not valid JSON"),
  "invalid-field": row(422, GRPC.invalidArgument, "dead-letter", "A field is missing, unknown or invalid"),
  "invalid-header": row(400, GRPC.invalidArgument, "dead-letter", "A header is missing or invalid"),
  "malformed-request": row(400, GRPC.invalidArgument, "dead-letter", "The request is not valid HTTP"),
  "request-timeout": row(408, GRPC.deadlineExceeded, "retry", "The request did not arrive in time"),
  "address-too-long": row(414, GRPC.invalidArgument, "dead-letter", "The URL is too long"),
  "headers-too-large": row(431, GRPC.resourceExhausted, "dead-letter", "The headers are too large"),
  "body-too-large": row(413, GRPC.resourceExhausted, "dead-letter", "The body is too large"),
  "unsupported-media-type": row(415, GRPC.invalidArgument, "dead-letter", "The content type is not supported"),
  "token-missing": row(401, GRPC.unauthenticated, "dead-letter", "An access token is required"),
  "token-invalid": row(401, GRPC.unauthenticated, "dead-letter", "The access token is not valid"),
  "token-expired": row(401, GRPC.unauthenticated, "dead-letter", "The access token has expired"),
  "token-revoked": row(401, GRPC.unauthenticated, "dead-letter", "The access token was revoked"),
  "scope-missing": row(403, GRPC.permissionDenied, "dead-letter", "The access token lacks a required scope"),
  "client-not-served": row(
    403,
    GRPC.permissionDenied,
    "dead-letter",
    "The client certificate is missing or not authorised",
  ),
  "session-ended": row(401, GRPC.unauthenticated, "dead-letter", "The session has ended"),
  "csrf-token-wrong": row(403, GRPC.permissionDenied, "dead-letter", "The CSRF token is missing or invalid"),
  "sign-in-failed": row(401, GRPC.unauthenticated, "dead-letter", "Sign-in failed"),
  "not-found": row(404, GRPC.notFound, "dead-letter", "Not found"),
  "method-not-allowed": row(405, GRPC.invalidArgument, "dead-letter", "Method not allowed"),
  "decision-not-found": row(404, GRPC.notFound, "dead-letter", "Decision not found"),
  "idempotency-conflict": row(409, GRPC.aborted, "dead-letter", "The idempotency key was used for a different request"),
  "changed-meanwhile": row(409, GRPC.aborted, "dead-letter", "Another change was made first"),
  "name-taken": row(409, GRPC.aborted, "dead-letter", "The name is taken"),
  "last-admin": row(409, GRPC.failedPrecondition, "dead-letter", "A tenant must keep at least one administrator"),
  "approval-missing": row(409, GRPC.failedPrecondition, "dead-letter", "Another user must approve this first"),
  "tenant-foreign": row(403, GRPC.permissionDenied, "dead-letter", "The caller does not belong to this tenant"),
  "too-many-requests": row(429, GRPC.resourceExhausted, "retry", "The service is receiving too many requests", 1),
  "rate-limited": row(429, GRPC.resourceExhausted, "retry", "The caller has exceeded its rate limit", 1),
  "kafka-unavailable": row(503, GRPC.unavailable, "retry", "Kafka is unavailable; try again", 2),
  "lake-unavailable": row(503, GRPC.unavailable, "retry", "The data lake is unavailable", 5),
  "store-unavailable": row(503, GRPC.unavailable, "retry", "The object store is unavailable; try again", 5),
  "store-refused": row(500, GRPC.failedPrecondition, "retry", "The object store rejected the request"),
  "state-incomplete": row(503, GRPC.unavailable, "retry", "The window states were lost and are being rebuilt", 30),
  "redis-unavailable": row(503, GRPC.unavailable, "retry", "Redis is unavailable; try again", 2),
  "database-unavailable": row(503, GRPC.unavailable, "retry", "The database is unavailable", 2),
  "keys-unavailable": row(503, GRPC.unavailable, "retry", "The signing keys cannot be fetched", 2),
  "master-key-unavailable": row(503, GRPC.unavailable, "retry", "The key service is unavailable", 5),
  "auth-unavailable": row(503, GRPC.unavailable, "retry", "The authorization server is unavailable", 2),
  "service-unavailable": row(503, GRPC.unavailable, "retry", "An upstream service is unavailable", 2),
  "identity-unavailable": row(
    503,
    GRPC.unavailable,
    "retry",
    "The cloud issued no token for this service's identity",
    5,
  ),
  "shutting-down": row(503, GRPC.unavailable, "retry", "This instance is shutting down", 1),
  "state-conflict": row(503, GRPC.aborted, "retry", "Another writer changed the state first", 1),
  "state-unreadable": row(500, GRPC.internal, "stop", "A stored state cannot be read by this version"),
  "message-unreadable": row(400, GRPC.invalidArgument, "dead-letter", "A record on a topic cannot be read"),
  "spec-mismatch": row(409, GRPC.failedPrecondition, "dead-letter", "The feature spec versions differ"),
  "model-not-found": row(404, GRPC.notFound, "dead-letter", "Model or version not found"),
  "rollout-not-found": row(404, GRPC.notFound, "dead-letter", "No rollout found for this model"),
  "provider-not-found": row(404, GRPC.notFound, "dead-letter", "The tenant has no identity provider"),
  "rollout-conflict": row(
    409,
    GRPC.failedPrecondition,
    "dead-letter",
    "This step is not possible in the current stage of the rollout",
  ),
  "comparison-missing": row(
    422,
    GRPC.failedPrecondition,
    "dead-letter",
    "The model was not compared with the champion on labelled payments",
  ),
  "model-refused": row(500, GRPC.failedPrecondition, "stop", "The model failed its checks"),
  "invalid-tensor": row(400, GRPC.invalidArgument, "dead-letter", "A tensor has an invalid name, type, shape or value"),
  "webhook-url-refused": row(422, GRPC.invalidArgument, "dead-letter", "Webhooks may not be sent to this URL"),
  "provider-url-refused": row(422, GRPC.invalidArgument, "dead-letter", "The identity provider's URL is not allowed"),
  "provider-unavailable": row(502, GRPC.unavailable, "retry", "The identity provider is unavailable", 5),
  "deadline-exceeded": row(504, GRPC.deadlineExceeded, "retry", "The deadline was exceeded"),
  "scoring-unavailable": row(503, GRPC.unavailable, "retry", "No model is available", 1),
  "queue-full": row(503, GRPC.resourceExhausted, "retry", "The queue is full", 1),
  "policy-too-slow": row(422, GRPC.deadlineExceeded, "dead-letter", "The policy takes too long to check", 30),
  "policy-too-large": row(422, GRPC.resourceExhausted, "dead-letter", "The policy needs too much memory"),
  "policy-checks-busy": row(429, GRPC.resourceExhausted, "retry", "Too many policies are being checked", 5),
  "policy-invalid": row(500, GRPC.failedPrecondition, "stop", "The policy file is not valid"),
  "scorecard-invalid": row(500, GRPC.failedPrecondition, "stop", "The scorecard is not valid"),
  "config-invalid": row(500, GRPC.failedPrecondition, "stop", "The configuration is not valid"),
  internal: row(500, GRPC.internal, "retry-few", "Internal error"),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERROR_TABLE;

/** A fault of one field. */
export interface FieldError {
  /** JSON pointer (RFC 6901) to the field, for example `/card/number`; empty for the whole body. */
  readonly pointer: string;
  readonly detail: string;
}

/** The only error class. `detail` is a sentence that says what is wrong and, if possible, how to fix it. */
export class TriplineError extends Error {
  override readonly name = "TriplineError";

  constructor(
    readonly code: ErrorCode,
    detail: string,
    readonly fields: readonly FieldError[] = [],
    options?: ErrorOptions,
  ) {
    super(detail, options);
  }

  get row(): ErrorRow {
    return ERROR_TABLE[this.code];
  }
}

/** Converts any thrown value to a TriplineError; an unknown one becomes `internal` and is kept as the cause. */
export function asTriplineError(thrown: unknown): TriplineError {
  if (thrown instanceof TriplineError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new TriplineError("internal", message, [], { cause: thrown });
}

const CAUSES_MAX = 10;
/** Callers see this instead of the details of an internal error. */
const HIDDEN = "The request failed because of an internal error. Find the cause in the logs by its trace ID.";

/**
 * The public text of an error for HTTP, gRPC and readiness. Messages of libraries and the operating system may contain
 * addresses, options and code, so they are only logged; callers see the title of the code instead.
 */
export function shownDetail(error: TriplineError): string {
  // An error without a cause contains only our own text.
  if (error.code === "internal" && error.cause !== undefined) return HIDDEN;
  const { message } = error;
  const foreign = foreignTexts(error.cause, CAUSES_MAX)
    .map((text) => text.replace(/[.\s]+$/, ""))
    .filter((text) => text !== "" && message.includes(text));
  // Our messages contain third-party text after a colon, followed by our advice.
  const own = foreign.reduce((left, text) => left.replaceAll(`: ${text}`, ""), message);
  const isWhole = foreign.length === 0 || (/^\S+ \S+ .*\.$/s.test(own) && !foreign.some((text) => own.includes(text)));
  return isWhole ? own : `${error.row.title}.`;
}

/** The messages of all causes that are not TriplineErrors, because these come from other software. */
function foreignTexts(cause: unknown, depth: number): string[] {
  if (depth === 0 || cause === undefined || cause === null) return [];
  if (!(typeof cause === "object" && "message" in cause))
    return typeof cause === "string" && cause !== "" ? [cause] : [];
  const inner = "errors" in cause && Array.isArray(cause.errors) ? cause.errors.slice(0, CAUSES_MAX) : [];
  const next = "cause" in cause ? [...inner, cause.cause] : inner;
  const own = cause instanceof TriplineError || typeof cause.message !== "string" || cause.message === "";
  return [...(own ? [] : [String(cause.message)]), ...next.flatMap((one) => foreignTexts(one, depth - 1))];
}
