import { setTimeout as delay } from "node:timers/promises";
import type { ServerUnaryCall, ServiceError } from "@grpc/grpc-js";
import { Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type {
  ModelInferRequest,
  ModelInferResponse,
  ModelMetadataResponse,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { GRPCInferenceServiceService } from "@tripline/contracts/generated/inference/grpc_predict_v2";

/** The response of a version that is requested by name. */
export interface OtherVersion {
  readonly probability: (row: readonly number[]) => number;
  readonly delayMs?: number;
}

/**
 * A scoring server for tests, which implements the protocol over a real socket. The test controls its responses and
 * their timing. Other tests run decisions with the real scoring service.
 */
export class TestScorer {
  /** Additional versions that it serves. */
  readonly others = new Map<string, OtherVersion>();
  readonly requests: ModelInferRequest[] = [];
  readonly traceHeaders: Record<string, string>[] = [];
  metadataRequests = 0;
  /** Computes the probability for a row. */
  probability: (row: readonly number[]) => number = () => 0.01;
  /** One list of numbers per row, or undefined for a server without explanations. */
  contributions: ((row: readonly number[]) => readonly number[]) | undefined;
  /** Requests for contributions, which `requests` does not include. */
  readonly explanationRequests: ModelInferRequest[] = [];
  delayMs = 0;
  /** Number of requests that get an error instead. */
  failures: status[] = [];
  modelVersion = "000000000001";
  properties: Record<string, string> = {
    feature_spec_version: String(currentFeatureSpec().version),
    features: currentFeatureSpec()
      .features.map((feature) => feature.name)
      .join(","),
  };
  /** Changes a response before it is sent. */
  alter: (response: ModelInferResponse) => ModelInferResponse = (response) => response;

  #server: Server | undefined;
  #port = 0;

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Listens on any free port the first time, and on the same port after a `stop`. */
  async start(): Promise<void> {
    const server = new Server();
    server.addService(GRPCInferenceServiceService, {
      modelInfer: (call: ServerUnaryCall<ModelInferRequest, ModelInferResponse>, done: Done<ModelInferResponse>) =>
        void this.#infer(call).then((response) => done(null, response), done),
      modelMetadata: (_call: unknown, done: Done<ModelMetadataResponse>) => done(null, this.#metadata()),
    });
    this.#port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(this.address, ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(new TriplineError("internal", error.message)),
      );
    });
    this.#server = server;
  }

  /** Stops immediately, as in a crash: calls in progress are cut off. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  async #infer(call: ServerUnaryCall<ModelInferRequest, ModelInferResponse>): Promise<ModelInferResponse> {
    const { request } = call;
    if (request.outputs.some(({ name }) => name === "contributions")) return this.#explain(request);
    this.requests.push(request);
    const headers = Object.entries(call.metadata.getMap()).map(([name, value]) => [name, String(value)] as const);
    this.traceHeaders.push(Object.fromEntries(headers));
    const failure = this.failures.shift();
    if (failure !== undefined) throw serviceError(failure);
    const isOwn = request.modelVersion === "" || request.modelVersion === this.modelVersion;
    const asked = isOwn ? this : this.others.get(request.modelVersion);
    if (asked === undefined) throw serviceError(status.NOT_FOUND);
    const { delayMs = 0, probability } = asked;
    if (delayMs > 0) await delay(delayMs, undefined, { ref: false });
    const values = rowsOf(request).map(probability);
    const bytes = Buffer.alloc(4 * values.length);
    for (const [index, value] of values.entries()) bytes.writeFloatLE(value, 4 * index);
    return this.alter({
      modelName: request.modelName,
      modelVersion: isOwn ? this.modelVersion : request.modelVersion,
      id: request.id,
      parameters: {},
      outputs: [
        { name: "probability", datatype: "FP32", shape: [values.length, 1], parameters: {}, contents: undefined },
      ],
      rawOutputContents: [bytes],
    });
  }

  async #explain(request: ModelInferRequest): Promise<ModelInferResponse> {
    this.explanationRequests.push(request);
    const { contributions } = this;
    const { modelVersion } = request;
    if (contributions === undefined) throw serviceError(status.INVALID_ARGUMENT);
    if (this.delayMs > 0) await delay(this.delayMs, undefined, { ref: false });
    const values = rowsOf(request).map(contributions);
    const bytes = Buffer.from(Float32Array.from(values.flat()).buffer);
    const shape = [values.length, values[0]?.length ?? 0];
    return this.alter({
      modelName: request.modelName,
      modelVersion,
      id: request.id,
      parameters: {},
      outputs: [{ name: "contributions", datatype: "FP32", shape, parameters: {}, contents: undefined }],
      rawOutputContents: [bytes],
    });
  }

  #metadata(): ModelMetadataResponse {
    this.metadataRequests += 1;
    const { modelVersion, properties } = this;
    return { name: "fraud", versions: [modelVersion], platform: "", inputs: [], outputs: [], properties };
  }
}

type Done<T> = (error: Partial<ServiceError> | null, response?: T) => void;

/** Decodes the rows of a request as any server of the protocol would. */
export function rowsOf(request: ModelInferRequest): number[][] {
  const [rows = 0, width = 0] = request.inputs[0]?.shape ?? [];
  const bytes = request.rawInputContents[0] ?? Buffer.alloc(0);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: width }, (_, column) => bytes.readFloatLE(4 * (row * width + column))),
  );
}

function serviceError(code: status): ServiceError {
  return Object.assign(new Error(status[code]), { code, details: status[code], metadata: new Metadata() });
}
