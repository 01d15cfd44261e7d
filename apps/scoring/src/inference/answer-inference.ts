import type { Attributes, Context } from "@opentelemetry/api";
import { SpanKind } from "@opentelemetry/api";
import type { ErrorRow } from "@tripline/contracts/error-table";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type {
  InferParameter,
  ModelInferRequest,
  ModelInferResponse,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { tensorContents } from "@tripline/contracts/inference/tensor-contents";
import { describeSpan, withSpans } from "@tripline/telemetry/tracing";
import { describeModel } from "../models/describe-model.js";
import type { ServedModel } from "../models/served-model.js";
import { CONTRIBUTIONS } from "../models/served-model.js";
import type { ScoringMetrics } from "../scoring-metrics.js";
import { readParameters } from "./read-parameters.js";
import { findOdd, readTensors } from "./read-tensors.js";
import type { ScoreAnswer } from "./request-batcher.js";
import { traceRun } from "./trace-inference.js";

export interface InferenceOptions {
  /** @throws TriplineError for a model that is not served */
  find(name: string, version: string): ServedModel;
  readonly metrics: ScoringMetrics;
}

/** An infer request over gRPC or HTTP. */
export interface InferCall {
  readonly request: ModelInferRequest;
  /** Deadline in milliseconds since the epoch; Infinity without one. */
  readonly deadlineMs: number;
  /** Whether the caller has disconnected. */
  isCancelled(): boolean;
  /** The traces of the request; at least one. */
  readonly parents: readonly Context[];
  readonly span: InferSpan;
  /** Whether the request came on a stream, where the last response to a request is marked. */
  readonly isOfStream: boolean;
}

export interface InferSpan {
  readonly name: string;
  readonly attributes: Attributes;
  /** The attributes to set when the request ends. */
  ended(failure: ErrorRow | undefined): Attributes;
}

/** Triton's mark of the last response to a streamed request. Here each request has one response. Never modified. */
export const FINAL_RESPONSE: Readonly<Record<string, InferParameter>> = {
  triton_final_response: { parameterChoice: { $case: "boolParam", value: true } },
};

const MICROSECONDS_PER_MS = 1_000;

/**
 * Handles an infer request in its own span, and counts it.
 *
 * @throws TriplineError `model-not-found`, `invalid-tensor`, `invalid-field`, and errors of the batcher
 */
export async function answerInference(call: InferCall, options: InferenceOptions): Promise<ModelInferResponse> {
  const arrivedMs = performance.now();
  let model: ServedModel | undefined;
  try {
    const response = await withSpans(
      call.parents,
      call.span.name,
      { kind: SpanKind.SERVER, attributes: call.span.attributes },
      async (contexts) => {
        try {
          model = options.find(call.request.modelName, call.request.modelVersion);
          const answer = await infer(call, model, options.metrics, contexts, arrivedMs);
          for (const context of contexts) describeSpan(context, () => call.span.ended(undefined));
          return answer;
        } catch (error) {
          for (const context of contexts) describeSpan(context, () => call.span.ended(asTriplineError(error).row));
          throw error;
        }
      },
    );
    options.metrics.finished("ok", model);
    return response;
  } catch (error) {
    model?.tally.failed(performance.now() - arrivedMs);
    options.metrics.finished(asTriplineError(error).code, model);
    throw error;
  }
}

async function infer(
  call: InferCall,
  model: ServedModel,
  metrics: ScoringMetrics,
  contexts: readonly Context[],
  arrivedMs: number,
): Promise<ModelInferResponse> {
  const { request } = call;
  const { timeoutUs, wantsTelemetry, wantsProperties } = readParameters(request);
  const { features, rows, isRaw, outputs } = readTensors(request, model, model.limits.rowsPerRunMax);
  // There is no `await` between selecting the model and submitting the rows, so the model cannot be swapped in between.
  const answer = await model.batcher.submit({
    features,
    rows,
    isExplained: outputs.includes(CONTRIBUTIONS),
    deadlineMs: Math.min(call.deadlineMs, Date.now() + timeoutUs / MICROSECONDS_PER_MS),
    isAbandoned: () => call.isCancelled(),
  });
  metrics.answered(answer, model);
  traceRun(contexts, answer, model);
  const response = toResponse(request.id, model, tensorsOf(answer, outputs, model), isRaw);
  if (wantsTelemetry || wantsProperties || call.isOfStream) {
    response.parameters = {
      ...(wantsProperties ? propertiesOf(model) : {}),
      ...(wantsTelemetry ? telemetryOf(answer, model) : {}),
      ...(call.isOfStream ? FINAL_RESPONSE : {}),
    };
  }
  model.tally.answered(answer, performance.now() - arrivedMs);
  return response;
}

/** The properties in the model's metadata, for callers that cannot read it, such as those of a managed endpoint. */
function propertiesOf(model: ServedModel): Record<string, InferParameter> {
  const { properties } = describeModel(model, []);
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [name, { parameterChoice: { $case: "stringParam", value } }]),
  );
}

/** Describes how an answer was computed, as parameters of the response. */
function telemetryOf({ queuedMs, run }: ScoreAnswer, { providers }: ServedModel): Record<string, InferParameter> {
  const whole = (value: number): InferParameter => ({
    parameterChoice: { $case: "int64Param", value: Math.round(value) },
  });
  return {
    queue_us: whole(queuedMs * MICROSECONDS_PER_MS),
    inference_us: whole(run.inferenceMs * MICROSECONDS_PER_MS),
    explanation_us: whole(run.explanationMs * MICROSECONDS_PER_MS),
    run_rows: whole(run.rows),
    run_requests: whole(run.requests),
    execution_providers: { parameterChoice: { $case: "stringParam", value: providers.join(",") } },
  };
}

interface OutputTensor {
  readonly name: string;
  readonly shape: number[];
  readonly values: Float32Array;
}

/** @throws TriplineError `internal` if the model returns NaN or an infinite value */
function tensorsOf(answer: ScoreAnswer, outputs: readonly string[], { manifest }: ServedModel): OutputTensor[] {
  const rows = answer.outputs.length;
  return outputs.map((name) => {
    const values = name === manifest.output.name ? answer.outputs : (answer.contributions ?? new Float32Array());
    const columns = name === manifest.output.name ? 1 : manifest.input.shape[1];
    const odd = findOdd(values);
    if (odd === -1) return { name, shape: [rows, columns], values };
    throw new TriplineError(
      "internal",
      `Model ${manifest.name} ${manifest.version} returned ${values[odd]} for row ${Math.floor(odd / columns)}.`,
    );
  });
}

function toResponse(
  id: string,
  { manifest }: ServedModel,
  tensors: readonly OutputTensor[],
  isRaw: boolean,
): ModelInferResponse {
  return {
    modelName: manifest.name,
    modelVersion: manifest.version,
    id,
    parameters: {},
    outputs: tensors.map(({ name, shape, values }) => ({
      name,
      datatype: "FP32",
      shape,
      parameters: {},
      contents: isRaw ? undefined : tensorContents(Array.from(values)),
    })),
    rawOutputContents: isRaw
      ? tensors.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength))
      : [],
  };
}
