import type { InferTensorContents } from "../generated/inference/grpc_predict_v2.js";

/** The contents of a tensor of the type FP32, for requests and responses that do not use raw contents. */
export function tensorContents(fp32Contents: number[]): InferTensorContents {
  return {
    boolContents: [],
    intContents: [],
    int64Contents: [],
    uintContents: [],
    uint64Contents: [],
    fp32Contents,
    fp64Contents: [],
    bytesContents: [],
  };
}
