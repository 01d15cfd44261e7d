import type { OnModuleInit } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import { trace } from "@opentelemetry/api";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Scope, SERVICE_SCOPES } from "@tripline/contracts/roles";
import { RateLimits } from "@tripline/http/limits/rate-limits";
import { traceRequest } from "@tripline/http/trace-request";
import { HttpServer } from "@tripline/nest-kit/http/http-server";
import { callerOf, checkToken } from "@tripline/nest-kit/http/token.guard";
import { TOKEN_VERIFIER } from "@tripline/nest-kit/http/token.module";
import { sendProblem } from "@tripline/nest-kit/problem.filter";
import type { ServiceAdapter } from "@tripline/nest-kit/service.adapter";
import { LOGGER } from "@tripline/nest-kit/service.module";
import { TransitSealer } from "@tripline/sealing/transit/transit-sealer";
import type { Logger } from "@tripline/telemetry/logger";
import { countRequest } from "@tripline/telemetry/request-durations";
import { requestSpan } from "@tripline/telemetry/span-options";
import type { TokenVerifier } from "@tripline/tokens/verify-token";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { IngestionConfig } from "./config.js";
import { INGESTION_CONFIG } from "./config.js";
import { acceptBatch } from "./intake/accept-batch.js";
import { EventIntake } from "./intake/event-intake.js";
import type { IntakeRules, PrepareEvent } from "./intake/prepare-event.js";
import { prepareFraudReport, prepareLabel, preparePayment, preparePaymentUpdate } from "./intake/prepare-event.js";
import { shedLoad } from "./intake/shed-load.js";
import type { PersonalSeal } from "./personal/seal-personal.js";
import { PERSONAL_SEAL } from "./personal/seal-personal.js";
import { detailFor } from "./replies/answer-detail.js";
import { answerOutcome } from "./replies/present-outcome.js";
import { BATCH_BYTES_MAX, BODY_BYTES_MAX } from "./requests/limits.js";
import { parseJsonBytes } from "./requests/parse-json.js";
import { checkContentType, readIdempotencyKey, readTenant, readWaitMs } from "./requests/read-headers.js";

declare module "fastify" {
  interface FastifyRequest {
    /** The time of arrival on the clock of `performance.now()`. */
    arrivedAtMs: number;
  }
}

const JSON_TYPE = "application/json";
const NDJSON_TYPE = "application/x-ndjson";
const SECOND_MS = 1_000;

interface IntakeRoute {
  readonly path: string;
  readonly scope: Scope;
  /** With this scope, a Tripline service can post for the tenant in the header Tripline-Tenant. */
  readonly relayScope?: (typeof SERVICE_SCOPES)[number];
  readonly prepare: PrepareEvent;
  readonly isBatch: boolean;
  /** Whether a caller can wait for the result. If not, `Prefer: wait` is ignored, as RFC 7240 allows. */
  readonly canWait: boolean;
}

const PAYMENTS = { scope: "transactions:write", prepare: preparePayment, canWait: true } as const;
const LABELS = { scope: "labels:write", prepare: prepareLabel, canWait: true } as const;
const UPDATES = { scope: "payment-updates:write", prepare: preparePaymentUpdate, canWait: false } as const;
const REPORTS = { scope: "fraud-reports:write", prepare: prepareFraudReport, canWait: false } as const;

export const INTAKE_ROUTES: readonly IntakeRoute[] = [
  { path: "/v1/transactions", isBatch: false, ...PAYMENTS },
  { path: "/v1/transactions/batch", isBatch: true, ...PAYMENTS },
  { path: "/v1/labels", relayScope: "labels:relay", isBatch: false, ...LABELS },
  { path: "/v1/labels/batch", isBatch: true, ...LABELS },
  { path: "/v1/payment-updates", isBatch: false, ...UPDATES },
  { path: "/v1/payment-updates/batch", isBatch: true, ...UPDATES },
  { path: "/v1/fraud-reports", isBatch: false, ...REPORTS },
  { path: "/v1/fraud-reports/batch", isBatch: true, ...REPORTS },
];

/**
 * The routes that accept payments, labels, payment updates and fraud reports. They are a Fastify plugin outside Nest,
 * because Nest would read and parse the body before a guard checks the token, and its overhead exceeds the cost of
 * everything else in such a request (docs/adr/0021-intake-routes-are-a-fastify-plugin.md). All other routes are in
 * controllers.
 */
@Injectable()
export class IntakePlugin implements OnModuleInit {
  readonly #rules: IntakeRules;

  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<ServiceAdapter>,
    @Inject(HttpServer) private readonly server: HttpServer,
    @Inject(INGESTION_CONFIG) private readonly config: IngestionConfig,
    @Inject(TOKEN_VERIFIER) private readonly verifier: TokenVerifier,
    @Inject(RateLimits) private readonly limits: RateLimits,
    @Inject(EventIntake) private readonly intake: EventIntake,
    @Inject(PERSONAL_SEAL) seal: PersonalSeal | undefined,
    @Inject(TransitSealer) transit: TransitSealer,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    const { CARD_TOKEN_KEY: cardTokenKey, EVENT_AGE_DAYS_MAX: eventAgeDaysMax } = config;
    this.#rules = { cardTokenKey, eventAgeDaysMax, reportPolicies: config.FRAUD_REPORT_POLICIES, seal, transit };
  }

  async onModuleInit(): Promise<void> {
    await this.host.httpAdapter.besideNest.register(async (scope) => {
      this.readBytes(scope);
      this.count(scope);
      scope.setErrorHandler((thrown, _request, reply) => sendProblem(thrown, reply, this.logger));
      for (const route of INTAKE_ROUTES) this.addRoute(scope, route);
      this.server.shedLoadBy(shedLoad(this.intake, this.verifier, INTAKE_ROUTES));
    });
  }

  /** Bodies are parsed by the handlers, whose errors are clearer than Fastify's. */
  private readBytes(scope: FastifyInstance): void {
    scope.removeAllContentTypeParsers();
    for (const [type, bodyLimit] of [
      [JSON_TYPE, BODY_BYTES_MAX],
      [NDJSON_TYPE, BATCH_BYTES_MAX],
    ] as const) {
      scope.addContentTypeParser(type, { parseAs: "buffer", bodyLimit }, (_request, body, done) => done(null, body));
    }
  }

  private count(scope: FastifyInstance): void {
    scope.decorateRequest("arrivedAtMs", 0);
    scope.decorateRequest("caller", undefined);
    scope.addHook("onRequest", (request, _reply, done) => {
      request.arrivedAtMs = performance.now();
      done();
    });
    // Not `onResponse`, for which Fastify adds a listener to every response, which costs more than the counting.
    scope.addHook("onSend", (request, reply, payload, done) => {
      const seconds = (performance.now() - request.arrivedAtMs) / SECOND_MS;
      countRequest(request.method, request.routeOptions.url, reply.statusCode, seconds);
      done(null, payload);
    });
  }

  private addRoute(fastify: FastifyInstance, route: IntakeRoute): void {
    const { path, isBatch } = route;
    const one = (request: FastifyRequest, reply: FastifyReply) => this.acceptOne(request, reply, route);
    const batch = (request: FastifyRequest, reply: FastifyReply) => this.acceptBatch(request, reply, route);
    const onRequest = this.guard(route, isBatch ? NDJSON_TYPE : JSON_TYPE);
    fastify.post(path, { onRequest }, traced(path, isBatch ? batch : one));
  }

  /** Checks the token, then the content type, before a byte of the body is read. */
  private guard({ scope, relayScope }: IntakeRoute, contentType: string) {
    return async (request: FastifyRequest): Promise<void> => {
      const tenant = relayScope === undefined ? undefined : readTenant(request.headers);
      let caller = await checkToken(request, tenant === undefined ? scope : (relayScope ?? scope), this.verifier);
      if (tenant !== undefined) {
        caller = { ...caller, tenant };
        request.caller = caller;
      }
      // Charges one event. Further lines of a batch are charged once they have been read.
      this.limits.spend(caller, 1);
      checkContentType(request.headers, contentType);
    };
  }

  private async acceptOne(request: FastifyRequest, reply: FastifyReply, route: IntakeRoute): Promise<unknown> {
    const receivedAtMs = Date.now();
    const caller = callerOf(request);
    const { tenant } = caller;
    const idempotencyKey = readIdempotencyKey(request.raw);
    const event = route.prepare(parseJsonBytes(bytesOf(request)), tenant, receivedAtMs, this.#rules);
    if (event.topic === "transactions") trace.getActiveSpan()?.setAttribute("tripline.payment.id", event.id);
    const waitMs = route.canWait ? this.applyWait(request, reply) : 0;
    const [outcome] = await this.intake.accept({ tenant, events: [event], idempotencyKey, waitMs, receivedAtMs });
    return answerOutcome(event, outcome, reply, detailFor(caller));
  }

  private async acceptBatch(request: FastifyRequest, reply: FastifyReply, route: IntakeRoute): Promise<unknown> {
    const receivedAtMs = Date.now();
    if (request.headers["idempotency-key"] !== undefined) {
      const detail =
        "Idempotency-Key is only for single requests. The lines of a batch are identified by their transaction_id, update_id or " +
        "report_id.";
      throw new TriplineError("invalid-header", detail);
    }
    const caller = callerOf(request);
    const waitMs = route.canWait ? this.applyWait(request, reply) : 0;
    const spend = (events: number) => this.limits.spend(caller, events);
    const batch = {
      tenant: caller.tenant,
      body: bytesOf(request),
      waitMs,
      receivedAtMs,
      spend,
      detail: detailFor(caller),
    };
    const { body, retryAfterSeconds } = await acceptBatch(batch, route.prepare, this.#rules, this.intake);
    if (retryAfterSeconds !== undefined) reply.header("retry-after", String(retryAfterSeconds));
    return reply.header("content-type", NDJSON_TYPE).send(body);
  }

  /** @returns milliseconds to wait, 0 for none; a response header states the applied value */
  private applyWait({ headers }: FastifyRequest, reply: FastifyReply): number {
    const waitMs = readWaitMs(headers, this.config.WAIT_SECONDS_MAX);
    if (waitMs > 0) reply.header("preference-applied", `wait=${waitMs / SECOND_MS}`);
    return waitMs;
  }
}

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/** Runs a handler in the span of its request. */
function traced(path: string, handler: Handler): Handler {
  const span = requestSpan("POST", path);
  return (request, reply) => traceRequest(span, request, reply, () => handler(request, reply));
}

function bytesOf({ body }: FastifyRequest): Buffer {
  // A request without a body never reaches the parser.
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}
