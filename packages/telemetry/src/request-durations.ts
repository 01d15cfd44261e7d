import type { FastifyInstance } from "fastify";
import { histogram } from "./metrics.js";

/** The buckets of OpenTelemetry's semantic conventions: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ */
const BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const SCHEME = "http";
const METHODS: ReadonlySet<string> = new Set("CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT QUERY TRACE".split(" "));
/** Used for unknown methods; otherwise, a client could create any number of series. */
const OTHER_METHOD = "_OTHER";
const SERVER_ERROR = 500;
const MS_PER_S = 1_000;

/** The conventions' `http.server.request.duration` under its Prometheus name. */
function makeDurations() {
  return histogram("http_server_request_duration_seconds", {
    description: "Duration of HTTP server requests",
    labels: ["http_request_method", "url_scheme", "http_response_status_code", "http_route", "error_type"],
    buckets: BUCKETS_SECONDS,
  });
}

let durations: ReturnType<typeof makeDurations> | undefined;

/** Measures the requests of a Fastify scope. */
export function countRequests(fastify: FastifyInstance): void {
  fastify.addHook("onResponse", (request, reply, done) => {
    countRequest(request.method, request.routeOptions.url, reply.statusCode, reply.elapsedTime / MS_PER_S);
    done();
  });
}

/**
 * Records an answered request.
 *
 * @param route the registered path, with parameter names; undefined if there is none
 */
export function countRequest(method: string, route: string | undefined, status: number, seconds: number): void {
  durations ??= makeDurations();
  const labels = {
    http_request_method: METHODS.has(method) ? method : OTHER_METHOD,
    url_scheme: SCHEME,
    http_response_status_code: status,
    ...(route === undefined ? {} : { http_route: route }),
    ...(status >= SERVER_ERROR ? { error_type: String(status) } : {}),
  };
  durations.observe(labels, seconds);
}
