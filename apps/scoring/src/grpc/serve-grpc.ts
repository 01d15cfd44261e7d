import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";
import { createServer } from "node:net";
import { TriplineError } from "@tripline/contracts/error-table";
import { ServerConnection } from "../http2/server-connection.js";
import type { GrpcMethods } from "./answer-call.js";
import { answerCall } from "./answer-call.js";

/*
 * gRPC by https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. Why not by a library is in
 * docs/adr/0017-grpc-and-its-http2-by-our-own-code.md.
 */

/**
 * Age at which a connection is ended in order, and its client connects anew. Only then do clients ask again who serves,
 * and learn of instances that have come since. By a tenth more or less, so that not all come at once.
 */
const CONNECTION_AGE_MS_MAX = 120_000;
const CONNECTION_GRACE_MS = 10_000;
const CONNECTIONS_MAX = 4_096;
/** What calls in progress get to end before they are cut off; less than what a shutdown step may take. */
const STOP_MS_MAX = 8_000;

export interface RunningGrpc {
  /** host:port that a client on this machine connects to. */
  readonly address: string;
  /** Takes no new calls, lets those in progress end within the bound, then cuts off what is left. */
  stop(): Promise<void>;
}

/**
 * Serves methods over gRPC without TLS.
 *
 * @param stopMsMax milliseconds that calls in progress get to end when it stops
 * @throws TriplineError `config-invalid` when the port cannot be had
 */
export async function serveGrpc(
  host: string,
  port: number,
  methods: GrpcMethods,
  stopMsMax = STOP_MS_MAX,
): Promise<RunningGrpc> {
  const connections = new Set<ServerConnection>();
  const server = createServer((socket) => {
    const connection = new ServerConnection(socket, (stream) => answerCall(stream, methods));
    const endAge = limitAge(connection);
    connections.add(connection);
    socket.once("close", () => {
      endAge();
      connections.delete(connection);
    });
  });
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, host, port);
  const { port: bound } = server.address() as AddressInfo;
  const isAnyHost = host === "0.0.0.0" || host === "::";
  const bracketed = host.includes(":") ? `[${host}]` : host;
  return {
    address: `${isAnyHost ? "127.0.0.1" : bracketed}:${bound}`,
    stop: () => stop(server, connections, stopMsMax),
  };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TriplineError("config-invalid", `GRPC_PORT ${port} on ${host} cannot be taken: ${reason}`);
  }
}

/** @returns what stops the clock */
function limitAge(connection: ServerConnection): () => void {
  const ageMs = CONNECTION_AGE_MS_MAX * (0.9 + 0.2 * Math.random());
  let timer = setTimeout(() => {
    connection.endInOrder();
    timer = setTimeout(() => connection.destroy(), CONNECTION_GRACE_MS).unref();
  }, ageMs).unref();
  return () => clearTimeout(timer);
}

async function stop(server: Server, connections: ReadonlySet<ServerConnection>, stopMsMax: number): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  for (const connection of connections) connection.endInOrder();
  const timer = setTimeout(() => {
    for (const connection of connections) connection.destroy();
  }, stopMsMax);
  await closed;
  clearTimeout(timer);
}
