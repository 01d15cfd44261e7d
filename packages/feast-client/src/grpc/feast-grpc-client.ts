import type { ChannelCredentials, ChannelOptions, ServiceError } from "@grpc/grpc-js";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import type { Call, CallPolicyOptions } from "../call-policy.js";
import { CallPolicy } from "../call-policy.js";
import { explainServerMessage } from "../explain-server-message.js";
import { FeastError } from "../feast-error.js";
import type { CallOptions, OnlineFeatureReader, OnlineFeatures, OnlineFeaturesRequest } from "../online-features.js";
import { expectedNames, readServerAnswer } from "../read-server-answer.js";
import { checkRequest, entityColumns } from "../registry/entity-columns.js";
import type { FeatureRegistry } from "../registry/feature-registry.js";
import { RegistryIndex } from "../registry/resolve-features.js";
import { decodeResponse, encodeRequest } from "./grpc-messages.js";

/** Both servers have the same method, but their services have different names. */
const METHODS = {
  go: "/feast.serving.ServingService/GetOnlineFeatures",
  python: "/GrpcFeatureServer/GetOnlineFeatures",
};

const CHANNEL_OPTIONS: ChannelOptions = {
  "grpc.max_receive_message_length": 64 * 1024 * 1024,
  // Detects that the server has disappeared, and reconnects soon after it returns.
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 5_000,
};

/** The Python server's error message for an unneeded entity column. */
const NO_JOIN_KEY = /Value with native type value cannot be converted into Feast value type/;

export interface FeastGrpcOptions extends CallPolicyOptions {
  /** `host:port`. */
  readonly address: string;
  /** `go`: Feast's Go server, or any other server of `feast.serving.ServingService`. `python`: `feast listen`. */
  readonly server: "go" | "python";
  /** If given, requests are checked before they are sent, and join keys are sent with their entity's type. */
  readonly registry?: FeatureRegistry;
  /** Default: no TLS. */
  readonly credentials?: ChannelCredentials;
  /** Sent with every request, for example `{ authorization: "Bearer …" }`. Called for each request. */
  readonly metadata?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
  readonly channelOptions?: ChannelOptions;
}

/** Feast's Go or Python feature server over gRPC, on one persistent connection. */
export class FeastGrpcClient implements OnlineFeatureReader {
  private readonly client: Client;
  private readonly policy: CallPolicy;
  private readonly index: RegistryIndex | undefined;

  constructor(private readonly options: FeastGrpcOptions) {
    this.policy = new CallPolicy(options);
    this.index = options.registry === undefined ? undefined : new RegistryIndex(options.registry);
    this.client = new Client(options.address, options.credentials ?? credentials.createInsecure(), {
      ...CHANNEL_OPTIONS,
      ...options.channelOptions,
    });
  }

  async getOnlineFeatures(request: OnlineFeaturesRequest, options?: CallOptions): Promise<OnlineFeatures> {
    const call = this.policy.startCall(options);
    checkRequest(request);
    const resolved = this.index?.resolveWithServer(request);
    const columns = entityColumns(request, this.index, resolved);
    const names = expectedNames(request, resolved);
    const message = encodeRequest(request, columns);
    const joinKeys = columns.map(({ name }) => name);
    const answer = await this.policy.retry(call, () => this.send(message, joinKeys, call));
    return readServerAnswer(request, names, decodeResponse(answer));
  }

  /** Closes the connection. Pending calls fail with `aborted`. */
  close(): void {
    this.client.close();
  }

  private async send(message: Buffer, joinKeys: readonly string[], call: Call): Promise<Buffer> {
    const own = (await call.bound(Promise.resolve(this.options.metadata?.()))) ?? {};
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(own)) metadata.set(name, value);
    const signal = call.abortSignal();
    return new Promise((resolve, reject) => {
      const request = this.client.makeUnaryRequest<Buffer, Buffer>(
        METHODS[this.options.server],
        (bytes) => bytes,
        (bytes) => bytes,
        message,
        metadata,
        { deadline: Date.now() + Math.max(0, call.remainingMs()) },
        (error, answer) => {
          signal.removeEventListener("abort", onAbort);
          if (error !== null) reject(this.explain(error, joinKeys, call));
          else resolve(answer ?? Buffer.alloc(0));
        },
      );
      const onAbort = () => request.cancel();
      // A signal that is already aborted emits no event.
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  private explain(error: ServiceError, joinKeys: readonly string[], call: Call): FeastError {
    const said = error.details || error.message;
    if (NO_JOIN_KEY.test(said)) {
      const message = `One of ${joinKeys.join(", ")} is not a join key of the requested features, and Feast's Python server accepts only those over gRPC.`;
      return new FeastError("unknown-entity", message, joinKeys.join(", "), { cause: error });
    }
    switch (error.code) {
      case status.DEADLINE_EXCEEDED:
        return call.expired();
      case status.CANCELLED:
        return (
          call.endReason() ?? new FeastError("aborted", `The call was cancelled: ${said}.`, undefined, { cause: error })
        );
      case status.UNAVAILABLE: {
        const message = `The feature server at ${this.options.address} is unavailable: ${said}.`;
        return call.endReason() ?? new FeastError("unavailable", message, undefined, { cause: error });
      }
      case status.RESOURCE_EXHAUSTED:
        return new FeastError("overloaded", `Feast responded: ${said}`, undefined, { cause: error });
      case status.UNAUTHENTICATED:
      case status.PERMISSION_DENIED:
        return new FeastError("unauthorized", `Feast responded: ${said}`, undefined, { cause: error });
      case status.UNIMPLEMENTED: {
        const { address, server } = this.options;
        const message = `The server at ${address} has no ${METHODS[server]}: set server to ${server === "go" ? "python" : "go"}.`;
        return new FeastError("unsupported", message, "server", { cause: error });
      }
      case status.INVALID_ARGUMENT:
        return explainServerMessage(said, "invalid-request", error);
      default:
        return explainServerMessage(said, "server-error", error);
    }
  }
}
