import type { IncomingMessage, RequestListener, Server, ServerOptions, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { TriplineError } from "@tripline/contracts/error-table";
import type { PreparedProblem } from "@tripline/http/problem";
import { prepareProblem } from "@tripline/http/problem";
import type { HttpLimits } from "@tripline/settings/http-limits";
import type { ServerCertificate } from "@tripline/settings/server-certificate";
import { ConnectionGuard } from "./connection-guard.js";

/** Longer than the idle timeout of load balancers, usually a minute, so that they close the connection first. */
const KEEP_ALIVE_MS = 72_000;

const WITHOUT_HOST = prepareProblem(new TriplineError("invalid-header", "HTTP/1.1 requires exactly one Host header."));
const WRONG_EXPECTATION = prepareProblem(
  new TriplineError("invalid-header", "The only supported Expect header is 100-continue."),
);

/** The response with which to reject a request, based only on its headers; undefined to accept it. */
export type ShedLoad = (request: IncomingMessage) => PreparedProblem | undefined;

/** The HTTP port of a service: Node's server with client limits, and problem+json for Node's own errors. */
export class HttpServer {
  readonly #guard: ConnectionGuard;
  #shedLoad: ShedLoad | undefined;

  /** @param certificate if given, the port accepts only TLS */
  constructor(
    private readonly limits: HttpLimits,
    private readonly certificate?: ServerCertificate,
  ) {
    this.#guard = new ConnectionGuard(limits);
  }

  /** Called for every request from now on, before Fastify and Nest. Its response is sent immediately. */
  shedLoadBy(shedLoad: ShedLoad): void {
    this.#shedLoad = shedLoad;
  }

  /** Creates the server for Fastify, which provides the listener for accepted requests. */
  create(handle: RequestListener): Server {
    const { limits } = this;
    const options = {
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
      // Limits how long a request may take to arrive, not how long its response may take.
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: limits.checkMs,
      // Node's own response has no body.
      requireHostHeader: false,
    };
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      const problem = this.#guard.begin(request, response) ?? requireHost(request) ?? this.#shedLoad?.(request);
      if (problem === undefined) handle(request, response);
      else answerNow(response, problem);
    };
    const { certificate } = this;
    const server =
      certificate === undefined ? createServer(options, answer) : createSecureServer(certificate, options, answer);
    server.on("checkExpectation", (_request, response) => answerNow(response, WRONG_EXPECTATION));
    this.#guard.watch(server, certificate === undefined ? "connection" : "secureConnection");
    return server;
  }

  onClientError(error: NodeJS.ErrnoException, socket: Parameters<ConnectionGuard["onClientError"]>[1]): void {
    this.#guard.onClientError(error, socket);
  }

  /** From now on, each connection closes after its response. */
  drain(): void {
    this.#guard.drain();
  }

  /** Call this before the port closes, so that closing waits only for requests in progress. */
  close(): void {
    this.#guard.close();
  }
}

/** Same interface as Node's server without TLS, except for the certificate's methods. */
function createSecureServer(certificate: ServerCertificate, options: ServerOptions, answer: RequestListener): Server {
  const server = createTlsServer({ ...options, ...certificate.serverOptions() }, answer);
  certificate.renew(server);
  return server;
}

/** Answers a request without reading the remaining body. */
export function answerNow(response: ServerResponse, problem: PreparedProblem): void {
  response.writeHead(problem.status, [...problem.headers]).end(problem.body);
}

/** RFC 9112 section 3.2. */
function requireHost({ headers, httpVersionMajor, httpVersionMinor }: IncomingMessage): PreparedProblem | undefined {
  const isNeeded = httpVersionMajor === 1 && httpVersionMinor === 1;
  return isNeeded && headers.host === undefined ? WITHOUT_HOST : undefined;
}
