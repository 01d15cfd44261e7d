import type { ModelInferRequest } from "@tripline/contracts/generated/inference/grpc_predict_v2";

/** A request to score one row, which is sent as raw bytes. */
export function inferRequest(modelName: string, values: readonly number[]): ModelInferRequest {
  return {
    modelName,
    modelVersion: "",
    id: "",
    parameters: {},
    inputs: [{ name: "features", datatype: "FP32", shape: [1, values.length], parameters: {}, contents: undefined }],
    outputs: [{ name: "probability", parameters: {} }],
    rawInputContents: [Buffer.from(Float32Array.from(values).buffer)],
  };
}
