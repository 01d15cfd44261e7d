import type { Attributes } from "@opentelemetry/api";
import { metrics } from "@opentelemetry/api";
import type { ErrorCode } from "@tripline/contracts/error-table";
import { counter, histogram } from "@tripline/service-kit/metrics";
import type { RunReport, ScoreAnswer } from "./batch-requests.js";
import type { ServedModel } from "./served-model.js";

const FINE_MS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];
const POWERS_OF_TWO = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

type Labelled = Pick<ServedModel, "manifest" | "providers">;

/** What this service counts. Made after telemetry has started, never when a module is loaded. */
export interface ScoringMetrics {
  answered(answer: ScoreAnswer, model: Labelled): void;
  ran(run: RunReport, model: Labelled): void;
  /** `model` is absent where the request named none that is served. */
  finished(outcome: ErrorCode | "ok", model: Labelled | undefined): void;
  swapped(): void;
  refused(code: ErrorCode): void;
  /** Reports the served models until the returned function is called. */
  watch(current: () => readonly ServedModel[]): () => void;
}

export function createScoringMetrics(): ScoringMetrics {
  const queue = histogram("tripline.scoring.queue.duration", {
    unit: "ms",
    description: "How long a request waited for its run",
    boundaries: FINE_MS,
  });
  const inference = histogram("tripline.scoring.inference.duration", {
    unit: "ms",
    description: "How long one run took inside the model",
    boundaries: FINE_MS,
  });
  const rows = histogram("tripline.scoring.run.rows", {
    unit: "{row}",
    description: "Rows that went through the model together",
    boundaries: POWERS_OF_TWO,
  });
  const requests = counter("tripline.scoring.requests", {
    unit: "{request}",
    description: "Infer requests by outcome",
  });
  const swaps = counter("tripline.scoring.model.swaps", {
    unit: "{swap}",
    description: "Models put in another's place",
  });
  const refusals = counter("tripline.scoring.model.refusals", {
    unit: "{refusal}",
    description: "New models that were not put in place, by reason",
  });
  return {
    answered: (answer, model) => queue.record(answer.queuedMs, labelsOf(model)),
    ran(run, model) {
      inference.record(run.inferenceMs, labelsOf(model));
      rows.record(run.rows, labelsOf(model));
    },
    finished: (outcome, model) => requests.add(1, outcomeOf(outcome, model)),
    swapped: () => swaps.add(1),
    refused: (code) => refusals.add(1, { code }),
    watch: watchModels,
  };
}

/** Made once per model and not once per request. */
const labels = new WeakMap<Labelled["manifest"], Attributes>();
const successes = new WeakMap<Labelled["manifest"], Attributes>();

function outcomeOf(outcome: ErrorCode | "ok", model: Labelled | undefined): Attributes {
  if (model === undefined) return { outcome };
  let own = outcome === "ok" ? successes.get(model.manifest) : undefined;
  if (own === undefined) {
    own = { ...labelsOf(model), outcome };
    if (outcome === "ok") successes.set(model.manifest, own);
  }
  return own;
}

function labelsOf({ manifest, providers }: Labelled): Attributes {
  let own = labels.get(manifest);
  if (own === undefined) {
    own = { model: manifest.name, model_version: manifest.version, execution_providers: providers.join(",") };
    labels.set(manifest, own);
  }
  return own;
}

function watchModels(current: () => readonly ServedModel[]): () => void {
  const meter = metrics.getMeter("tripline");
  const info = meter.createObservableGauge("tripline.scoring.model.info", {
    unit: "{model}",
    description: "1 for each model that is served, with what it really runs on",
  });
  const queued = meter.createObservableGauge("tripline.scoring.queue.rows", {
    unit: "{row}",
    description: "Rows that wait for a run",
  });
  const readInfo: Parameters<typeof info.addCallback>[0] = (result) => {
    for (const model of current()) result.observe(1, labelsOf(model));
  };
  const readQueued: typeof readInfo = (result) => {
    for (const model of current()) result.observe(model.batcher.rowsQueued, labelsOf(model));
  };
  info.addCallback(readInfo);
  queued.addCallback(readQueued);
  return () => {
    info.removeCallback(readInfo);
    queued.removeCallback(readQueued);
  };
}
