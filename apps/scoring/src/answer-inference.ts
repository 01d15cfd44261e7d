import type { handleUnaryCall, ServerUnaryCall, ServiceError } from "@grpc/grpc-js";
import { Metadata } from "@grpc/grpc-js";
import type { Context } from "@opentelemetry/api";
import { SpanKind } from "@opentelemetry/api";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type {
  GRPCInferenceServiceServer,
  ModelInferRequest,
  ModelInferResponse,
  ModelMetadataResponse,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { INFERENCE_METADATA } from "@tripline/contracts/headers";
import type { Logger } from "@tripline/service-kit/logger";
import { withSpans } from "@tripline/service-kit/tracing";
import { readTensors } from "./read-tensors.js";
import type { ScoringMetrics } from "./scoring-metrics.js";
import type { ServedModel } from "./served-model.js";
import { contextsFromMetadata, traceRun } from "./trace-inference.js";

const SERVICE = "inference.GRPCInferenceService";
/** Longest sentence that goes into a gRPC status, which travels as a header. */
const DETAILS_LENGTH_MAX = 1_000;

export interface InferenceOptions {
  /** The model in service at this moment. */
  current(): ServedModel;
  isReady(): boolean;
  readonly rowsPerRunMax: number;
  /** Version of this server, for its metadata. */
  readonly version: string;
  readonly metrics: ScoringMetrics;
  readonly logger: Logger;
}

/** The six methods of the Open Inference Protocol. Errors become the gRPC status that the error table names. */
export function inferenceService(options: InferenceOptions): GRPCInferenceServiceServer {
  const { current, isReady, logger } = options;
  return {
    serverLive: unary(logger, () => ({ live: true })),
    serverReady: unary(logger, () => ({ ready: isReady() })),
    serverMetadata: unary(logger, () => ({ name: "tripline-scoring", version: options.version, extensions: [] })),
    modelReady: unary(logger, ({ request }) => {
      findModel(current(), request.name, request.version);
      return { ready: isReady() };
    }),
    modelMetadata: unary(logger, ({ request }) => describe(findModel(current(), request.name, request.version))),
    modelInfer: unary(logger, (call) => inferTraced(call, options)),
  };
}

async function inferTraced(
  call: ServerUnaryCall<ModelInferRequest, ModelInferResponse>,
  options: InferenceOptions,
): Promise<ModelInferResponse> {
  const span = {
    kind: SpanKind.SERVER,
    attributes: { "rpc.system": "grpc", "rpc.service": SERVICE, "rpc.method": "ModelInfer" },
  };
  const parents = contextsFromMetadata(call.metadata);
  try {
    const response = await withSpans(parents, `grpc ${SERVICE}/ModelInfer`, span, (contexts) =>
      infer(call, options, contexts),
    );
    options.metrics.finished("ok");
    return response;
  } catch (error) {
    options.metrics.finished(asTriplineError(error).code);
    throw error;
  }
}

async function infer(
  call: ServerUnaryCall<ModelInferRequest, ModelInferResponse>,
  options: InferenceOptions,
  contexts: readonly Context[],
): Promise<ModelInferResponse> {
  const { request } = call;
  const model = findModel(options.current(), request.modelName, request.modelVersion);
  const { features, rows, isRaw } = readTensors(request, model.manifest, options.rowsPerRunMax);
  // Nothing is awaited between taking the model and handing it the rows: a swap cannot come between.
  const answer = await model.batcher.submit({
    features,
    rows,
    deadlineMs: Number(call.getDeadline()),
    isAbandoned: () => call.cancelled,
  });
  options.metrics.answered(answer);
  traceRun(contexts, answer, model.manifest.version);
  return toResponse(request.id, model, answer.outputs, isRaw);
}

function findModel(model: ServedModel, name: string, version: string): ServedModel {
  const { manifest } = model;
  if (name !== manifest.name) {
    throw new TriplineError("model-not-found", `There is no model "${name}" here; "${manifest.name}" is served.`);
  }
  if (version !== "" && version !== manifest.version) {
    throw new TriplineError(
      "model-not-found",
      `Version "${version}" of model ${name} is not served here; ${manifest.version} is.`,
    );
  }
  return model;
}

function describe({ manifest, providers }: ServedModel): ModelMetadataResponse {
  return {
    name: manifest.name,
    versions: [manifest.version],
    platform: "onnxruntime",
    inputs: [{ ...manifest.input, shape: [...manifest.input.shape] }],
    outputs: [{ ...manifest.output, shape: [...manifest.output.shape] }],
    properties: {
      feature_spec_version: String(manifest.feature_spec_version),
      features: manifest.features.join(","),
      execution_providers: providers.join(","),
    },
  };
}

function toResponse(id: string, { manifest }: ServedModel, outputs: Float32Array, isRaw: boolean): ModelInferResponse {
  const { name, version, output } = manifest;
  const odd = outputs.findIndex((value) => !Number.isFinite(value));
  if (odd !== -1) {
    throw new TriplineError("internal", `Model ${name} ${version} gave ${outputs[odd]} for row ${odd}.`);
  }
  const contents = {
    boolContents: [],
    intContents: [],
    int64Contents: [],
    uintContents: [],
    uint64Contents: [],
    fp32Contents: Array.from(outputs),
    fp64Contents: [],
    bytesContents: [],
  };
  return {
    modelName: name,
    modelVersion: version,
    id,
    parameters: {},
    outputs: [
      {
        name: output.name,
        datatype: output.datatype,
        shape: [outputs.length, 1],
        parameters: {},
        contents: isRaw ? undefined : contents,
      },
    ],
    rawOutputContents: isRaw ? [Buffer.from(outputs.buffer, outputs.byteOffset, outputs.byteLength)] : [],
  };
}

function unary<Request, Response>(
  logger: Logger,
  answer: (call: ServerUnaryCall<Request, Response>) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    Promise.resolve(call)
      .then(answer)
      .then(
        (response) => callback(null, response),
        (thrown: unknown) => {
          const error = asTriplineError(thrown);
          if (error.code === "internal") logger.error({ err: thrown, path: call.getPath() }, error.message);
          callback(statusOf(error));
        },
      );
  };
}

function statusOf(error: TriplineError): Pick<ServiceError, "code" | "details" | "metadata"> {
  const metadata = new Metadata();
  metadata.set(INFERENCE_METADATA.code, error.code);
  return { code: error.row.grpcStatus, details: error.message.slice(0, DETAILS_LENGTH_MAX), metadata };
}
