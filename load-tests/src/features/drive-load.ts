import { Client } from "undici";
import { BenchError } from "../harness/bench-error.js";
import { percentile } from "../harness/spread.js";

export interface Load {
  /** Servers that share the connections evenly, for example http://127.0.0.1:6566. */
  readonly urls: readonly string[];
  readonly path: string;
  /** JSON bodies, which are sent in rotation. */
  readonly bodies: readonly string[];
  /** Open connections, each with one request in flight. */
  readonly connections: number;
  readonly durationMs: number;
}

export interface LoadFigures {
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const ANSWER_MS_MAX = 30_000;

/**
 * Sends requests over HTTP for a while. Each connection sends its next request after a response. This is a closed
 * model, which shows a server's capacity and the latency at that load.
 *
 * @throws BenchError for a response other than 200 or a failed connection, because a failed request ends early and
 * would distort the result
 */
export async function driveLoad({ urls, path, bodies, connections, durationMs }: Load): Promise<LoadFigures> {
  const latenciesMs: number[] = [];
  let endAt = performance.now() + durationMs;
  let next = 0;
  await Promise.all(
    Array.from({ length: connections }, async (_, index) => {
      const url = urls[index % urls.length] ?? "";
      const client = new Client(url, { pipelining: 1, headersTimeout: ANSWER_MS_MAX, bodyTimeout: ANSWER_MS_MAX });
      try {
        let askedAt = performance.now();
        do {
          await sendRequest(client, path, bodies[next++ % bodies.length] ?? "");
          const answeredAt = performance.now();
          latenciesMs.push(answeredAt - askedAt);
          askedAt = answeredAt;
        } while (askedAt < endAt);
      } catch (error) {
        // This also stops the other connections.
        endAt = 0;
        throw error;
      } finally {
        await client.close();
      }
    }),
  );
  return {
    requests: latenciesMs.length,
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
  };
}

/** Sends one request, at the lowest cost for the client: the body is read and discarded. */
function sendRequest(client: Client, path: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let status = 0;
    const headers = { "content-type": "application/json" };
    client.dispatch(
      { path, method: "POST", headers, body },
      {
        onRequestStart: () => {},
        onResponseStart: (_controller, statusCode) => {
          status = statusCode;
        },
        onResponseData: () => {},
        onResponseEnd: () => {
          if (status === 200) resolve();
          else reject(new BenchError(`${path} returned ${status} under load.`));
        },
        onResponseError: (_controller, error) => reject(new BenchError(`${path} failed under load: ${error.message}.`)),
      },
    );
  });
}
