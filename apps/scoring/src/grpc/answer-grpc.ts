import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type {
  ModelInferRequest,
  ModelStreamInferResponse,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import type { Logger } from "@tripline/service-kit/logger";
import type { InferCall } from "../answer-inference.js";
import type { InferenceServer } from "../inference-server.js";
import { contextsFromHeaders } from "../trace-inference.js";
import type { GrpcCall, GrpcMethod, GrpcMethods } from "./answer-call.js";
import { INFERENCE_SERVICE } from "./service-definition.js";

const SERVICE = "inference.GRPCInferenceService";

interface Method<Request, Response> {
  readonly path: string;
  requestDeserialize(bytes: Buffer): Request;
  responseSerialize(response: Response): Uint8Array;
}

/** The protocol's methods over gRPC. Errors become the gRPC status that the error table names. */
export function grpcMethods(server: InferenceServer, logger: Logger): GrpcMethods {
  const methods = new Map<string, GrpcMethod>();
  const add = <Request, Response>(
    method: Method<Request, Response>,
    answer: (request: Request, call: GrpcCall) => Response | Promise<Response>,
    isStream = false,
  ): void => {
    methods.set(method.path, { isStream, answer: (message, call) => answerOne(method, answer, message, call, logger) });
  };
  const of = INFERENCE_SERVICE;
  add(of.serverLive, () => ({ live: true }));
  add(of.serverReady, () => ({ ready: server.isReady() }));
  add(of.serverMetadata, () => server.metadata());
  add(of.modelReady, ({ name, version }) => ({ ready: server.isModelReady(name, version) }));
  add(of.modelMetadata, ({ name, version }) => server.modelMetadata(name, version));
  add(of.modelInfer, (request, call) => server.infer(inferCall(call, request, "ModelInfer")));
  add(of.modelStreamInfer, (request, call) => inferOfStream(server, request, call, logger), true);
  add(of.modelConfig, ({ name, version }) => ({ config: server.modelConfig(name, version) }));
  add(of.modelStatistics, ({ name, version }) => ({ modelStats: server.statistics(name, version) }));
  add(of.repositoryIndex, async ({ repositoryName, ready }) => ({ models: await server.index(repositoryName, ready) }));
  add(of.repositoryModelLoad, async ({ repositoryName, modelName, parameters }) => {
    await server.load(repositoryName, modelName, Object.keys(parameters));
    return {};
  });
  add(of.repositoryModelUnload, async ({ repositoryName, modelName }) => {
    await server.unload(repositoryName, modelName);
    return {};
  });
  return methods;
}

async function answerOne<Request, Response>(
  method: Method<Request, Response>,
  answer: (request: Request, call: GrpcCall) => Response | Promise<Response>,
  message: Buffer,
  call: GrpcCall,
  logger: Logger,
): Promise<Uint8Array> {
  try {
    return method.responseSerialize(await answer(read(method, message), call));
  } catch (thrown) {
    const error = asTriplineError(thrown);
    if (error.code === "internal") logger.error({ err: thrown, path: call.path }, error.message);
    throw error;
  }
}

function read<Request>({ path, requestDeserialize }: Method<Request, never>, message: Buffer): Request {
  try {
    return requestDeserialize(message);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TriplineError("message-unreadable", `The request is none of ${path}: ${reason}.`);
  }
}

function inferCall(call: GrpcCall, request: ModelInferRequest, method: keyof typeof SPANS): InferCall {
  return {
    request,
    deadlineMs: call.deadlineMs,
    isCancelled: () => call.isCancelled(),
    parents: contextsFromHeaders(call.headers),
    span: SPANS[method],
  };
}

/** Made once and not once per call. */
const SPANS = { ModelInfer: spanOf("ModelInfer"), ModelStreamInfer: spanOf("ModelStreamInfer") } as const;

function spanOf(method: string): InferCall["span"] {
  return {
    name: `grpc ${SERVICE}/${method}`,
    attributes: { "rpc.system": "grpc", "rpc.service": SERVICE, "rpc.method": method },
  };
}

/** A request of a stream that fails does not end the stream; ids tell the answers apart. */
async function inferOfStream(
  server: InferenceServer,
  request: ModelInferRequest,
  call: GrpcCall,
  logger: Logger,
): Promise<ModelStreamInferResponse> {
  try {
    const inferResponse = await server.infer(inferCall(call, request, "ModelStreamInfer"));
    return { errorMessage: "", inferResponse };
  } catch (thrown) {
    const { code, message } = asTriplineError(thrown);
    if (code === "internal") logger.error({ err: thrown, path: call.path }, message);
    const { modelName, modelVersion, id } = request;
    const inferResponse = { modelName, modelVersion, id, parameters: {}, outputs: [], rawOutputContents: [] };
    return { errorMessage: message, inferResponse };
  }
}
