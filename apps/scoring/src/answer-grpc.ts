import type { handleBidiStreamingCall, handleUnaryCall, ServerUnaryCall, ServiceError } from "@grpc/grpc-js";
import { Metadata } from "@grpc/grpc-js";
import type { TriplineError } from "@tripline/contracts/error-table";
import { asTriplineError } from "@tripline/contracts/error-table";
import type {
  GRPCInferenceServiceServer,
  ModelInferRequest,
  ModelStreamInferResponse,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { INFERENCE_METADATA } from "@tripline/contracts/headers";
import type { Logger } from "@tripline/service-kit/logger";
import type { InferCall } from "./answer-inference.js";
import type { InferenceServer } from "./inference-server.js";
import { contextsFromMetadata } from "./trace-inference.js";

const SERVICE = "inference.GRPCInferenceService";
/** Longest sentence that goes into a gRPC status, which travels as a header. */
const DETAILS_LENGTH_MAX = 1_000;
/** Requests of one stream that are answered at the same time; the stream is not read on while there are as many. */
const STREAM_OUTSTANDING_MAX = 256;

/** The protocol's methods over gRPC. Errors become the gRPC status that the error table names. */
export function grpcService(server: InferenceServer, logger: Logger): GRPCInferenceServiceServer {
  return {
    serverLive: unary(logger, () => ({ live: true })),
    serverReady: unary(logger, () => ({ ready: server.isReady() })),
    serverMetadata: unary(logger, () => server.metadata()),
    modelReady: unary(logger, ({ request }) => ({ ready: server.isModelReady(request.name, request.version) })),
    modelMetadata: unary(logger, ({ request }) => server.modelMetadata(request.name, request.version)),
    modelInfer: unary(logger, (call) => server.infer(inferCall(call, call.request, "ModelInfer"))),
    modelStreamInfer: streamed(server, logger),
    modelConfig: unary(logger, ({ request }) => ({ config: server.modelConfig(request.name, request.version) })),
    modelStatistics: unary(logger, ({ request }) => ({
      modelStats: server.statistics(request.name, request.version),
    })),
    repositoryIndex: unary(logger, async ({ request }) => ({
      models: await server.index(request.repositoryName, request.ready),
    })),
    repositoryModelLoad: unary(logger, async ({ request }) => {
      await server.load(request.repositoryName, request.modelName, Object.keys(request.parameters));
      return {};
    }),
    repositoryModelUnload: unary(logger, async ({ request }) => {
      await server.unload(request.repositoryName, request.modelName);
      return {};
    }),
  };
}

type AnyCall = Pick<ServerUnaryCall<unknown, unknown>, "metadata" | "cancelled" | "getDeadline">;

function inferCall(call: AnyCall, request: ModelInferRequest, method: keyof typeof SPANS): InferCall {
  return {
    request,
    deadlineMs: Number(call.getDeadline()),
    isCancelled: () => call.cancelled,
    parents: contextsFromMetadata(call.metadata),
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

/** Each request of a stream is answered when its answer is there, in whatever order that is; ids tell them apart. */
function streamed(
  server: InferenceServer,
  logger: Logger,
): handleBidiStreamingCall<ModelInferRequest, ModelStreamInferResponse> {
  return (call) => {
    let outstanding = 0;
    let isEnded = false;
    let isBlocked = false;
    const readOn = (): void => {
      if (outstanding < STREAM_OUTSTANDING_MAX && !isBlocked) call.resume();
      if (isEnded && outstanding === 0) call.end();
    };
    const answer = async (request: ModelInferRequest): Promise<ModelStreamInferResponse> => {
      try {
        const inferResponse = await server.infer(inferCall(call, request, "ModelStreamInfer"));
        return { errorMessage: "", inferResponse };
      } catch (thrown) {
        const { code, message } = asTriplineError(thrown);
        if (code === "internal") logger.error({ err: thrown, path: call.getPath() }, message);
        const { modelName, modelVersion, id } = request;
        const inferResponse = { modelName, modelVersion, id, parameters: {}, outputs: [], rawOutputContents: [] };
        return { errorMessage: message, inferResponse };
      }
    };
    call.on("data", (request: ModelInferRequest) => {
      outstanding += 1;
      if (outstanding >= STREAM_OUTSTANDING_MAX) call.pause();
      void answer(request).then((response) => {
        outstanding -= 1;
        if (call.cancelled || call.destroyed) return;
        // A client that does not read its answers gets no more of its requests read.
        isBlocked = !call.write(response);
        if (isBlocked) call.pause();
        readOn();
      });
    });
    call.on("drain", () => {
      isBlocked = false;
      readOn();
    });
    call.on("end", () => {
      isEnded = true;
      readOn();
    });
    // The client is gone; nobody is left to tell.
    call.on("error", () => undefined);
  };
}

function unary<Request, Response>(
  logger: Logger,
  answer: (call: ServerUnaryCall<Request, Response>) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    Promise.resolve(call)
      .then(answer)
      .then(
        (response) => callback(null, response),
        (thrown: unknown) => {
          const error = asTriplineError(thrown);
          if (error.code === "internal") logger.error({ err: thrown, path: call.getPath() }, error.message);
          callback(statusOf(error));
        },
      );
  };
}

function statusOf(error: TriplineError): Pick<ServiceError, "code" | "details" | "metadata"> {
  const metadata = new Metadata();
  metadata.set(INFERENCE_METADATA.code, error.code);
  return { code: error.row.grpcStatus, details: error.message.slice(0, DETAILS_LENGTH_MAX), metadata };
}
