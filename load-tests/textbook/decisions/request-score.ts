import { Metadata } from "@grpc/grpc-js";
import type { GRPCInferenceServiceClient } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { inferRequest } from "./infer-request.js";

const SCORE_MS_MAX = 250;

/** The score of one row; undefined if there is none in time. */
export function requestScore(
  client: GRPCInferenceServiceClient,
  modelName: string,
  values: readonly number[],
): Promise<number | undefined> {
  return new Promise((resolve) => {
    const deadline = Date.now() + SCORE_MS_MAX;
    client.modelInfer(inferRequest(modelName, values), new Metadata(), { deadline }, (error, response) => {
      const raw = response?.rawOutputContents[0];
      resolve(error !== null || raw === undefined ? undefined : raw.readFloatLE(0));
    });
  });
}
