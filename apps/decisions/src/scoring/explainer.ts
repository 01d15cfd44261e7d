import type { Context } from "@opentelemetry/api";
import type { Logger } from "@tripline/telemetry/logger";
import { failSpan, headersFromContext, markAnswered } from "@tripline/telemetry/tracing";
import type { DecisionMetrics, ExplanationResult } from "../decision-metrics.js";
import { contributionsRequest, readContributions } from "./infer-messages.js";
import { SCORING_MS_MIN } from "./score-budget.js";
import type { ScoringClient } from "./scoring-client.js";

/** Versions that cannot be explained are remembered, so that they are not asked in vain; the oldest is forgotten. */
const UNEXPLAINED_VERSIONS_MAX = 64;

export interface ExplainerOptions {
  readonly client: ScoringClient;
  readonly modelName: string;
  readonly metrics: DecisionMetrics;
  readonly logger: Logger;
}

/** Asks the model server how much each feature moved a score. Decisions can do without the answer. */
export class Explainer {
  readonly #options: ExplainerOptions;
  readonly #unexplained = new Set<string>();

  constructor(options: ExplainerOptions) {
    this.#options = options;
  }

  /**
   * One request for all rows. Takes at most `budgetMs` and never throws: without an answer there are no contributions.
   *
   * @param rows feature vectors, all of one length
   * @param modelVersion which gave the scores; another one's contributions would explain another score
   * @param traces one context per row
   * @returns one contribution per row and feature
   */
  async explain(
    rows: readonly (readonly number[])[],
    modelVersion: string,
    traces: readonly Context[],
    budgetMs: number,
  ): Promise<readonly (readonly number[])[] | undefined> {
    const found = await this.#ask(rows, modelVersion, traces, budgetMs);
    const isFound = typeof found !== "string";
    this.#options.metrics.explained(isFound ? "explained" : found, rows.length);
    if (isFound) {
      markAnswered(traces);
      return found;
    }
    for (const trace of traces) failSpan(trace, found);
    return undefined;
  }

  async #ask(
    rows: readonly (readonly number[])[],
    modelVersion: string,
    traces: readonly Context[],
    budgetMs: number,
  ): Promise<readonly (readonly number[])[] | ExplanationResult> {
    const { client, modelName, logger } = this.#options;
    if (this.#unexplained.has(modelVersion)) return "refused";
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
    logger.warn({ model: modelName, version: modelVersion }, `contributions cannot be used: scoring answered ${found}`);
    return "unreadable";
  }

  #giveUp(version: string, detail: string): void {
    const oldest = this.#unexplained.values().next();
    if (this.#unexplained.size >= UNEXPLAINED_VERSIONS_MAX && oldest.done !== true) {
      this.#unexplained.delete(oldest.value);
    }
    this.#unexplained.add(version);
    this.#options.logger.warn({ model: this.#options.modelName, version }, `scores are not explained: ${detail}`);
  }
}
