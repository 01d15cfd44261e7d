import type {
  ModelMetadataResponse,
  ModelMetadataResponse_TensorMetadata,
  ModelStatistics,
  RepositoryIndexResponse_ModelIndex,
  StatisticDuration,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import type { ModelConfig } from "@tripline/contracts/generated/inference/model_config";
import { DataType, ModelInstanceGroup_Kind } from "@tripline/contracts/generated/inference/model_config";
import type { ModelRegistry } from "@tripline/model-registry/model-registry";
import type { Duration } from "../inference/model-tally.js";
import { isGpu } from "./execution-providers.js";
import type { ServedModel } from "./served-model.js";
import { CONTRIBUTIONS } from "./served-model.js";
import type { ModelSlot } from "./served-models.js";

/** Triton's protocol extensions that this server supports. */
export const EXTENSIONS = [
  "model_repository",
  "model_configuration",
  "statistics",
  "parameters",
  "binary_tensor_data",
] as const;

const PLATFORM = "onnxruntime_onnx";
const NANOSECONDS_PER_MS = 1_000_000;
/** Maximum number of registry models in an index that are not served. */
const INDEX_MODELS_MAX = 1_000;

/** @param versions all versions that are served under the model's name */
export function describeModel(model: ServedModel, versions: string[]): ModelMetadataResponse {
  const { manifest, providers } = model;
  const { used_features: used } = manifest;
  return {
    name: manifest.name,
    versions,
    platform: PLATFORM,
    inputs: [{ ...manifest.input, shape: [...manifest.input.shape] }],
    outputs: outputsOf(model),
    properties: {
      feature_spec_version: String(manifest.feature_spec_version),
      features: manifest.features.join(","),
      ...(used === undefined ? {} : { used_features: used.join(",") }),
      execution_providers: providers.join(","),
    },
  };
}

function outputsOf({ manifest, unexplained }: ServedModel): ModelMetadataResponse_TensorMetadata[] {
  const scores = { ...manifest.output, shape: [...manifest.output.shape] };
  const contributions = { name: CONTRIBUTIONS, datatype: "FP32", shape: [...manifest.input.shape] };
  return unexplained === undefined ? [scores, contributions] : [scores];
}

/** A model as a Triton configuration: dimensions exclude the batch, and the maximum batch is the limit of a run. */
export function configureModel(model: ServedModel): ModelConfig {
  const { manifest, providers, workers, limits } = model;
  const { name, input } = manifest;
  const kind = providers.some(isGpu) ? ModelInstanceGroup_Kind.GPU : ModelInstanceGroup_Kind.CPU;
  return {
    name,
    platform: PLATFORM,
    backend: "onnxruntime",
    versionPolicy: { policyChoice: { $case: "latest", value: { numVersions: 1 } } },
    maxBatchSize: limits.rowsPerRunMax,
    input: [{ name: input.name, dataType: DataType.TYPE_FP32, dims: input.shape.slice(1) }],
    output: outputsOf(model).map((output) => ({
      name: output.name,
      dataType: DataType.TYPE_FP32,
      dims: output.shape.slice(1),
    })),
    instanceGroup: [{ name: `${name}_0`, count: workers, kind }],
    defaultModelFilename: "model.onnx",
    dynamicBatching: {
      preferredBatchSize: [],
      // A batch contains the requests that arrived while the model was busy. No request waits for a fuller batch.
      maxQueueDelayMicroseconds: 0,
      preserveOrdering: false,
      defaultQueuePolicy: {
        timeoutAction: 0,
        defaultTimeoutMicroseconds: 0,
        allowTimeoutOverride: true,
        maxQueueSize: limits.rowsQueuedMax,
      },
    },
    parameters: { execution_providers: { stringValue: providers.join(",") } },
  };
}

/** Statistics of a model version since it was loaded. */
export function statisticsOf({ manifest, tally }: ServedModel): ModelStatistics {
  const none = { count: 0, ns: 0 };
  return {
    name: manifest.name,
    version: manifest.version,
    lastInference: tally.lastRunMs,
    inferenceCount: tally.rows,
    executionCount: tally.runs,
    inferenceStats: {
      success: durationOf(tally.success),
      fail: durationOf(tally.failure),
      queue: durationOf(tally.queue),
      computeInput: none,
      computeInfer: durationOf(tally.inference),
      computeOutput: none,
      cacheHit: none,
      cacheMiss: none,
    },
    batchStats: [...tally.runsByRows]
      .sort(([one], [other]) => one - other)
      .map(([rows, runs]) => ({
        batchSize: rows,
        computeInput: none,
        computeInfer: durationOf(runs),
        computeOutput: none,
      })),
  };
}

function durationOf({ count, ms }: Duration): StatisticDuration {
  return { count, ns: Math.round(ms * NANOSECONDS_PER_MS) };
}

/**
 * All models of the registry and of this service with Triton's states: READY, UNAVAILABLE with the reason, or empty if
 * a model was never loaded here.
 */
export async function indexModels(
  slots: readonly ModelSlot[],
  registry: ModelRegistry,
  isOnlyReady: boolean,
): Promise<RepositoryIndexResponse_ModelIndex[]> {
  const index = slots.flatMap((slot) => entriesOf(slot));
  if (isOnlyReady) return index.filter((entry) => entry.state === "READY");
  const served = new Set(slots.map((slot) => slot.name));
  const others = (await registry.models()).filter((name) => !served.has(name)).slice(0, INDEX_MODELS_MAX);
  return [...index, ...others.map((name) => ({ name, version: "", state: "", reason: "" }))];
}

function entriesOf({ name, server, reason }: ModelSlot): RepositoryIndexResponse_ModelIndex[] {
  if (server === undefined) return [{ name, version: "", state: "UNAVAILABLE", reason }];
  const { failure, refusal, current } = server;
  const state = failure === undefined ? "READY" : "UNAVAILABLE";
  const entries = [{ name, version: current.manifest.version, state, reason: failure?.message ?? "" }];
  if (refusal !== undefined) {
    entries.push({ name, version: refusal.version, state: "UNAVAILABLE", reason: refusal.reason });
  }
  return entries;
}
