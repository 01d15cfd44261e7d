import { setTimeout as delay } from "node:timers/promises";
import type { CallOptions, ChannelCredentials, ChannelOptions, ClientUnaryCall, ServiceError } from "@grpc/grpc-js";
import { credentials, Metadata, status } from "@grpc/grpc-js";
import type {
  ModelInferRequest,
  ModelInferResponse,
  ModelMetadataResponse,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { GRPCInferenceServiceClient } from "@tripline/contracts/generated/inference/grpc_predict_v2";

/** What a server answered, or why it did not. `detail` is for the log. */
export type Answer<T> =
  | { readonly value: T }
  | { readonly failure: "late" | "unreachable" | "refused"; readonly status: string; readonly detail: string };

type Call<T> = (
  metadata: Metadata,
  options: Partial<CallOptions>,
  done: (error: ServiceError | null, response: T) => void,
) => ClientUnaryCall;

/** Errors that another attempt cannot help: the request itself is at fault, or there is no such model. */
const FINAL: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
]);

const RETRY_MS_MIN = 10;
const RETRY_MS_MAX = 100;

const CHANNEL: ChannelOptions = {
  // If the name has several addresses, as a headless service of Kubernetes does, each gets its share of the calls.
  "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  // A scorer that comes back must be found within half a second, not after gRPC's default of up to two minutes.
  "grpc.initial_reconnect_backoff_ms": 50,
  "grpc.max_reconnect_backoff_ms": 500,
  "grpc.dns_min_time_between_resolutions_ms": 1_000,
  // A connection whose other end vanished is noticed while a call waits on it.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 2_000,
  "grpc.keepalive_permit_without_calls": 0,
  // Retrying is done here, where the budget is known.
  "grpc.enable_retries": 0,
};

/** Open Inference Protocol v2 over one connection. Asking is safe to repeat, so it is repeated within its time. */
export class InferenceClient {
  readonly #client: GRPCInferenceServiceClient;

  /** @param channel without TLS by default */
  constructor(address: string, channel: ChannelCredentials = credentials.createInsecure()) {
    this.#client = new GRPCInferenceServiceClient(address, channel, CHANNEL);
  }

  /** @param deadlineMs by `performance.now()` */
  infer(
    request: ModelInferRequest,
    headers: Readonly<Record<string, string>>,
    deadlineMs: number,
  ): Promise<Answer<ModelInferResponse>> {
    return ask(headers, deadlineMs, (metadata, options, done) =>
      this.#client.modelInfer(request, metadata, options, done),
    );
  }

  /** @param deadlineMs by `performance.now()` */
  modelMetadata(name: string, version: string, deadlineMs: number): Promise<Answer<ModelMetadataResponse>> {
    return ask({}, deadlineMs, (metadata, options, done) =>
      this.#client.modelMetadata({ name, version }, metadata, options, done),
    );
  }

  close(): void {
    this.#client.close();
  }
}

async function ask<T>(
  headers: Readonly<Record<string, string>>,
  deadlineMs: number,
  call: Call<T>,
): Promise<Answer<T>> {
  for (let waitMs = RETRY_MS_MIN; ; waitMs = Math.min(2 * waitMs, RETRY_MS_MAX)) {
    const answer = await attempt(headers, deadlineMs, call);
    if (!("failure" in answer) || answer.failure !== "unreachable") return answer;
    if (performance.now() + waitMs >= deadlineMs) return answer;
    await delay(waitMs);
  }
}

function attempt<T>(headers: Readonly<Record<string, string>>, deadlineMs: number, call: Call<T>): Promise<Answer<T>> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const deadline = Date.now() + Math.max(0, deadlineMs - performance.now());
  return new Promise((resolve) => {
    call(metadata, { deadline }, (error, response) => {
      if (error === null) resolve({ value: response });
      else resolve({ failure: failureOf(error.code), status: status[error.code], detail: error.details });
    });
  });
}

function failureOf(code: status): "late" | "unreachable" | "refused" {
  if (code === status.DEADLINE_EXCEEDED) return "late";
  return FINAL.has(code) ? "refused" : "unreachable";
}
