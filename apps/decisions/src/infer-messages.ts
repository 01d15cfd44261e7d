import type { ModelInferRequest, ModelInferResponse } from "@tripline/contracts/generated/inference/grpc_predict_v2";

const INPUT = "features";
const OUTPUT = "probability";
const FP32_BYTES = 4;

/**
 * One request for a whole batch.
 *
 * @param rows shape [n, N], all of the same length; sent as float32, little-endian, row-major
 */
export function inferRequest(modelName: string, rows: readonly (readonly number[])[]): ModelInferRequest {
  const width = rows[0]?.length ?? 0;
  const bytes = Buffer.allocUnsafe(rows.length * width * FP32_BYTES);
  let offset = 0;
  for (const row of rows) {
    for (const value of row) offset = bytes.writeFloatLE(value, offset);
  }
  return {
    modelName,
    // Which version answers is the server's to decide: that is how a model is rolled out.
    modelVersion: "",
    id: "",
    parameters: {},
    inputs: [{ name: INPUT, datatype: "FP32", shape: [rows.length, width], parameters: {}, contents: undefined }],
    outputs: [{ name: OUTPUT, parameters: {} }],
    rawInputContents: [bytes],
  };
}

/**
 * The probabilities of an answer, in the order of the rows; or what is wrong with it, as the end of a sentence that
 * begins "scoring answered". Values are not judged here.
 */
export function readProbabilities(response: ModelInferResponse, rows: number): readonly number[] | string {
  const index = response.outputs.findIndex((output) => output.name === OUTPUT);
  const output = response.outputs[index];
  if (output === undefined) return `without the output "${OUTPUT}"`;
  if (output.datatype !== "FP32") return `with ${output.datatype} instead of FP32`;
  if (response.modelVersion === "") return "without the version of its model";
  const raw = response.rawOutputContents[index];
  if (raw === undefined) {
    const values = output.contents?.fp32Contents ?? [];
    return values.length === rows ? values : `with ${values.length} values for ${rows} payments`;
  }
  if (raw.length !== rows * FP32_BYTES) return `with ${raw.length} bytes for ${rows} payments`;
  return Array.from({ length: rows }, (_, row) => raw.readFloatLE(row * FP32_BYTES));
}
