import { TriplineError } from "@tripline/contracts/error-table";
import type { InferParameter, ModelInferResponse } from "@tripline/contracts/generated/inference/grpc_predict_v2";

export interface RestAnswer {
  readonly body: Buffer;
  /** Size of the JSON in bytes, if binary data follows. */
  readonly headerLength?: number;
}

/**
 * Writes a response as JSON, followed by the outputs that were requested as binary data.
 *
 * @param isBinaryOutput whether the output with this name is sent as binary data
 */
export function writeInferBody(response: ModelInferResponse, isBinaryOutput: (name: string) => boolean): RestAnswer {
  const binary: Buffer[] = [];
  const outputs = response.outputs.map(({ name, datatype, shape, contents }, index) => {
    const raw = response.rawOutputContents[index] ?? rawOf(contents?.fp32Contents ?? []);
    if (!isBinaryOutput(name)) return { name, datatype, shape, data: valuesOf(raw) };
    binary.push(raw);
    return { name, datatype, shape, parameters: { binary_data_size: raw.length } };
  });
  const parameters = Object.entries(response.parameters);
  const json = Buffer.from(
    JSON.stringify({
      model_name: response.modelName,
      model_version: response.modelVersion,
      ...(response.id === "" ? {} : { id: response.id }),
      ...(parameters.length === 0 ? {} : { parameters: Object.fromEntries(parameters.map(plain)) }),
      outputs,
    }),
  );
  if (binary.length === 0) return { body: json };
  return { body: Buffer.concat([json, ...binary]), headerLength: json.length };
}

/** Writes the scores of a response as Vertex AI's `predictions`, in the order of the instances. */
export function writePredictions(response: ModelInferResponse): RestAnswer {
  const parameters = Object.entries(response.parameters);
  const body = {
    predictions: response.outputs[0]?.contents?.fp32Contents ?? [],
    model_name: response.modelName,
    model_version: response.modelVersion,
    ...(parameters.length === 0 ? {} : { parameters: Object.fromEntries(parameters.map(plain)) }),
  };
  return { body: Buffer.from(JSON.stringify(body)) };
}

const FP32_BYTES = Float32Array.BYTES_PER_ELEMENT;

function rawOf(values: readonly number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

function valuesOf(raw: Buffer): number[] {
  return Array.from({ length: raw.length / FP32_BYTES }, (_, index) => raw.readFloatLE(index * FP32_BYTES));
}

function plain([name, parameter]: [string, InferParameter]): [string, boolean | number | string] {
  const value = parameter.parameterChoice?.value;
  if (value === undefined) throw new TriplineError("internal", `The response parameter "${name}" has no value.`);
  return [name, value];
}
