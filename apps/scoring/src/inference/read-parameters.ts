import { TriplineError } from "@tripline/contracts/error-table";
import type { InferParameter, ModelInferRequest } from "@tripline/contracts/generated/inference/grpc_predict_v2";

/** Known parameters of a request. Unknown ones are ignored, because they belong to other servers. */
export interface RequestParameters {
  /** Timeout for waiting and running, in microseconds; Infinity without one. The name and the unit are Triton's. */
  readonly timeoutUs: number;
  /** Whether the response describes how it was computed. */
  readonly wantsTelemetry: boolean;
  /** Whether the response describes the model, as its metadata does. */
  readonly wantsProperties: boolean;
}

/**
 * @throws TriplineError `invalid-field` that names the parameter, `invalid-tensor` if a tensor requests something
 *   unsupported
 */
export function readParameters(request: ModelInferRequest): RequestParameters {
  const { parameters } = request;
  for (const { name, parameters: own } of request.inputs) refuseSharedMemory(`Input "${name}"`, own);
  for (const { name, parameters: own } of request.outputs) {
    refuseSharedMemory(`Output "${name}"`, own);
    if (givenBy(own.classification) !== undefined) {
      throw new TriplineError(
        "invalid-tensor",
        `Output "${name}" requests classification, which is not supported. Omit the parameter to get the values.`,
      );
    }
  }
  return {
    timeoutUs: readTimeout(parameters.timeout),
    wantsTelemetry: readFlag("telemetry", parameters.telemetry),
    wantsProperties: readFlag("properties", parameters.properties),
  };
}

function givenBy(parameter: InferParameter | undefined): boolean | number | string | undefined {
  return parameter?.parameterChoice?.value;
}

function readTimeout(parameter: InferParameter | undefined): number {
  const value = givenBy(parameter);
  // 0 means no timeout, as in Triton.
  if (value === undefined || value === 0) return Number.POSITIVE_INFINITY;
  if (typeof value === "number" && Number.isInteger(value) && value > 0) return value;
  throw new TriplineError(
    "invalid-field",
    `The request parameter "timeout" is ${JSON.stringify(value)}; it must be a whole number of microseconds.`,
  );
}

function readFlag(name: string, parameter: InferParameter | undefined): boolean {
  const value = givenBy(parameter);
  if (value === undefined || typeof value === "boolean") return value ?? false;
  throw new TriplineError(
    "invalid-field",
    `The request parameter "${name}" is ${JSON.stringify(value)}; it must be true or false.`,
  );
}

function refuseSharedMemory(what: string, parameters: Readonly<Record<string, InferParameter>>): void {
  if (parameters.shared_memory_region === undefined) return;
  throw new TriplineError(
    "invalid-tensor",
    `${what} is in shared memory, which this server does not read; send its values in the request.`,
  );
}
