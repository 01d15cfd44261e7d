import { once } from "node:events";
import type { AddressInfo, Socket, Server as SocketServer } from "node:net";
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { ServerOptions } from "@grpc/grpc-js";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { TriplineError } from "@tripline/contracts/error-table";
import type { ServerCertificate } from "@tripline/settings/server-certificate";

/**
 * Age at which a connection is closed gracefully, and its client reconnects. Only then do clients resolve the name
 * again and find new instances. The library varies it by a tenth, so that clients do not all reconnect at once. Idle
 * connections are closed as well.
 */
const CONNECTION_AGE_MS_MAX = 120_000;
const CONNECTION_GRACE_MS = 10_000;
const CONNECTIONS_MAX = 4_096;
const MESSAGE_BYTES_MAX = 16 * 1_024 * 1_024;
/** Maximum number of concurrent calls per connection. */
const CALLS_MAX = 4_096;
/** A client that does not answer a ping in time is considered disconnected. */
const PING_EVERY_MS = 30_000;
const PING_TIMEOUT_MS = 10_000;
/** Time that calls in progress may take before they are cut off. Shorter than the limit of a shutdown step. */
const STOP_MS_MAX = 8_000;

const OPTIONS: ServerOptions = {
  "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
  "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
  "grpc.max_concurrent_streams": CALLS_MAX,
  "grpc.max_connection_age_ms": CONNECTION_AGE_MS_MAX,
  "grpc.max_connection_age_grace_ms": CONNECTION_GRACE_MS,
  "grpc.keepalive_time_ms": PING_EVERY_MS,
  "grpc.keepalive_timeout_ms": PING_TIMEOUT_MS,
  // Disabled, because it is not used and would count every call.
  "grpc.enable_channelz": 0,
};

export interface GrpcOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** The server's certificate; if undefined, the port uses plain TCP. */
  readonly certificate: ServerCertificate | undefined;
  /** Accepted common names of client certificates; if undefined, all. */
  readonly clients?: readonly string[] | undefined;
  /** Called when a client is rejected. */
  readonly onRefused?: (name: string) => void;
  /** Adds the services to the server. */
  readonly addServices: (server: Server) => void;
  /** Time that calls in progress may take when the server stops, in milliseconds. */
  readonly stopMsMax?: number;
}

export interface RunningGrpc {
  /** host:port for clients on this machine. */
  readonly address: string;
  /** Accepts no new calls, waits a limited time for those in progress, and then cuts off the remaining ones. */
  stop(): Promise<void>;
}

/**
 * Serves gRPC. The library can neither limit connections nor renew certificates, so connections are accepted here, with
 * TLS if there is a certificate, and passed to the library.
 *
 * @throws TriplineError `config-invalid` if the port cannot be opened
 */
export async function serveGrpc(options: GrpcOptions): Promise<RunningGrpc> {
  const { host, port, addServices, stopMsMax = STOP_MS_MAX } = options;
  const grpc = new Server(OPTIONS);
  addServices(grpc);
  const connections = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // An error closes the socket, and the library then ends its calls.
    socket.on("error", () => undefined);
  };
  const listener = acceptConnections(options, keep, (socket) => connections.injectConnection(socket));
  listener.maxConnections = CONNECTIONS_MAX;
  await listen(listener, host, port);
  const { port: bound } = listener.address() as AddressInfo;
  const isAnyHost = host === "0.0.0.0" || host === "::";
  const bracketed = host.includes(":") ? `[${host}]` : host;
  let stopping: Promise<void> | undefined;
  return {
    address: `${isAnyHost ? "127.0.0.1" : bracketed}:${bound}`,
    stop: () => {
      stopping ??= stop(grpc, listener, sockets, stopMsMax);
      return stopping;
    },
  };
}

/** @param keep called for each new connection; `serve` is called once it can carry calls */
function acceptConnections(
  { certificate, clients, onRefused }: GrpcOptions,
  keep: (socket: Socket) => void,
  serve: (socket: Socket) => void,
): SocketServer {
  if (certificate === undefined) return createServer({ noDelay: true }, serve).on("connection", keep);
  const options = { ...certificate.serverOptions(), noDelay: true, ALPNProtocols: ["h2"] };
  const listener = createTlsServer(options, (socket) => {
    socket.on("error", () => undefined);
    const [name = ""] = [socket.getPeerCertificate().subject?.CN].flat();
    if (clients === undefined || clients.includes(name)) return serve(socket);
    onRefused?.(name);
    socket.destroy();
  });
  listener.on("connection", keep);
  certificate.renew(listener);
  return listener;
}

async function listen(listener: SocketServer, host: string, port: number): Promise<void> {
  listener.listen(port, host);
  try {
    await once(listener, "listening");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TriplineError("config-invalid", `GRPC_PORT ${port} on ${host} is not available: ${reason}`);
  }
}

async function stop(grpc: Server, listener: SocketServer, sockets: ReadonlySet<Socket>, msMax: number): Promise<void> {
  const closed = once(listener, "close");
  listener.close();
  const timer = setTimeout(() => {
    grpc.forceShutdown();
    for (const socket of sockets) socket.destroy();
  }, msMax);
  await Promise.all([closed, new Promise<void>((resolve) => grpc.tryShutdown(() => resolve()))]);
  clearTimeout(timer);
}
