import { ModelInferRequest, ModelInferResponse } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { BenchError } from "../harness/bench-error.js";
import type { BenchModel } from "./prepare-models.js";

const FP32_BYTES = Float32Array.BYTES_PER_ELEMENT;
/** Maximum difference from the score of onnx's reference evaluator. */
const DIFFERENCE_MAX = 1e-5;
/** Number of different requests per contestant, so that consecutive requests differ. */
const REQUESTS = 64;
/** A deterministic generator, so that every run has the same rows (Numerical Recipes, section 7.1). */
const [MULTIPLIER, INCREMENT, MODULUS] = [1_664_525, 1_013_904_223, 2 ** 32];

/** Serialised requests for the scores of random rows with values between 0 and 1. */
export function makeRequests(model: BenchModel, rows: number): Buffer[] {
  let state = 1;
  const random = (): number => {
    state = (state * MULTIPLIER + INCREMENT) % MODULUS;
    return state / MODULUS;
  };
  return Array.from({ length: REQUESTS }, () =>
    serialise(model.name, Float32Array.from({ length: rows * model.width }, random), rows),
  );
}

/** The rows of the model's golden batch, each as a separate request, because some servers accept only one row. */
export function goldenRequests(model: BenchModel): Buffer[] {
  return model.golden.inputs.map((row) => serialise(model.name, Float32Array.from(row), 1));
}

/**
 * @param answers responses to the golden requests, in order
 * @throws BenchError if a server's scores differ
 */
export function expectGolden(server: string, model: BenchModel, answers: readonly Buffer[]): void {
  const scores = answers.map(scoreOf);
  const isEqual = model.golden.outputs.every(
    (expected, row) => Math.abs((scores[row] ?? Number.NaN) - expected) <= DIFFERENCE_MAX,
  );
  if (!isEqual) throw new BenchError(`${server} returns scores that differ from ${model.name}'s golden batch.`);
}

function scoreOf(answer: Buffer): number {
  const { outputs, rawOutputContents } = ModelInferResponse.decode(answer);
  const [raw] = rawOutputContents;
  if (raw !== undefined) return raw.length === FP32_BYTES ? raw.readFloatLE(0) : Number.NaN;
  return outputs[0]?.contents?.fp32Contents[0] ?? Number.NaN;
}

function serialise(modelName: string, values: Float32Array, rows: number): Buffer {
  const request: ModelInferRequest = {
    modelName,
    modelVersion: "",
    id: "",
    parameters: {},
    inputs: [
      {
        name: "features",
        datatype: "FP32",
        shape: [rows, values.length / rows],
        parameters: {},
        contents: undefined,
      },
    ],
    outputs: [],
    rawInputContents: [Buffer.from(values.buffer)],
  };
  return Buffer.from(ModelInferRequest.encode(request).finish());
}
