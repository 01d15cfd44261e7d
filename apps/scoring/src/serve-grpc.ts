import { Server, ServerCredentials } from "@grpc/grpc-js";
import { TriplineError } from "@tripline/contracts/error-table";
import type { GRPCInferenceServiceServer } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { INFERENCE_SERVICE } from "./service-definition.js";

const MESSAGE_BYTES_MAX = 16 * 1_024 * 1_024;
/**
 * Age at which a connection is ended in order, and its client connects anew. Only then do clients ask again who serves,
 * and learn of instances that have come since.
 */
const CONNECTION_AGE_MS_MAX = 120_000;
const CONNECTION_GRACE_MS = 10_000;
/** What calls in progress get to end before they are cut off; less than what a shutdown step may take. */
const STOP_MS_MAX = 8_000;

export interface RunningGrpc {
  /** host:port that a client on this machine connects to. */
  readonly address: string;
  /** Takes no new calls, lets those in progress end within the bound, then cuts off what is left. */
  stop(): Promise<void>;
}

/**
 * Serves the Open Inference Protocol.
 *
 * @param stopMsMax milliseconds that calls in progress get to end when it stops
 * @throws TriplineError `config-invalid` when the port cannot be had
 */
export async function serveGrpc(
  host: string,
  port: number,
  implementation: GRPCInferenceServiceServer,
  stopMsMax = STOP_MS_MAX,
): Promise<RunningGrpc> {
  const server = new Server({
    "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
    "grpc.max_connection_age_ms": CONNECTION_AGE_MS_MAX,
    "grpc.max_connection_age_grace_ms": CONNECTION_GRACE_MS,
  });
  server.addService(INFERENCE_SERVICE, implementation);
  const bracketed = host.includes(":") ? `[${host}]` : host;
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${bracketed}:${port}`, ServerCredentials.createInsecure(), (error, boundPort) => {
      if (error === null) return resolve(boundPort);
      reject(new TriplineError("config-invalid", `GRPC_PORT ${port} on ${host} cannot be taken: ${error.message}`));
    });
  });
  const isAnyHost = host === "0.0.0.0" || host === "::";
  return {
    address: `${isAnyHost ? "127.0.0.1" : bracketed}:${bound}`,
    stop: () => stop(server, stopMsMax),
  };
}

function stop(server: Server, stopMsMax: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, stopMsMax);
    // Its error says that some call did not end well, which the call itself has said.
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
