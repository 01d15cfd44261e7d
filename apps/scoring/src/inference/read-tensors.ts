import { TriplineError } from "@tripline/contracts/error-table";
import type {
  ModelInferRequest,
  ModelInferRequest_InferInputTensor,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import type { ModelManifest } from "@tripline/model-registry/model-manifest";
import type { ServedModel } from "../models/served-model.js";
import { CONTRIBUTIONS } from "../models/served-model.js";
import { ROWS_EXPLAINED_MAX } from "./request-batcher.js";

/** A parsed infer request. */
export interface InferInput {
  /** The features, row-major. All values are finite. */
  readonly features: Float32Array<ArrayBuffer>;
  readonly rows: number;
  /** Whether the request has raw bytes; the response then has raw bytes as well. */
  readonly isRaw: boolean;
  /** Names of the requested outputs in their order; by default, the model's own output. */
  readonly outputs: readonly string[];
}

type Readable = Pick<ServedModel, "manifest" | "unexplained">;

const BYTES_PER_VALUE = Float32Array.BYTES_PER_ELEMENT;

/**
 * Reads the only input tensor of an infer request.
 *
 * @param rowsMax maximum rows of a request
 * @throws TriplineError `invalid-tensor` with a sentence that names the tensor
 */
export function readTensors(request: ModelInferRequest, model: Readable, rowsMax: number): InferInput {
  const { manifest } = model;
  const outputs = readOutputs(request, model);
  const tensor = findInput(request, manifest.input.name);
  const isExplained = outputs.includes(CONTRIBUTIONS);
  const rows = readRows(tensor, manifest, isExplained ? Math.min(rowsMax, ROWS_EXPLAINED_MAX) : rowsMax);
  const isRaw = request.rawInputContents.length > 0;
  const values = rows * manifest.input.shape[1];
  const features = isRaw ? readRaw(request, tensor, values) : readContents(tensor, values);
  const odd = findOdd(features);
  if (odd !== -1) {
    const [row, column] = [Math.floor(odd / manifest.input.shape[1]), odd % manifest.input.shape[1]];
    throw invalid(
      `Input "${tensor.name}" has the value ${features[odd]} in row ${row}, column ${column} (${manifest.features[column]}). Every value must be a finite number.`,
    );
  }
  return { features, rows, isRaw, outputs };
}

/** Index of the first value that is not finite, or -1. */
export function findOdd(values: Float32Array): number {
  // A finite value times 0 is 0; any other value times 0 is NaN. Four independent sums allow the CPU to add in
  // parallel.
  let [first, second, third, fourth] = [0, 0, 0, 0];
  const whole = values.length - (values.length % 4);
  for (let index = 0; index < whole; index += 4) {
    first += (values[index] as number) * 0;
    second += (values[index + 1] as number) * 0;
    third += (values[index + 2] as number) * 0;
    fourth += (values[index + 3] as number) * 0;
  }
  const start = first + second + third + fourth === 0 ? whole : 0;
  for (let index = start; index < values.length; index += 1) if (!Number.isFinite(values[index])) return index;
  return -1;
}

function invalid(sentence: string): TriplineError {
  return new TriplineError("invalid-tensor", sentence);
}

/** Contributions cost more than the score, so they are returned only when requested by name. */
function readOutputs(request: ModelInferRequest, { manifest, unexplained }: Readable): string[] {
  const own = manifest.output.name;
  const names = request.outputs.map((output) => output.name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) !== index) throw invalid(`Output "${name}" is requested twice. Request it once.`);
    if (name === own || (name === CONTRIBUTIONS && unexplained === undefined)) continue;
    if (name === CONTRIBUTIONS) {
      throw invalid(`There is no output "${name}", because this model cannot be explained: ${unexplained}`);
    }
    throw invalid(`There is no output "${name}"; the model has "${own}".`);
  }
  return names.length === 0 ? [own] : names;
}

function findInput(request: ModelInferRequest, name: string): ModelInferRequest_InferInputTensor {
  const unknown = request.inputs.find((input) => input.name !== name);
  if (unknown !== undefined) throw invalid(`There is no input "${unknown.name}"; the model takes "${name}".`);
  const [tensor, ...more] = request.inputs;
  if (tensor === undefined) throw invalid(`Input "${name}" is missing.`);
  if (more.length > 0) throw invalid(`Input "${name}" occurs ${request.inputs.length} times. Send it once.`);
  return tensor;
}

function readRows(tensor: ModelInferRequest_InferInputTensor, manifest: ModelManifest, rowsMax: number): number {
  const width = manifest.input.shape[1];
  const { name, datatype, shape } = tensor;
  if (datatype !== "FP32") throw invalid(`Input "${name}" has datatype "${datatype}"; it must be FP32.`);
  const [rows, columns, ...rest] = shape;
  if (rows === undefined || columns !== width || rest.length > 0 || rows < 1) {
    throw invalid(`Input "${name}" has shape [${shape}]; it must be [rows,${width}] with at least one row.`);
  }
  if (rows > rowsMax) throw invalid(`Input "${name}" has ${rows} rows; a request can have at most ${rowsMax}.`);
  return rows;
}

function readRaw(
  request: ModelInferRequest,
  { name, contents }: ModelInferRequest_InferInputTensor,
  values: number,
): Float32Array<ArrayBuffer> {
  const [raw, ...more] = request.rawInputContents;
  if (raw === undefined || more.length > 0) {
    throw invalid(
      `raw_input_contents has ${request.rawInputContents.length} entries, but must have exactly one, for input "${name}".`,
    );
  }
  if (contents !== undefined) {
    throw invalid(
      `Input "${name}" has contents, although raw_input_contents is used. The protocol allows only one of them.`,
    );
  }
  if (raw.byteLength !== values * BYTES_PER_VALUE) {
    throw invalid(
      `Input "${name}" has ${raw.byteLength} raw bytes, but its shape requires ${values * BYTES_PER_VALUE} (${values} FP32 values).`,
    );
  }
  // The bytes are not aligned in the message, so they are copied to an aligned buffer that can be transferred to a
  // thread. All platforms of onnxruntime are little-endian, like the protocol.
  return new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength) as ArrayBuffer);
}

function readContents(
  { name, contents }: ModelInferRequest_InferInputTensor,
  values: number,
): Float32Array<ArrayBuffer> {
  if (contents === undefined) {
    throw invalid(`Input "${name}" has no values. Set raw_input_contents or fp32_contents.`);
  }
  const { fp32Contents, ...others } = contents;
  const wrong = Object.entries(others).find(([, list]) => list.length > 0);
  if (wrong !== undefined) throw invalid(`Input "${name}" is FP32, so its values must be in fp32_contents.`);
  if (fp32Contents.length !== values) {
    throw invalid(`Input "${name}" has ${fp32Contents.length} values, but its shape requires ${values}.`);
  }
  return Float32Array.from(fp32Contents);
}
