import { percentile } from "../harness/spread.js";
import { GrpcConnection } from "./grpc-connection.js";

const MODEL_INFER = "/inference.GRPCInferenceService/ModelInfer";

export interface CallLoad {
  /** host:port of servers that share the connections evenly. */
  readonly addresses: readonly string[];
  /** Serialised requests, which are sent in rotation. */
  readonly messages: readonly Buffer[];
  readonly connections: number;
  /** Calls in flight on each connection. */
  readonly callsEach: number;
  readonly durationMs: number;
  /** Milliseconds between a response and the next call; 0 for a closed loop. */
  readonly pauseMs?: number;
}

export interface CallFigures {
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Calls ModelInfer for a while, each time as soon as the previous call has returned.
 *
 * @throws BenchError if a call fails, because a failed call ends early and would distort the result
 */
export async function driveCalls(load: CallLoad): Promise<CallFigures> {
  const { addresses, messages, durationMs, pauseMs = 0 } = load;
  const latenciesMs: number[] = [];
  let next = 0;
  const connections = await Promise.all(
    Array.from({ length: load.connections }, (_, index) =>
      GrpcConnection.open(addresses[index % addresses.length] ?? "", MODEL_INFER),
    ),
  );
  const endMs = performance.now() + durationMs;
  const sendRequest = async (connection: GrpcConnection): Promise<void> => {
    let askedMs = performance.now();
    while (askedMs < endMs) {
      await connection.call(messages[next++ % messages.length] ?? Buffer.alloc(0));
      const answeredMs = performance.now();
      latenciesMs.push(answeredMs - askedMs);
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      askedMs = pauseMs > 0 ? performance.now() : answeredMs;
    }
  };
  try {
    await Promise.all(connections.flatMap((one) => Array.from({ length: load.callsEach }, () => sendRequest(one))));
  } finally {
    for (const connection of connections) connection.close();
  }
  return { calls: latenciesMs.length, p50Ms: percentile(latenciesMs, 0.5), p99Ms: percentile(latenciesMs, 0.99) };
}

/** Makes calls in sequence, to check the responses. @throws BenchError if one fails */
export async function callEach(address: string, messages: readonly Buffer[]): Promise<Buffer[]> {
  const connection = await GrpcConnection.open(address, MODEL_INFER);
  try {
    const answers: Buffer[] = [];
    for (const message of messages) answers.push(await connection.call(message));
    return answers;
  } finally {
    connection.close();
  }
}
