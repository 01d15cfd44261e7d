import { withLuhnDigit } from "@tripline/contracts/identifiers";
import { Client } from "undici";
import { BenchError } from "../harness/bench-error.js";
import { percentile } from "../harness/spread.js";

const PATH = "/v1/transactions";
const CARDS = 1_000;
const ANSWER_MS_MAX = 30_000;

export interface PaymentLoad {
  readonly url: string;
  readonly authorization: string;
  /** Prefix of every id, so that no payment of one load repeats another's. */
  readonly prefix: string;
  /** Open connections, each with one request in flight. */
  readonly connections: number;
  readonly durationMs: number;
}

export interface PaymentFigures {
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const cardNumbers = Array.from({ length: CARDS }, (_, card) => withLuhnDigit(`400000${String(card).padStart(9, "0")}`));

/** Payment number `index` of a load; every one is a new one. */
export function paymentBody(prefix: string, index: number, occurredAt: string): string {
  const card = (index * 7_919) % CARDS;
  const origin = `"device_id":"device-${card}","ip_address":"203.0.113.${card % 250}"`;
  const place = `"location":{"latitude":${48 + (card % 70) / 10},"longitude":${8 + (card % 50) / 10}}`;
  const amount = `{"minor":${100 + (index % 20_000)},"currency":"EUR"}`;
  return `{"transaction_id":"${prefix}-${index}","card":{"number":"${cardNumbers[card]}"},"terminal_id":"t-${index % 500}","amount":${amount},"occurred_at":"${occurredAt}",${origin},${place}}`;
}

/**
 * Sends payments for a time; each connection sends the next one as soon as it has its answer. A closed model: it shows how
 * much a server can accept, and the latency at that load.
 *
 * @throws BenchError when an answer is not 202 or a connection fails, since errors are fast
 */
export async function drivePayments(load: PaymentLoad): Promise<PaymentFigures> {
  const latenciesMs: number[] = [];
  const occurredAt = new Date(Date.now() - 1_000).toISOString();
  let endAt = performance.now() + load.durationMs;
  let next = 0;
  const timeouts = { headersTimeout: ANSWER_MS_MAX, bodyTimeout: ANSWER_MS_MAX };
  const work = async () => {
    const client = new Client(load.url, { pipelining: 1, ...timeouts });
    try {
      let sentAt = performance.now();
      do {
        await send(client, load.authorization, paymentBody(load.prefix, next++, occurredAt));
        const answeredAt = performance.now();
        latenciesMs.push(answeredAt - sentAt);
        sentAt = answeredAt;
      } while (sentAt < endAt);
    } catch (error) {
      // The other connections stop too.
      endAt = 0;
      throw error;
    } finally {
      await client.close();
    }
  };
  await Promise.all(Array.from({ length: load.connections }, work));
  return {
    requests: latenciesMs.length,
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
  };
}

/** One request in the way that is cheapest for the client: the answer is read and dropped. */
function send(client: Client, authorization: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let status = 0;
    const headers = { "content-type": "application/json", authorization };
    client.dispatch(
      { path: PATH, method: "POST", headers, body },
      {
        onRequestStart: () => {},
        onResponseStart: (_controller, statusCode) => {
          status = statusCode;
        },
        onResponseData: () => {},
        onResponseEnd: () => {
          if (status === 202) resolve();
          else reject(new BenchError(`${PATH} answered ${status} under load.`));
        },
        onResponseError: (_controller, error) => reject(new BenchError(`${PATH} failed under load: ${error.message}.`)),
      },
    );
  });
}

/** A fast wrong answer does not count. @throws BenchError for another answer than the route's */
export async function expectAccepted(name: string, url: string, authorization: string): Promise<void> {
  const body = paymentBody(`check-${name.replaceAll(" ", "-")}`, 0, new Date(Date.now() - 1_000).toISOString());
  const headers = { "content-type": "application/json", authorization };
  const response = await fetch(url + PATH, { method: "POST", headers, body });
  const text = await response.text();
  const isRight = /^\{"id":"txn_[0-9a-f]{32}","transaction_id":"check-[a-z-]+-0","status":"pending"\}$/.test(text);
  const isPlaced = response.headers.get("location")?.startsWith("/v1/decisions/txn_") === true;
  if (response.status === 202 && isRight && isPlaced) return;
  throw new BenchError(`${name} does not accept a payment: it answered ${response.status}, ${text.slice(0, 200)}`);
}
