import type { ModelInferRequest, ModelInferResponse } from "@tripline/contracts/generated/inference/grpc_predict_v2";

const INPUT = "features";
const OUTPUT = "probability";
const CONTRIBUTIONS = "contributions";
const FP32_BYTES = 4;

/**
 * One request for a whole batch.
 *
 * @param rows shape [n, N], all of the same length; sent as float32, little-endian, row-major
 * @param modelVersion default: the champion, which the server resolves
 */
export function inferRequest(
  modelName: string,
  rows: readonly (readonly number[])[],
  modelVersion = "",
): ModelInferRequest {
  return requestFor(OUTPUT, modelName, modelVersion, rows);
}

/**
 * Requests each feature's contribution to the scores of rows, from the version that gave the scores.
 *
 * @param rows as in `inferRequest`
 */
export function contributionsRequest(
  modelName: string,
  modelVersion: string,
  rows: readonly (readonly number[])[],
): ModelInferRequest {
  return requestFor(CONTRIBUTIONS, modelName, modelVersion, rows);
}

function requestFor(
  output: string,
  modelName: string,
  modelVersion: string,
  rows: readonly (readonly number[])[],
): ModelInferRequest {
  const width = rows[0]?.length ?? 0;
  const bytes = Buffer.allocUnsafe(rows.length * width * FP32_BYTES);
  let offset = 0;
  for (const row of rows) {
    for (const value of row) offset = bytes.writeFloatLE(value, offset);
  }
  return {
    modelName,
    modelVersion,
    id: "",
    parameters: {},
    inputs: [{ name: INPUT, datatype: "FP32", shape: [rows.length, width], parameters: {}, contents: undefined }],
    outputs: [{ name: output, parameters: {} }],
    rawInputContents: [bytes],
  };
}

/**
 * Returns the probabilities in a response, in row order, or a description of the fault, as the end of a sentence that
 * begins "scoring responded". Does not check the values.
 */
export function readProbabilities(response: ModelInferResponse, rows: number): readonly number[] | string {
  const values = readOutput(response, OUTPUT, rows, `for ${rows} payments`);
  if (typeof values !== "string" && response.modelVersion === "") return "without a model version";
  return values;
}

/**
 * Returns the contributions in a response, one list of `width` values per row, or a description of the fault, as for
 * probabilities.
 */
export function readContributions(
  response: ModelInferResponse,
  modelVersion: string,
  rows: number,
  width: number,
): readonly (readonly number[])[] | string {
  const values = readOutput(response, CONTRIBUTIONS, rows * width, `for ${rows} payments of ${width} features`);
  if (typeof values === "string") return values;
  if (response.modelVersion !== modelVersion) return `for version ${response.modelVersion}, not ${modelVersion}`;
  return Array.from({ length: rows }, (_, row) => values.slice(row * width, (row + 1) * width));
}

function readOutput(
  response: ModelInferResponse,
  name: string,
  count: number,
  wanted: string,
): readonly number[] | string {
  const index = response.outputs.findIndex((output) => output.name === name);
  const output = response.outputs[index];
  if (output === undefined) return `without the output "${name}"`;
  if (output.datatype !== "FP32") return `with ${output.datatype} instead of FP32`;
  const raw = response.rawOutputContents[index];
  if (raw === undefined) {
    const values = output.contents?.fp32Contents ?? [];
    return values.length === count ? values : `with ${values.length} values ${wanted}`;
  }
  if (raw.length !== count * FP32_BYTES) return `with ${raw.length} bytes ${wanted}`;
  return Array.from({ length: count }, (_, at) => raw.readFloatLE(at * FP32_BYTES));
}
