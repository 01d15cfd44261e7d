import { once } from "node:events";
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { constants, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { TriplineError } from "@tripline/contracts/error-table";
import type { GrpcMethods } from "./answer-call.js";
import { answerCall } from "./answer-call.js";

/*
 * gRPC on Node's HTTP/2, by https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. Why not by a library is in
 * docs/adr/0017-grpc-on-nodes-http2.md.
 */

/**
 * Age at which a connection is ended in order, and its client connects anew. Only then do clients ask again who serves,
 * and learn of instances that have come since. By a tenth more or less, so that not all come at once.
 */
const CONNECTION_AGE_MS_MAX = 120_000;
const CONNECTION_GRACE_MS = 10_000;
/** What calls in progress get to end before they are cut off; less than what a shutdown step may take. */
const STOP_MS_MAX = 8_000;
/** Calls of one connection that may be under way. */
const CALLS_MAX = 4_096;
/** What a client may send ahead: of one call, and of all calls of a connection. */
const CALL_WINDOW_BYTES = 1_024 * 1_024;
const CONNECTION_WINDOW_BYTES = 8 * 1_024 * 1_024;
/** Longest frame that a client may send, so that a batch of rows comes in one piece. */
const FRAME_BYTES_MAX = 256 * 1_024;
/** Megabytes that Node may hold for one connection; beyond that it refuses calls. */
const SESSION_MEGABYTES_MAX = 256;
const LAST_STREAM = 2 ** 31 - 1;

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
  const server = createServer({
    maxSessionMemory: SESSION_MEGABYTES_MAX,
    settings: {
      maxConcurrentStreams: CALLS_MAX,
      initialWindowSize: CALL_WINDOW_BYTES,
      maxFrameSize: FRAME_BYTES_MAX,
      enablePush: false,
    },
  });
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    limitAge(session);
    // Its calls are told, and nobody else needs to be.
    session.on("error", () => undefined);
  });
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
    answerCall(stream, headers, methods),
  );
  await listen(server, host, port);
  const { port: bound } = server.address() as AddressInfo;
  const isAnyHost = host === "0.0.0.0" || host === "::";
  const bracketed = host.includes(":") ? `[${host}]` : host;
  return {
    address: `${isAnyHost ? "127.0.0.1" : bracketed}:${bound}`,
    stop: () => stop(server, sessions, stopMsMax),
  };
}

async function listen(server: Http2Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TriplineError("config-invalid", `GRPC_PORT ${port} on ${host} cannot be taken: ${reason}`);
  }
}

function limitAge(session: ServerHttp2Session): void {
  const ageMs = CONNECTION_AGE_MS_MAX * (0.9 + 0.2 * Math.random());
  let timer = setTimeout(() => {
    endInOrder(session);
    timer = setTimeout(() => session.destroy(), CONNECTION_GRACE_MS).unref();
  }, ageMs).unref();
  session.once("close", () => clearTimeout(timer));
}

/** Lets the calls of a connection end and takes no more. */
function endInOrder(session: ServerHttp2Session): void {
  if (session.closed || session.destroyed) return;
  session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM);
  session.close();
}

async function stop(server: Http2Server, sessions: ReadonlySet<ServerHttp2Session>, stopMsMax: number): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  for (const session of sessions) endInOrder(session);
  const timer = setTimeout(() => {
    for (const session of sessions) session.destroy(undefined, constants.NGHTTP2_CANCEL);
  }, stopMsMax);
  await closed;
  clearTimeout(timer);
}
