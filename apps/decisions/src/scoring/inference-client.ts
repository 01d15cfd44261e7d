import type { CallOptions, ChannelCredentials, ChannelOptions, ClientUnaryCall, ServiceError } from "@grpc/grpc-js";
import { credentials, Metadata } from "@grpc/grpc-js";
import type {
  ModelInferRequest,
  ModelInferResponse,
  ModelMetadataResponse,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { GRPCInferenceServiceClient } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import type { Answer, ScoringClient } from "./scoring-client.js";
import { noAnswer, requestWithin } from "./scoring-client.js";

type Call<T> = (
  metadata: Metadata,
  options: Partial<CallOptions>,
  done: (error: ServiceError | null, response: T) => void,
) => ClientUnaryCall;

const CHANNEL: ChannelOptions = {
  // If the name has several addresses, as with a headless service of Kubernetes, calls are spread over all of them.
  "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  // A scorer that comes back must be found within half a second, instead of gRPC's default of up to two minutes.
  "grpc.initial_reconnect_backoff_ms": 50,
  "grpc.max_reconnect_backoff_ms": 500,
  "grpc.dns_min_time_between_resolutions_ms": 1_000,
  // Detects a vanished server while a call is waiting.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 2_000,
  "grpc.keepalive_permit_without_calls": 0,
  // We retry here, because only this code knows the time budget.
  "grpc.enable_retries": 0,
};

/** Open Inference Protocol v2 over one connection. Requests are idempotent, so they are retried while there is time. */
export class InferenceClient implements ScoringClient {
  readonly #client: GRPCInferenceServiceClient;
  readonly #closing = new AbortController();

  /** @param channel default: without TLS */
  constructor(address: string, channel: ChannelCredentials = credentials.createInsecure()) {
    this.#client = new GRPCInferenceServiceClient(address, channel, CHANNEL);
  }

  infer(
    request: ModelInferRequest,
    headers: Readonly<Record<string, string>>,
    deadlineMs: number,
  ): Promise<Answer<ModelInferResponse>> {
    const call: Call<ModelInferResponse> = (metadata, options, done) =>
      this.#client.modelInfer(request, metadata, options, done);
    return requestWithin(deadlineMs, this.#closing.signal, () => attempt(headers, deadlineMs, call));
  }

  modelMetadata(name: string, version: string, deadlineMs: number): Promise<Answer<ModelMetadataResponse>> {
    const call: Call<ModelMetadataResponse> = (metadata, options, done) =>
      this.#client.modelMetadata({ name, version }, metadata, options, done);
    return requestWithin(deadlineMs, this.#closing.signal, () => attempt({}, deadlineMs, call));
  }

  close(): void {
    this.#closing.abort();
    this.#client.close();
  }
}

function attempt<T>(headers: Readonly<Record<string, string>>, deadlineMs: number, call: Call<T>): Promise<Answer<T>> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const deadline = Date.now() + Math.max(0, deadlineMs - performance.now());
  return new Promise((resolve) => {
    call(metadata, { deadline }, (error, response) => {
      if (error === null) resolve({ value: response });
      else resolve(noAnswer(error.code, error.details));
    });
  });
}
