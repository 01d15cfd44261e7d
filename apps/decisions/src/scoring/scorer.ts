import { Inject, Injectable } from "@nestjs/common";
import type { Context } from "@opentelemetry/api";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { INFERENCE_METADATA } from "@tripline/contracts/headers";
import type { Score } from "@tripline/decision-engine/decide-payment";
import { unreadFault, unreadFeatures } from "@tripline/decision-engine/unread-features";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { failSpan, headersFromContext, markAnswered } from "@tripline/telemetry/tracing";
import type { DecisionsConfig } from "../config.js";
import { DECISIONS_CONFIG } from "../config.js";
import type { MissingScoreCause } from "../decision-metrics.js";
import { DecisionMetrics } from "../decision-metrics.js";
import { CircuitBreaker } from "./circuit-breaker.js";
import { inferRequest, readProbabilities } from "./infer-messages.js";
import { HURRY_MS_MAX, SCORING_MS_MIN, TELLING_WAIT_MS } from "./score-budget.js";
import type { Answer, ScoringClient } from "./scoring-client.js";
import { SCORING_CLIENT } from "./scoring-client.js";

/** After this many batches without a response, urgent batches send no requests, except for one attempt per second. */
const FAILURES_MAX = 3;
const OPEN_MS = 1_000;

const CHECKED_VERSIONS_MAX = 64;

/** Scoring treats a request without a version as a request for the champion. */
const CHAMPION = "";

/**
 * Number of trace contexts that fit into the 8 KiB of metadata that gRPC servers accept by default. Further payments
 * have spans here, but none in scoring.
 */
const TRACES_MAX = 128;

/** Requests the scores of a batch from the model server, and returns the reason if there are none. */
@Injectable()
export class Scorer {
  /** The features that a model must have been trained with. */
  readonly #spec = currentFeatureSpec();
  readonly #breaker = newBreaker();
  /** Circuit breaker of the latest candidate, because a failing candidate must not block the champion. */
  #candidate = { version: "", breaker: newBreaker() };
  /** For each model version, the reason why it does not match; `undefined` if it does. Oldest first. */
  readonly #checked = new Map<string, string | undefined>();

  constructor(
    @Inject(SCORING_CLIENT) private readonly client: ScoringClient,
    @Inject(DECISIONS_CONFIG) private readonly config: Pick<DecisionsConfig, "MODEL_NAME" | "FEAST_PROFILES">,
    @Inject(DecisionMetrics) private readonly metrics: DecisionMetrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Sends one request for all rows. Takes at most `budgetMs` and never throws; a score is a value or the reason for its
   * absence.
   *
   * @param rows feature vectors of the scorer's spec
   * @param traces one context per row
   */
  async score(
    rows: readonly (readonly number[])[],
    traces: readonly Context[],
    budgetMs: number,
  ): Promise<readonly Score[]> {
    if (rows.length === 0) return [];
    const startedMs = performance.now();
    const result = await this.#request(CHAMPION, rows, traces, budgetMs);
    this.metrics.scored(performance.now() - startedMs);
    if (!("cause" in result)) {
      markAnswered(traces);
      return result.scores;
    }
    this.metrics.scoreMissing(result.cause, rows.length);
    for (const trace of traces) failSpan(trace, result.cause);
    return rows.map(() => ({ missing: result.because }));
  }

  /** Does the same for the candidate of a rollout. A number outside 0 to 1 counts as missing. */
  async scoreByCandidate(
    version: string,
    rows: readonly (readonly number[])[],
    traces: readonly Context[],
    budgetMs: number,
  ): Promise<readonly Score[]> {
    const { metrics } = this;
    const result = await this.#request(version, rows, traces, budgetMs);
    metrics.candidateScored("cause" in result ? result.cause : "scored", rows.length);
    if ("cause" in result) {
      for (const trace of traces) failSpan(trace, result.cause);
      return rows.map(() => ({ missing: result.because }));
    }
    markAnswered(traces);
    return result.scores.map((score) => {
      if ("missing" in score || (score.value >= 0 && score.value <= 1)) return score;
      return { missing: `the model returned ${score.value}, which is not a probability` };
    });
  }

  async #request(
    version: string,
    rows: readonly (readonly number[])[],
    traces: readonly Context[],
    budgetMs: number,
  ): Promise<{ scores: readonly Score[] } | Missing> {
    const deadlineMs = performance.now() + budgetMs;
    const breaker = this.#breakerOf(version);
    if (budgetMs < SCORING_MS_MIN) return missing("no-time", "the caller's deadline left no time for scoring");
    if (budgetMs <= HURRY_MS_MAX && !breaker.allows()) return missingWhileOpen(breaker);
    const request = inferRequest(this.config.MODEL_NAME, rows, version);
    const answer = await this.client.infer(request, traceHeaders(traces), deadlineMs);
    this.#remember(breaker, version, answer, budgetMs);
    if ("failure" in answer) return missingAfter(answer, budgetMs);
    const { modelVersion } = answer.value;
    const probabilities = readProbabilities(answer.value, rows.length);
    if (typeof probabilities === "string") return missing("unreadable", `scoring responded ${probabilities}`);
    if (version !== CHAMPION && modelVersion !== version) {
      return missing("unreadable", `scoring responded with version ${modelVersion} instead of ${version}`);
    }
    const fault = await this.#faultOf(modelVersion, deadlineMs);
    if (fault !== undefined) return missing("model-mismatch", fault);
    const { MODEL_NAME: modelName } = this.config;
    return { scores: probabilities.map((value) => ({ value, modelName, modelVersion })) };
  }

  /** Reads the feature spec of a model version, once per version. Failures are not cached. */
  async #faultOf(version: string, deadlineMs: number): Promise<string | undefined> {
    if (this.#checked.has(version)) return this.#checked.get(version);
    const { client } = this;
    const { MODEL_NAME: modelName } = this.config;
    const answer = await client.modelMetadata(modelName, version, deadlineMs);
    if ("failure" in answer) return `scoring did not report which features model ${version} was trained on`;
    const fault = mismatchOf(version, answer.value.properties, this.#spec, this.config.FEAST_PROFILES);
    const oldest = this.#checked.keys().next();
    if (this.#checked.size >= CHECKED_VERSIONS_MAX && oldest.done !== true) this.#checked.delete(oldest.value);
    this.#checked.set(version, fault);
    if (fault === undefined) this.logger.info({ model: modelName, version }, "model version checked");
    else this.logger.error({ model: modelName, version }, `model is unusable: ${fault}`);
    return fault;
  }

  #breakerOf(version: string): CircuitBreaker {
    if (version === CHAMPION) return this.#breaker;
    if (this.#candidate.version !== version) this.#candidate = { version, breaker: newBreaker() };
    return this.#candidate.breaker;
  }

  #remember(breaker: CircuitBreaker, version: string, answer: Answer<unknown>, budgetMs: number): void {
    const { logger } = this;
    const asked = version === CHAMPION ? {} : { candidate: version };
    // A server that answers is up, even if the answer cannot be used.
    if (!("failure" in answer) || answer.failure === "unreadable") {
      if (breaker.succeeded()) logger.info(asked, "scoring is available again");
    } else if (answer.failure !== "busy" && (answer.failure !== "late" || budgetMs >= TELLING_WAIT_MS)) {
      const { failure, status, detail } = answer;
      const isFirst = breaker.failed(failure === "refused" ? status : undefined);
      if (isFirst) logger.warn({ ...asked, failure, status, detail, budgetMs }, "scoring is unavailable");
    }
  }
}

function newBreaker(): CircuitBreaker {
  return new CircuitBreaker({ failuresMax: FAILURES_MAX, openMs: OPEN_MS, nowMs: () => performance.now() });
}

interface Missing {
  readonly cause: MissingScoreCause;
  readonly because: string;
}

function missing(cause: MissingScoreCause, because: string): Missing {
  return { cause, because };
}

/** A server that rejects every request is up, so restarting it would not help: the cause must say what happened. */
function missingWhileOpen({ rejection }: CircuitBreaker): Missing {
  if (rejection !== undefined) {
    return missing("refused", `scoring rejects all requests (${rejection}), so it gets only one request per second`);
  }
  return missing("circuit-open", "scoring has stopped responding, so it gets only one request per second");
}

function missingAfter(answer: Exclude<Answer<unknown>, { value: unknown }>, budgetMs: number): Missing {
  switch (answer.failure) {
    case "late":
      return missing("late", `scoring did not respond within ${budgetMs} ms`);
    case "unreachable":
      return missing("unreachable", `scoring was unreachable for ${budgetMs} ms`);
    case "busy":
      return missing("busy", `too many requests to scoring were in progress for ${budgetMs} ms`);
    case "refused":
      return missing("refused", `scoring rejected the request (${answer.status})`);
    case "unreadable":
      return missing("unreadable", `scoring responded ${answer.detail}`);
  }
}

/** The reason why a model must not be used: it expects other features, or the same features in a different order. */
function mismatchOf(
  version: string,
  properties: Readonly<Record<string, string>>,
  spec: FeatureSpec,
  profiles: readonly string[],
): string | undefined {
  const specVersion = properties.feature_spec_version;
  if (specVersion !== String(spec.version)) {
    const found = specVersion === undefined ? "an unknown feature spec" : `feature spec ${specVersion}`;
    return `model ${version} was trained for ${found}, but the payment has features of spec ${spec.version}`;
  }
  const names = properties.features;
  if (names !== undefined && names !== spec.features.map(({ name }) => name).join(",")) {
    return `model ${version} was not trained for the features of spec ${spec.version}`;
  }
  const fault = unreadFault(properties.used_features?.split(",") ?? [], unreadFeatures(spec, profiles));
  return fault && `model ${version} ${fault}`;
}

/**
 * The first payment's trace as W3C `traceparent`, and the others in separate metadata, so that every payment's trace
 * includes the server's spans. Unsampled traces are omitted from that metadata.
 */
function traceHeaders(traces: readonly Context[]): Record<string, string> {
  const first = traces[0];
  if (first === undefined) return {};
  const recorded = traces
    .slice(1, TRACES_MAX)
    .map((trace) => headersFromContext(trace).traceparent)
    .filter((traceparent) => traceparent?.endsWith("-01"));
  return {
    ...headersFromContext(first),
    ...(recorded.length === 0 ? {} : { [INFERENCE_METADATA.traceparents]: recorded.join(",") }),
  };
}
