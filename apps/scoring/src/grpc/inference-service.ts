import type { MethodDefinition, Server, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import { SpanKind } from "@opentelemetry/api";
import { asTriplineError, shownDetail } from "@tripline/contracts/error-table";
import type {
  ModelInferRequest,
  ModelStreamInferResponse,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { GRPCInferenceServiceService as OF } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { INFERENCE_METADATA } from "@tripline/contracts/headers";
import type { Logger } from "@tripline/telemetry/logger";
import { callSpan } from "@tripline/telemetry/span-options";
import type { InferCall } from "../inference/answer-inference.js";
import { FINAL_RESPONSE } from "../inference/answer-inference.js";
import type { InferenceServer } from "../inference/inference-server.js";
import { contextsFromHeaders } from "../inference/trace-inference.js";
import { logFailure } from "../log-failure.js";
import type { Answer, Call } from "./call.js";
import { streamHandler, unaryHandler } from "./call.js";
import { decodeRequest } from "./decode-request.js";
import { receiving } from "./received.js";

export const INFERENCE_SERVICE = "inference.GRPCInferenceService";

/** Adds the Open Inference Protocol to a gRPC server. */
export function addInferenceService(grpc: Server, server: InferenceServer, logger: Logger): void {
  const definition: Record<string, ServiceDefinition[string]> = {};
  const implementation: UntypedServiceImplementation = {};
  const add = <Q, S>(method: MethodDefinition<Q, S>, answer: Answer<Q, S>, read?: (bytes: Buffer) => Q): void => {
    const { path } = method;
    definition[path] = receiving(method, read);
    const handler = method.requestStream ? streamHandler : unaryHandler;
    implementation[path] = handler(path, answer, logger);
  };
  add(OF.serverLive, () => ({ live: true }));
  add(OF.serverReady, () => ({ ready: server.isReady() }));
  add(OF.serverMetadata, () => server.metadata());
  add(OF.modelReady, ({ name, version }) => ({ ready: server.isModelReady(name, version) }));
  add(OF.modelMetadata, ({ name, version }) => server.modelMetadata(name, version));
  add(OF.modelInfer, (request, call) => server.infer(inferCall(call, request, "ModelInfer")), decodeRequest);
  add(OF.modelStreamInfer, (request, call) => inferOfStream(server, request, call, logger), decodeRequest);
  add(OF.modelConfig, ({ name, version }) => ({ config: server.modelConfig(name, version) }));
  add(OF.modelStatistics, ({ name, version }) => ({ modelStats: server.statistics(name, version) }));
  add(OF.repositoryIndex, async ({ repositoryName, ready }) => ({ models: await server.index(repositoryName, ready) }));
  add(OF.repositoryModelLoad, async ({ repositoryName, modelName, parameters }) => {
    await server.load(repositoryName, modelName, Object.keys(parameters));
    return {};
  });
  add(OF.repositoryModelUnload, async ({ repositoryName, modelName }) => {
    await server.unload(repositoryName, modelName);
    return {};
  });
  grpc.addService(definition, implementation);
}

function inferCall(call: Call, request: ModelInferRequest, method: keyof typeof SPANS): InferCall {
  const header = (name: string): string | undefined => call.metadata.get(name)[0]?.toString();
  return {
    request,
    deadlineMs: call.deadlineMs,
    isCancelled: () => call.isCancelled(),
    parents: contextsFromHeaders(header("traceparent"), header(INFERENCE_METADATA.traceparents)),
    span: SPANS[method],
    isOfStream: method === "ModelStreamInfer",
  };
}

/** The span of an infer request, also over HTTP. Created once, not per call. */
export const INFER_SPAN = spanOf("ModelInfer");
const SPANS = { ModelInfer: INFER_SPAN, ModelStreamInfer: spanOf("ModelStreamInfer") } as const;

function spanOf(method: string): InferCall["span"] {
  const name = `${INFERENCE_SERVICE}/${method}`;
  return {
    name,
    attributes: callSpan(SpanKind.SERVER, name).attributes,
    ended: (failure) => ({ "rpc.status_code": status[failure?.grpcStatus ?? status.OK] ?? "UNKNOWN" }),
  };
}

/** A failed request does not end its stream. Clients match responses to requests by ID. */
async function inferOfStream(
  server: InferenceServer,
  request: ModelInferRequest,
  call: Call,
  logger: Logger,
): Promise<ModelStreamInferResponse> {
  try {
    const inferResponse = await server.infer(inferCall(call, request, "ModelStreamInfer"));
    return { errorMessage: "", inferResponse };
  } catch (thrown) {
    const error = asTriplineError(thrown);
    logFailure(thrown, error, call.path, logger);
    const { modelName, modelVersion, id } = request;
    const inferResponse = {
      modelName,
      modelVersion,
      id,
      parameters: FINAL_RESPONSE,
      outputs: [],
      rawOutputContents: [],
    };
    return { errorMessage: shownDetail(error), inferResponse };
  }
}
