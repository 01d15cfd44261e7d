import { TriplineError } from "@tripline/contracts/error-table";
import {
  GRPCInferenceServiceService,
  ModelInferRequest,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { decodeRequest } from "./decode-request.js";

/** Requests that could not be read, each with the reason; what cannot be read has no better place for it. */
const unreadable = new WeakMap<ModelInferRequest, string>();

/**
 * The service with one difference: an infer request that cannot be read reaches its method, which refuses it as the
 * client's fault. gRPC itself would answer INTERNAL, as if the fault were ours.
 */
export const INFERENCE_SERVICE: typeof GRPCInferenceServiceService = {
  ...GRPCInferenceServiceService,
  modelInfer: { ...GRPCInferenceServiceService.modelInfer, requestDeserialize: readRequest },
  modelStreamInfer: { ...GRPCInferenceServiceService.modelStreamInfer, requestDeserialize: readRequest },
};

function readRequest(bytes: Buffer): ModelInferRequest {
  try {
    return decodeRequest(bytes);
  } catch (error) {
    const request = ModelInferRequest.decode(new Uint8Array());
    unreadable.set(request, error instanceof Error ? error.message : String(error));
    return request;
  }
}

/** @throws TriplineError `invalid-tensor` for a request that could not be read */
export function checkReadable(request: ModelInferRequest): void {
  const reason = unreadable.get(request);
  if (reason === undefined) return;
  throw new TriplineError(
    "invalid-tensor",
    `The request is no ModelInferRequest, or a number in it is out of range: ${reason}.`,
  );
}
