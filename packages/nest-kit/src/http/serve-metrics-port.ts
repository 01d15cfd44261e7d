import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { isIPv6 } from "node:net";
import { TriplineError } from "@tripline/contracts/error-table";
import { prepareProblem } from "@tripline/http/problem";
import type { HttpLimits } from "@tripline/settings/http-limits";
import { serveMetrics } from "@tripline/telemetry/write-metrics";
import { answerNow, HttpServer } from "./http-server.js";

/** A separate port for metrics, so that API callers cannot read them. */
export interface MetricsPort {
  readonly url: string;
  close(): Promise<void>;
}

const METRICS_PATH = "/metrics";
const NOT_FOUND = prepareProblem(new TriplineError("not-found", "This port serves only /metrics."));
const WRONG_METHOD = prepareProblem(
  new TriplineError("method-not-allowed", "This endpoint accepts only GET and HEAD."),
);

/** @throws any error of listening, for example if the port is in use */
export async function serveMetricsPort(port: number, host: string, limits: HttpLimits): Promise<MetricsPort> {
  const http = new HttpServer(limits);
  const server = http.create(answer);
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => http.onClientError(error, socket));
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address();
  const listensOn = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${listensOn}`,
    async close() {
      http.close();
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const [path] = (request.url ?? "").split("?", 1);
  if (path !== METRICS_PATH) answerNow(response, NOT_FOUND);
  else if (request.method === "GET" || request.method === "HEAD") serveMetrics(request, response);
  else {
    response.setHeader("allow", "GET, HEAD");
    answerNow(response, WRONG_METHOD);
  }
}
