import { Inject, Injectable } from "@nestjs/common";
import type { Context } from "@opentelemetry/api";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { failSpan, headersFromContext, markAnswered } from "@tripline/telemetry/tracing";
import type { DecisionsConfig } from "../config.js";
import { DECISIONS_CONFIG } from "../config.js";
import type { ExplanationResult } from "../decision-metrics.js";
import { DecisionMetrics } from "../decision-metrics.js";
import { contributionsRequest, readContributions } from "./infer-messages.js";
import { SCORING_MS_MIN } from "./score-budget.js";
import type { ScoringClient } from "./scoring-client.js";
import { SCORING_CLIENT } from "./scoring-client.js";

/** Versions that cannot be explained are remembered, to avoid useless requests; the oldest is dropped. */
const UNEXPLAINED_VERSIONS_MAX = 64;
/** Time before scoring is asked about such a version again, because a newer scoring service may explain it. */
const UNEXPLAINED_MS = 600_000;

/** Requests the contribution of each feature to a score. Decisions do not depend on it. */
@Injectable()
export class Explainer {
  /** The time from which each version may be asked again. */
  readonly #unexplained = new Map<string, number>();

  constructor(
    @Inject(SCORING_CLIENT) private readonly client: ScoringClient,
    @Inject(DECISIONS_CONFIG) private readonly config: Pick<DecisionsConfig, "MODEL_NAME">,
    @Inject(DecisionMetrics) private readonly metrics: DecisionMetrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Sends one request for all rows. Takes at most `budgetMs` and never throws; without a response, there are no
   * contributions.
   *
   * @param rows feature vectors, all of the same length
   * @param modelVersion version that gave the scores; contributions from another version would explain a different
   * score
   * @param traces one context per row
   * @returns one contribution per row and feature
   */
  async explain(
    rows: readonly (readonly number[])[],
    modelVersion: string,
    traces: readonly Context[],
    budgetMs: number,
  ): Promise<readonly (readonly number[])[] | undefined> {
    const found = await this.#request(rows, modelVersion, traces, budgetMs);
    const isFound = typeof found !== "string";
    this.metrics.explained(isFound ? "explained" : found, rows.length);
    if (isFound) {
      markAnswered(traces);
      return found;
    }
    for (const trace of traces) failSpan(trace, found);
    return undefined;
  }

  async #request(
    rows: readonly (readonly number[])[],
    modelVersion: string,
    traces: readonly Context[],
    budgetMs: number,
  ): Promise<readonly (readonly number[])[] | ExplanationResult> {
    const { client, logger } = this;
    const { MODEL_NAME: modelName } = this.config;
    if ((this.#unexplained.get(modelVersion) ?? 0) > performance.now()) return "refused";
    if (budgetMs < SCORING_MS_MIN) return "no-time";
    const request = contributionsRequest(modelName, modelVersion, rows);
    const headers = traces[0] === undefined ? {} : headersFromContext(traces[0]);
    const answer = await client.infer(request, headers, performance.now() + budgetMs);
    if ("failure" in answer) {
      if (answer.status === "INVALID_ARGUMENT") this.#giveUp(modelVersion, answer.detail);
      return answer.failure;
    }
    const found = readContributions(answer.value, modelVersion, rows.length, rows[0]?.length ?? 0);
    if (typeof found !== "string") return found;
    logger.warn({ model: modelName, version: modelVersion }, `contributions are unusable: scoring responded ${found}`);
    return "unreadable";
  }

  #giveUp(version: string, detail: string): void {
    this.#unexplained.delete(version);
    const oldest = this.#unexplained.keys().next();
    if (this.#unexplained.size >= UNEXPLAINED_VERSIONS_MAX && oldest.done !== true) {
      this.#unexplained.delete(oldest.value);
    }
    this.#unexplained.set(version, performance.now() + UNEXPLAINED_MS);
    this.logger.warn({ model: this.config.MODEL_NAME, version }, `scores cannot be explained: ${detail}`);
  }
}
