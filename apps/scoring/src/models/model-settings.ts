import type { Logger } from "@tripline/telemetry/logger";
import type { ModelReference, ScoringConfig } from "../config.js";
import type { ScoringMetrics } from "../scoring-metrics.js";
import { rowsPerRunOf } from "./execution-providers.js";
import type { ServedModelsOptions } from "./served-models.js";

/** Settings of one model. In order of precedence: for its name and alias, for its name, for all models. */
export function settingsIn(
  config: ScoringConfig,
  logger: Logger,
  metrics: ScoringMetrics,
): ServedModelsOptions["settingsOf"] {
  return ({ name, alias }: ModelReference) => {
    const own = { ...config.MODEL_SETTINGS[name], ...config.MODEL_SETTINGS[`${name}@${alias}`] };
    return {
      session: {
        workers: own.workers ?? config.WORKERS,
        providers: own.execution_providers ?? config.EXECUTION_PROVIDERS,
        requireGpu: own.require_gpu ?? config.REQUIRE_GPU,
        isExplained: own.contributions ?? config.CONTRIBUTIONS,
      },
      limitsOf: ([first = "cpu"]) => ({
        rowsPerRunMax:
          own.rows_per_run_max_by_provider?.[first] ??
          own.rows_per_run_max ??
          config.ROWS_PER_RUN_MAX_BY_PROVIDER[first] ??
          config.ROWS_PER_RUN_MAX ??
          rowsPerRunOf(first),
        rowsQueuedMax: own.rows_queued_max ?? config.ROWS_QUEUED_MAX,
      }),
      featureSpecVersion: config.FEATURE_SPEC_VERSION,
      logger,
      metrics,
    };
  };
}
