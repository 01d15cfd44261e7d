import type { Context } from "@opentelemetry/api";
import { INVALID_TRACEID, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { TriplineError } from "@tripline/contracts/error-table";
import { holdsCardNumber } from "@tripline/contracts/find-card-number";
import { TRANSACTION_ID_PATTERN } from "@tripline/contracts/identifiers";
import { countRequest } from "@tripline/service-kit/request-durations";
import { requestSpan } from "@tripline/service-kit/span-options";
import { traceRequest } from "@tripline/service-kit/trace-request";
import { contextFromHeaders } from "@tripline/service-kit/tracing";
import type { Caller, TokenVerifier } from "@tripline/service-kit/verify-token";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Redis } from "ioredis";
import { acceptBatch } from "./accept-batch.js";
import type { EventIntake, Outcome } from "./accept-events.js";
import type { IngestionConfig } from "./config.js";
import { describeApi } from "./describe-api.js";
import { dropNestHooks } from "./drop-nest-hooks.js";
import { BATCH_BYTES_MAX, BODY_BYTES_MAX, IDEMPOTENCY_KEY_LENGTH_MAX } from "./limits.js";
import { parseJsonBytes } from "./parse-json.js";
import { parseWait } from "./parse-prefer.js";
import type { IntakeRules, PreparedEvent, PrepareEvent } from "./prepare-event.js";
import { prepareLabel, preparePayment } from "./prepare-event.js";
import { decisionPath, presentDecision } from "./present-outcome.js";
import { readDecision } from "./read-decisions.js";

export interface ApiOptions {
  readonly config: IngestionConfig;
  readonly verifier: TokenVerifier;
  readonly intake: EventIntake;
  readonly redis: Redis;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Set by the guard of each route that needs a token. */
    caller: Caller | undefined;
    /** By `performance.now()`. */
    arrivedAtMs: number;
  }
}

const JSON_TYPE = "application/json";
const NDJSON_TYPE = "application/x-ndjson";
const SECOND_MS = 1_000;
/** When to ask again for a decision that is not there yet. */
const POLL_AFTER_SECONDS = "1";

/** The addresses that take events in. */
export const INTAKE_PATHS = ["/v1/transactions", "/v1/transactions/batch", "/v1/labels", "/v1/labels/batch"] as const;

/**
 * The routes of the API, within a scope of their own: they read bodies as bytes, and only after the token is checked.
 * They are plain Fastify handlers because Nest would have read and parsed the body before any guard ran.
 */
export async function registerApi(fastify: FastifyInstance, options: ApiOptions): Promise<void> {
  await fastify.register(async (scope) => {
    dropNestHooks(scope);
    scope.decorateRequest("caller", undefined);
    scope.decorateRequest("arrivedAtMs", 0);
    scope.removeAllContentTypeParsers();
    for (const [type, bodyLimit] of [
      [JSON_TYPE, BODY_BYTES_MAX],
      [NDJSON_TYPE, BATCH_BYTES_MAX],
    ] as const) {
      scope.addContentTypeParser(type, { parseAs: "buffer", bodyLimit }, (_request, body, done) => done(null, body));
    }
    scope.addHook("onRequest", (request, _reply, done) => {
      request.arrivedAtMs = performance.now();
      done();
    });
    // Not `onResponse`, for which Fastify listens to every response: that costs more than all that is counted here.
    scope.addHook("onSend", (request, reply, payload, done) => {
      const seconds = (performance.now() - request.arrivedAtMs) / SECOND_MS;
      countRequest(request.method, request.routeOptions.url, reply.statusCode, seconds);
      done(null, payload);
    });
    registerIntake(scope, options, "/v1/transactions", "transactions:write", preparePayment);
    registerIntake(scope, options, "/v1/labels", "labels:write", prepareLabel);
    registerReads(scope, options);
  });
}

function registerIntake(
  scope: FastifyInstance,
  options: ApiOptions,
  path: string,
  permission: string,
  prepare: PrepareEvent,
): void {
  const { config, intake, verifier } = options;
  const rules: IntakeRules = { cardTokenKey: config.CARD_TOKEN_KEY, eventAgeDaysMax: config.EVENT_AGE_DAYS_MAX };

  const single = traced(requestSpan("POST", path), async (request, reply, tenant) => {
    const receivedAtMs = Date.now();
    const idempotencyKey = idempotencyKeyOf(request);
    const event = prepare(parseJsonBytes(bytesOf(request)), tenant, receivedAtMs, rules);
    if (event.topic === "transactions") trace.getActiveSpan()?.setAttribute("tripline.payment.id", event.id);
    const waitMs = applyWait(request, reply, config.WAIT_SECONDS_MAX);
    const [outcome] = await intake.accept({ tenant, events: [event], idempotencyKey, waitMs, receivedAtMs });
    return answer(event, outcome, reply);
  });
  scope.post(path, { onRequest: guard(verifier, permission, JSON_TYPE) }, single);

  const batch = traced(requestSpan("POST", `${path}/batch`), async (request, reply, tenant) => {
    const receivedAtMs = Date.now();
    if (request.headers["idempotency-key"] !== undefined) {
      const detail = "Idempotency-Key goes with single requests; a batch knows its lines by their transaction_id.";
      throw new TriplineError("invalid-header", detail);
    }
    const waitMs = applyWait(request, reply, config.WAIT_SECONDS_MAX);
    const body = bytesOf(request);
    const { body: rows, retryAfterSeconds } = await acceptBatch(
      { tenant, body, waitMs, receivedAtMs },
      prepare,
      rules,
      intake,
    );
    if (retryAfterSeconds !== undefined) reply.header("retry-after", String(retryAfterSeconds));
    return reply.header("content-type", NDJSON_TYPE).send(rows);
  });
  scope.post(`${path}/batch`, { onRequest: guard(verifier, permission, NDJSON_TYPE) }, batch);
}

function registerReads(scope: FastifyInstance, { redis, verifier, config }: ApiOptions): void {
  const read = traced(requestSpan("GET", "/v1/decisions/:id"), async (request, reply, tenant) => {
    const id = pathParameter(request, "id");
    const found = TRANSACTION_ID_PATTERN.test(id) ? await readDecision(redis, tenant, id) : undefined;
    if (found === undefined) {
      throw new TriplineError("decision-not-found", "No payment with this id was accepted from you.");
    }
    if (found !== "pending") return presentDecision(found);
    return reply.status(202).header("retry-after", POLL_AFTER_SECONDS).send({ id, status: "pending" });
  });
  scope.get("/v1/decisions/:id", { onRequest: guard(verifier, "decisions:read") }, read);
  scope.get("/openapi.json", async () => describeApi(config, Date.now()));
}

type Handler = (request: FastifyRequest, reply: FastifyReply, tenant: string) => Promise<unknown>;

/** Runs a handler in its HTTP server span and tells the client the trace id. */
function traced(span: ReturnType<typeof requestSpan>, handler: Handler) {
  return (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    return traceRequest(span, parentOf(request), reply, (started) => {
      const own = started.spanContext();
      if (own.traceId !== INVALID_TRACEID) reply.header("tripline-trace-id", own.traceId);
      const tenant = request.caller?.tenant;
      if (tenant === undefined) throw new TriplineError("internal", "a route has no guard");
      return handler(request, reply, tenant);
    });
  };
}

/** The caller's trace; an empty context where the caller has none. */
function parentOf({ headers: { traceparent } }: FastifyRequest): Context {
  return typeof traceparent === "string" ? contextFromHeaders({ traceparent }) : ROOT_CONTEXT;
}

/** Checks the token, then the content type, before a byte of the body is read. */
function guard(verifier: TokenVerifier, permission: string, contentType?: string) {
  return async (request: FastifyRequest): Promise<void> => {
    request.caller = await verifier.verify(request.headers.authorization, permission);
    if (contentType === undefined || isPlain(request, contentType)) return;
    const [sent = ""] = (request.headers["content-type"] ?? "").split(";", 1);
    if (sent.trim().toLowerCase() !== contentType) {
      throw new TriplineError("unsupported-media-type", `Send the body as ${contentType}.`);
    }
    const encoding = request.headers["content-encoding"] ?? "identity";
    if (encoding.toLowerCase() !== "identity") {
      throw new TriplineError("unsupported-media-type", "Send the body without a content encoding.");
    }
  };
}

/** What nearly all clients send, without taking it apart. */
function isPlain({ headers }: FastifyRequest, contentType: string): boolean {
  return headers["content-type"] === contentType && headers["content-encoding"] === undefined;
}

function bytesOf(request: FastifyRequest): Buffer {
  // A request without a body never reaches the parser.
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}

function pathParameter({ params }: FastifyRequest, name: string): string {
  if (typeof params !== "object" || params === null) return "";
  const value: unknown = Reflect.get(params, name);
  return typeof value === "string" ? value : "";
}

/** @throws TriplineError `invalid-header` */
function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return undefined;
  if (typeof key !== "string" || !/^[\x20-\x7e]+$/.test(key) || key.length > IDEMPOTENCY_KEY_LENGTH_MAX) {
    throw invalidKey(`be 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} printable ASCII characters`);
  }
  // Node joins repeated headers with a comma, which may as well stand in a key.
  if (key.includes(", ") && headerCount(request, "idempotency-key") > 1) throw invalidKey("be sent once");
  if (holdsCardNumber(key)) throw invalidKey("not hold what looks like a card number");
  return key;
}

function invalidKey(what: string): TriplineError {
  return new TriplineError("invalid-header", `Idempotency-Key must ${what}.`);
}

function headerCount({ raw }: FastifyRequest, name: string): number {
  // Names and values in turn.
  return raw.rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length;
}

/** @returns milliseconds to wait, 0 for none; the client is told what was applied */
function applyWait(request: FastifyRequest, reply: FastifyReply, secondsMax: number): number {
  const seconds = parseWait(request.headers.prefer, secondsMax);
  if (seconds === undefined) return 0;
  reply.header("preference-applied", `wait=${seconds}`);
  return seconds * SECOND_MS;
}

function answer(event: PreparedEvent, outcome: Outcome | undefined, reply: FastifyReply): unknown {
  if (outcome === undefined) throw new TriplineError("internal", "a request has no outcome");
  if (outcome.state === "refused") throw outcome.error;
  if (outcome.isReplay) reply.header("idempotent-replayed", "true");
  const ids = { id: event.id, transaction_id: event.clientTransactionId };
  if (outcome.state === "pending") {
    if (event.topic === "transactions") reply.header("location", decisionPath(event.id));
    return reply.status(202).send({ ...ids, status: "pending" });
  }
  return outcome.reply === "label-applied" ? { ...ids, status: "applied" } : presentDecision(outcome.reply);
}
