import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { PreparedProblem } from "@tripline/http/problem";
import type { HttpLimits } from "@tripline/settings/http-limits";
import { counter } from "@tripline/telemetry/metrics";
import { answerSocket, parserProblem, SOCKET_PROBLEMS } from "./answer-socket.js";

/** Bodies up to this size are accepted even if larger bodies have used up their share, because payments are small. */
const SMALL_BYTES_MAX = 65_536;
/** Share of the capacity for larger bodies. */
const LARGE_SHARE = 7 / 8;

interface Connection {
  readonly socket: Socket;
  /** The last request with complete headers, and its response. */
  request?: IncomingMessage;
  response?: ServerResponse;
  /** Bytes reserved for the body of `request`. */
  reservedBytes: number;
  /** Whether a request arrived before an earlier request was answered. */
  isPipelined: boolean;
  /** Whether further input is ignored. */
  isCut: boolean;
  /**
   * The request that was incomplete at the last check, the number of checks since then, and the bytes that had been
   * received at the first of them.
   */
  watched?: IncomingMessage;
  checks: number;
  bytesAtFirstCheck: number;
}

/**
 * Enforces limits that Node's own options do not cover: connections per address, the rate of a body, the total size of
 * incomplete bodies, and what remains open when the port closes. Expensive work is done in a periodic check rather than
 * per request.
 */
export class ConnectionGuard {
  readonly #connections = new Map<Socket, Connection>();
  readonly #byAddress = new Map<string, number>();
  readonly #refused = counter("tripline_http_refused_total", {
    description: "Connections and requests that were rejected or cut before they reached a route, by cause",
    labels: ["cause"],
  });
  #unfinishedBytes = 0;
  #isDraining = false;
  #isClosing = false;
  /** Set once the port is closed and the grace period is over; from then on, only requests in progress are awaited. */
  #isOver = false;

  constructor(private readonly limits: HttpLimits) {}

  /** @param arrival the server's event for a connection that can carry requests: with TLS, after its handshake */
  watch(server: Server, arrival: "connection" | "secureConnection" = "connection"): void {
    const { limits } = this;
    server.maxConnections = limits.connectionsMax;
    server.on("drop", () => this.#refused.inc({ cause: "connections" }));
    server.on(arrival, (socket: Socket) => this.#admit(socket));
    const timer = setInterval(() => this.#check(), limits.checkMs).unref();
    server.once("close", () => clearInterval(timer));
  }

  /** Called when a request's headers have arrived. @returns why its body is rejected; undefined if it is accepted */
  begin(request: IncomingMessage, response: ServerResponse): PreparedProblem | undefined {
    // Must be set before the response headers are written.
    if (this.#isDraining) response.shouldKeepAlive = false;
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) return undefined;
    if (connection.isCut) {
      request.socket.destroy();
      return SOCKET_PROBLEMS.malformed;
    }
    // Requests on a connection are sequential, so the body of the previous request is complete.
    this.#release(connection);
    if (connection.response?.writableEnded === false) connection.isPipelined = true;
    connection.request = request;
    connection.response = response;
    const { "content-length": length, "transfer-encoding": coding } = request.headers;
    if (coding !== undefined) this.#countChunks(connection, request, response);
    else if (length !== undefined && !this.#reserve(connection, Number(length))) {
      this.#refused.inc({ cause: "bodies" });
      return SOCKET_PROBLEMS.full;
    }
    return undefined;
  }

  /** Handles Node's client errors: parser errors and timeouts. */
  onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection?.isCut === true) return;
    // A connection that was opened in advance and never used closes without a response.
    if (connection === undefined || error.code === "ECONNRESET" || !socket.writable || socket.bytesRead === 0) {
      socket.destroy();
      return;
    }
    this.#cut(connection, parserProblem(error.code), error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? "slow" : "malformed");
  }

  /** From now on, each connection closes after its next response. */
  drain(): void {
    this.#isDraining = true;
    for (const { response } of this.#connections.values()) if (response !== undefined) response.shouldKeepAlive = false;
  }

  /** Called before the port closes. Connections without a request in progress are cut after `closeGraceMs`. */
  close(): void {
    if (this.#isClosing) return;
    this.drain();
    this.#isClosing = true;
    const end = (): void => {
      this.#isOver = true;
      this.#check();
    };
    setTimeout(end, this.limits.closeGraceMs).unref();
  }

  #admit(socket: Socket): void {
    const address = socket.remoteAddress;
    const others = this.#byAddress.get(address ?? "") ?? 0;
    if (address === undefined || others >= this.limits.connectionsPerAddressMax) {
      if (address !== undefined) this.#refused.inc({ cause: "connections" });
      socket.destroy();
      return;
    }
    const connection: Connection = {
      socket,
      reservedBytes: 0,
      isPipelined: false,
      isCut: false,
      checks: 0,
      bytesAtFirstCheck: 0,
    };
    this.#byAddress.set(address, others + 1);
    this.#connections.set(socket, connection);
    socket.once("close", () => {
      this.#release(connection);
      this.#connections.delete(socket);
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#byAddress.delete(address);
      else this.#byAddress.set(address, left);
    });
  }

  /** @returns whether there is enough capacity */
  #reserve(connection: Connection, bytes: number): boolean {
    const { unfinishedBytesMax } = this.limits;
    const isSmall = connection.reservedBytes + bytes <= SMALL_BYTES_MAX;
    const roomBytes = isSmall ? unfinishedBytesMax : unfinishedBytesMax * LARGE_SHARE;
    // No route accepts a body this large. The route rejects it before reading it, so no bytes are reserved.
    if (bytes > roomBytes) return true;
    if (this.#unfinishedBytes + bytes > roomBytes) this.#collect();
    if (this.#unfinishedBytes + bytes > roomBytes) return false;
    this.#unfinishedBytes += bytes;
    connection.reservedBytes += bytes;
    return true;
  }

  #release(connection: Connection): void {
    this.#unfinishedBytes -= connection.reservedBytes;
    connection.reservedBytes = 0;
  }

  /** Releases the bytes of bodies that are complete, or whose requests were already answered. */
  #collect(): void {
    for (const connection of this.#connections.values()) {
      if (connection.request?.complete === true || connection.response?.writableEnded === true) {
        this.#release(connection);
      }
    }
  }

  /** A chunked body does not declare its length. Node's parser delivers it through `push`, so it is counted there. */
  #countChunks(connection: Connection, request: IncomingMessage, response: ServerResponse): void {
    const push = request.push.bind(request);
    request.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
      if (chunk !== null && !response.writableEnded && !this.#reserve(connection, chunk.length)) {
        this.#cut(connection, SOCKET_PROBLEMS.full, "bodies");
        return false;
      }
      return push(chunk, encoding);
    };
  }

  #check(): void {
    for (const connection of this.#connections.values()) {
      if (connection.isCut) connection.socket.destroy();
      else if (this.#isOver) this.#endUnlessAtWork(connection);
      else this.#checkRate(connection);
    }
  }

  /** Time is counted in checks, so that clients are not blamed if this process was suspended. */
  #checkRate(connection: Connection): void {
    const { request, socket } = connection;
    if (request === undefined || request.complete) return;
    if (connection.watched !== request) {
      connection.watched = request;
      connection.checks = 0;
      connection.bytesAtFirstCheck = socket.bytesRead;
      return;
    }
    connection.checks += 1;
    const lateMs = connection.checks * this.limits.checkMs - this.limits.bodyGraceMs;
    const bytesMin = (lateMs / 1_000) * this.limits.bodyBytesPerSecondMin;
    if (lateMs > 0 && socket.bytesRead - connection.bytesAtFirstCheck < bytesMin) {
      this.#cut(connection, SOCKET_PROBLEMS.late, "slow");
    }
  }

  #endUnlessAtWork(connection: Connection): void {
    const { request, response, socket } = connection;
    if (request?.complete === false) this.#cut(connection, SOCKET_PROBLEMS.shuttingDown, "shutdown");
    else if (response === undefined || response.writableFinished) socket.destroy();
  }

  #cut(connection: Connection, problem: PreparedProblem, cause: string): void {
    if (connection.isCut) return;
    connection.isCut = true;
    this.#refused.inc({ cause });
    if (!mayAnswer(connection)) {
      connection.socket.destroy();
      return;
    }
    // The route receives neither the remaining body nor its end, because a rejected body must not be accepted after
    // all.
    if (connection.request?.complete === false) connection.request.push = () => false;
    // Ended now, but destroyed only at the next check, because resetting a connection with unread bytes loses the
    // response.
    answerSocket(connection.socket, problem);
  }
}

/**
 * Whether the next response on the connection belongs to the faulty request, because an earlier request must not get
 * it.
 */
function mayAnswer({ socket, request, response, isPipelined }: Connection): boolean {
  if (isPipelined || !socket.writable) return false;
  if (request === undefined || response === undefined) return true;
  return request.complete ? response.writableEnded : !response.headersSent;
}
