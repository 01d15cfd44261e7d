import type { RefinedParams, RefinedResponse } from "k6/http";
import http from "k6/http";
import type { Iteration } from "./iteration.ts";

export type Answer = RefinedResponse<"text">;

const ANSWER_TIMEOUT = "15s";
const NDJSON = "application/x-ndjson";

export interface SendOptions {
  readonly path: string;
  readonly body: string;
  /** Waits for the decision as long as the settings say. */
  readonly wait: boolean;
  readonly contentType?: typeof NDJSON;
}

/** Sends one POST to the API. A connection error is treated as a response with status 0. */
export function send(iteration: Iteration, { path, body, wait, contentType }: SendOptions): Answer {
  return http.post(iteration.settings.target + path, body, postParams(iteration, path, wait, contentType));
}

/** Sends the same POST twice concurrently. */
export function sendTwice(iteration: Iteration, { path, body, wait }: SendOptions): [Answer, Answer] {
  const url = iteration.settings.target + path;
  const params = postParams(iteration, path, wait);
  const [first, second] = http.batch([
    { method: "POST", url, body, params },
    { method: "POST", url, body, params },
  ]) as Answer[];
  if (first === undefined || second === undefined) throw new Error("http.batch lost a response.");
  return [first, second];
}

export function fetchDecision({ settings, authorization }: Iteration, location: string): Answer {
  return http.get(settings.target + location, {
    headers: { authorization },
    timeout: ANSWER_TIMEOUT,
    responseType: "text",
    tags: { name: "GET /v1/decisions" },
  });
}

function postParams(
  { settings, authorization }: Iteration,
  path: string,
  wait: boolean,
  contentType: string = "application/json",
): RefinedParams<"text"> {
  return {
    headers: {
      authorization,
      "content-type": contentType,
      ...(wait ? { prefer: `wait=${settings.waitSeconds}` } : {}),
    },
    timeout: ANSWER_TIMEOUT,
    responseType: "text",
    tags: { name: `POST ${path}` },
  };
}

/** How long the caller waited, including the time to connect, in ms. */
export function waitedMs({ timings }: Answer): number {
  return timings.blocked + timings.connecting + timings.tls_handshaking + timings.duration;
}

export function isAccepted(status: number): boolean {
  return status === 200 || status === 202;
}

/** Whether the system rejected the payment temporarily, as it must under overload. */
export function isRefusal({ status, headers }: Answer): boolean {
  return status === 429 || (status === 503 && headers["Retry-After"] !== undefined);
}
