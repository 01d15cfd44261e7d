import type { ErrorCode } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { usedFeatures } from "@tripline/model-registry/model-manifest";
import { counter, histogram, labelledGauge } from "@tripline/telemetry/metrics";
import type { RunReport, ScoreAnswer } from "./inference/request-batcher.js";
import type { ServedModel } from "./models/served-model.js";

const MS_PER_S = 1_000;
const FINE_SECONDS = [0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];
const POWERS_OF_TWO = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

const MODEL_LABELS = ["model", "model_version", "execution_providers"] as const;

type ModelLabels = Record<(typeof MODEL_LABELS)[number], string>;
type Labelled = Pick<ServedModel, "manifest" | "providers">;

/** Metrics of the scoring service. */
export interface ScoringMetrics {
  answered(answer: ScoreAnswer, model: Labelled): void;
  ran(run: RunReport, model: Labelled): void;
  /** `model` is absent if the request named no served model. */
  finished(outcome: ErrorCode | "ok", model: Labelled | undefined): void;
  swapped(): void;
  refused(code: ErrorCode): void;
  /** A requested provider does not run a model, or no longer does. */
  fellBack(provider: string, cause: "out-of-memory" | "unavailable"): void;
  /** Reports the served models until the returned function is called. */
  watch(current: () => readonly ServedModel[]): () => void;
}

export function createScoringMetrics(): ScoringMetrics {
  const queue = histogram("tripline_scoring_queue_duration_seconds", {
    description: "Time that a request waited for its run",
    labels: MODEL_LABELS,
    buckets: FINE_SECONDS,
  });
  const inference = histogram("tripline_scoring_inference_duration_seconds", {
    description: "Duration of one run of the model",
    labels: MODEL_LABELS,
    buckets: FINE_SECONDS,
  });
  const rows = histogram("tripline_scoring_run_rows", {
    description: "Rows per run",
    labels: MODEL_LABELS,
    buckets: POWERS_OF_TWO,
  });
  const requests = counter("tripline_scoring_requests_total", {
    description: "Inference requests, by outcome",
    labels: [...MODEL_LABELS, "outcome"],
  });
  const swaps = counter("tripline_scoring_model_swaps_total", {
    description: "Models replaced by another version",
  });
  const refusals = counter("tripline_scoring_model_refusals_total", {
    description: "New models that were rejected, by reason",
    labels: ["code"],
  });
  const fallbacks = counter("tripline_scoring_provider_fallbacks_total", {
    description: "Models that do not run on the requested provider, by requested provider and cause",
    labels: ["provider", "cause"],
  });
  return {
    answered: (answer, model) => queue.observe(labelsOf(model), answer.queuedMs / MS_PER_S),
    ran(run, model) {
      inference.observe(labelsOf(model), run.inferenceMs / MS_PER_S);
      rows.observe(labelsOf(model), run.rows);
    },
    finished: (outcome, model) => requests.inc(outcomeOf(outcome, model)),
    swapped: () => swaps.inc(),
    refused: (code) => refusals.inc({ code }),
    fellBack: (provider, cause) => fallbacks.inc({ provider, cause }),
    watch: watchModels,
  };
}

interface Known {
  readonly providers: Labelled["providers"];
  readonly labels: ModelLabels;
  readonly success: ModelLabels & { readonly outcome: string };
}

/** Labels are created once per model and provider, not per request. */
const known = new WeakMap<Labelled["manifest"], Known>();

function knownOf({ manifest, providers }: Labelled): Known {
  let own = known.get(manifest);
  if (own?.providers !== providers) {
    const labels = {
      model: manifest.name,
      model_version: manifest.version,
      execution_providers: providers.join(","),
    };
    own = { providers, labels, success: { ...labels, outcome: "ok" } };
    known.set(manifest, own);
  }
  return own;
}

function outcomeOf(outcome: ErrorCode | "ok", model: Labelled | undefined): Partial<ModelLabels> & { outcome: string } {
  if (model === undefined) return { outcome };
  return outcome === "ok" ? knownOf(model).success : { ...labelsOf(model), outcome };
}

function labelsOf(model: Labelled): ModelLabels {
  return knownOf(model).labels;
}

/** The entities to whose profiles these features belong. Features of another spec are ignored. */
function profilesOf(names: readonly string[]): string[] {
  const owners = currentFeatureSpec().features.flatMap((feature) =>
    feature.kind === "profile" && names.includes(feature.name) ? [feature.entity] : [],
  );
  return [...new Set(owners)];
}

function watchModels(current: () => readonly ServedModel[]): () => void {
  const endInfo = labelledGauge(
    "tripline_scoring_model_info",
    { description: "1 for each loaded model, with the provider that runs it", labels: MODEL_LABELS },
    () => current().map((model) => [1, labelsOf(model)]),
  );
  const endQueued = labelledGauge(
    "tripline_scoring_queue_rows",
    { description: "Rows waiting for a run", labels: MODEL_LABELS },
    () => current().map((model) => [model.batcher.rowsQueued, labelsOf(model)]),
  );
  const endProfiles = labelledGauge(
    "tripline_scoring_profiles_used",
    { description: "1 for each profile that a loaded model uses", labels: ["model", "model_version", "profile"] },
    () =>
      current().flatMap(({ manifest }) =>
        profilesOf(usedFeatures(manifest)).map((profile): [number, Record<string, string>] => [
          1,
          { model: manifest.name, model_version: manifest.version, profile },
        ]),
      ),
  );
  return () => {
    endInfo();
    endQueued();
    endProfiles();
  };
}
