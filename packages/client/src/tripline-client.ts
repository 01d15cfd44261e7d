import { setTimeout as delay } from "node:timers/promises";
import type { ClientCredentials } from "./access-tokens.js";
import { AccessTokens } from "./access-tokens.js";
import type { components } from "./generated/api.js";
import type { Problem } from "./tripline-error.js";
import { causeOf, isTemporary, TriplineError } from "./tripline-error.js";

type Schemas = components["schemas"];
export type Payment = Schemas["Transaction"];
export type Label = Schemas["Label"];
export type PaymentUpdate = Schemas["PaymentUpdate"];
export type FraudReport = Schemas["FraudReport"];
export type Decision = Schemas["Decision"];

/** The result for one payment of a batch. */
export type PaymentResult =
  | { readonly transactionId: string; readonly decision: Decision; readonly error?: undefined }
  | { readonly transactionId: string; readonly decision?: undefined; readonly error: TriplineError };

export interface TriplineClientOptions {
  /** URL of the ingestion API. */
  readonly url: string;
  /** Credentials for fetching tokens, or a function that returns the value of the `Authorization` header. */
  readonly credentials: ClientCredentials | (() => Promise<string>);
  /** The token endpoint. Default: the one in the API's own description. */
  readonly tokenUrl?: string;
  /** Timeout of a call in milliseconds, including retries. Default: 10 s. */
  readonly timeoutMs?: number;
}

export interface CallOptions {
  /** Timeout for this call. In a batch, the timeout applies to each group of {@link BATCH_LINES} payments. */
  readonly timeoutMs?: number;
  /** How long one request waits for its results before the client retries. Default: 5 s. */
  readonly waitMs?: number;
}

/** A call with its retries; `deadline` in milliseconds since the epoch. */
interface Call {
  readonly deadline: number;
  readonly waitMs: number;
}

/** The API's result for one line of a batch, or `error` if the API rejected the request that retried the line. */
interface Line {
  readonly status: number;
  readonly id?: string;
  readonly decision?: Decision;
  readonly problem?: Problem;
  readonly error?: TriplineError;
}

const TIMEOUT_MS_DEFAULT = 10_000;
/**
 * Payments, labels or updates per request. The API accepts more, but a payment should not wait for thousands of others.
 */
export const BATCH_LINES = 500;
const SECOND_MS = 1_000;
const JSON_TYPE = "application/json";
const NDJSON_TYPE = "application/x-ndjson";
const ACCEPTED = 202;
const POLL_MS = 200;
const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 5_000;
const WAIT_MS_DEFAULT = 5_000;
/** A response may arrive this much later than the requested wait. */
const ANSWER_SLACK_MS = 5_000;

/**
 * A client of Tripline's API. It retries every call until it succeeds, is rejected or times out. Retries are safe: a
 * payment keeps its `transaction_id`, and its first decision is final.
 */
export class TriplineClient {
  readonly #url: string;
  #tokens: AccessTokens | undefined;

  constructor(private readonly options: TriplineClientOptions) {
    this.#url = options.url.replace(/\/$/, "");
  }

  /**
   * Sends a payment and waits for its decision.
   *
   * @throws TriplineError if the payment is rejected, or `deadline-exceeded`; in that case, call again with the same
   *   payment
   */
  async decide(payment: Payment, options: CallOptions = {}): Promise<Decision> {
    const call = this.#begin(options);
    const text = await this.#post("/v1/transactions", JSON.stringify(payment), JSON_TYPE, call);
    const body: Decision | Schemas["Pending"] = JSON.parse(text);
    return body.status === "decided" ? body : this.#poll(body.id, call);
  }

  /**
   * Sends payments, {@link BATCH_LINES} per request, and returns their results in order. A rejected payment does not
   * stop the others. If a retry of some payments fails, those payments get its error, and the others keep their
   * results.
   *
   * @throws TriplineError only if the first request of a batch fails, for example because a scope is missing
   */
  async *decideAll(
    payments: Iterable<Payment> | AsyncIterable<Payment>,
    options: CallOptions = {},
  ): AsyncGenerator<PaymentResult> {
    for await (const batch of batchesOf(payments)) {
      const call = this.#begin(options);
      const lines = await this.#sendLines("/v1/transactions/batch", batch, call, "accepted");
      for (const [index, payment] of batch.entries()) {
        yield { transactionId: payment.transaction_id, ...(await this.#settle(lines[index], call)) };
      }
    }
  }

  /** @returns the decision on a payment by its id `txn_…`, or undefined if there is none yet */
  async decision(id: string, options: CallOptions = {}): Promise<Decision | undefined> {
    return this.#read(id, this.#begin(options));
  }

  /**
   * Reports whether payments were fraudulent, and waits until the features reflect this.
   *
   * @throws TriplineError for the first rejected label, or `deadline-exceeded`
   */
  async label(labels: Iterable<Label> | AsyncIterable<Label>, options: CallOptions = {}): Promise<void> {
    for await (const batch of batchesOf(labels)) {
      const lines = await this.#sendLines("/v1/labels/batch", batch, this.#begin(options), "done");
      const open = lines.find(({ status }) => status !== 200);
      if (open !== undefined) throw errorOf(open);
    }
  }

  /**
   * Reports what happened to payments after they were accepted: an issuer's answer, a capture, a refund.
   *
   * @throws TriplineError for the first rejected update; the other updates in its request are still accepted
   */
  async update(
    updates: Iterable<PaymentUpdate> | AsyncIterable<PaymentUpdate>,
    options: CallOptions = {},
  ): Promise<void> {
    await this.#sendAll("/v1/payment-updates/batch", updates, options);
  }

  /**
   * Sends fraud reports, such as chargebacks.
   *
   * @param options with `onRejected`, rejected reports do not stop the others
   * @throws TriplineError without `onRejected`, for the first rejected report; the other reports in its request are
   *   still accepted
   */
  async report(
    reports: Iterable<FraudReport> | AsyncIterable<FraudReport>,
    options: CallOptions & { readonly onRejected?: (report: FraudReport, error: TriplineError) => void } = {},
  ): Promise<void> {
    await this.#sendAll("/v1/fraud-reports/batch", reports, options);
  }

  async #sendAll<T extends object>(
    path: string,
    items: Iterable<T> | AsyncIterable<T>,
    { onRejected, ...options }: CallOptions & { readonly onRejected?: (item: T, error: TriplineError) => void },
  ): Promise<void> {
    for await (const batch of batchesOf(items)) {
      const lines = await this.#sendLines(path, batch, this.#begin(options), "accepted");
      for (const [index, item] of batch.entries()) {
        const line = lines[index];
        if (line !== undefined && line.problem === undefined && line.error === undefined) continue;
        if (onRejected === undefined || line === undefined || isTemporary(line.status)) throw errorOf(line);
        onRejected(item, errorOf(line));
      }
    }
  }

  /** Sends one authenticated request, without retries, to an endpoint for which this client has no method. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("authorization", await this.#authorization());
    return fetch(this.#url + path, { ...init, headers });
  }

  /**
   * Retries until every line is done or rejected, or the call times out, in which case an unfinished line keeps its
   * last result.
   *
   * @param until `accepted`: an accepted line is not sent again; `done`: a line is sent again until the API returns its
   *   result
   */
  async #sendLines(path: string, items: readonly object[], call: Call, until: "accepted" | "done"): Promise<Line[]> {
    const results: Line[] = [];
    let open = items.map((_item, index) => index);
    for (let tries = 0; open.length > 0; tries += 1) {
      if (tries > 0 && !(await pause(backoffMs(tries), call))) break;
      const body = open.map((index) => JSON.stringify(items[index])).join("\n");
      let lines: string[];
      try {
        lines = (await this.#post(path, body, NDJSON_TYPE, call)).split("\n");
      } catch (error) {
        if (tries === 0 || !(error instanceof TriplineError)) throw error;
        if (!error.isTemporary) for (const index of open) results[index] = { status: error.status ?? 0, error };
        break;
      }
      for (const [at, index] of open.entries()) results[index] = JSON.parse(lines[at] || "{}");
      open = open.filter((index) => {
        const status = results[index]?.status;
        return isTemporary(status) || (status === ACCEPTED && until === "done");
      });
    }
    return results;
  }

  async #settle(line: Line | undefined, call: Call): Promise<{ decision: Decision } | { error: TriplineError }> {
    if (line?.decision !== undefined) return { decision: line.decision };
    try {
      if (line?.id === undefined || line.problem !== undefined) throw errorOf(line);
      return { decision: await this.#poll(line.id, call) };
    } catch (error) {
      if (error instanceof TriplineError) return { error };
      throw error;
    }
  }

  async #poll(id: string, call: Call): Promise<Decision> {
    do {
      const decision = await this.#read(id, call);
      if (decision !== undefined) return decision;
    } while (await pause(POLL_MS, call));
    throw deadlineExceeded();
  }

  async #read(id: string, call: Call): Promise<Decision | undefined> {
    try {
      const text = await this.#call(`/v1/decisions/${encodeURIComponent(id)}`, {}, call);
      const body: Decision | Schemas["Pending"] = JSON.parse(text);
      return body.status === "decided" ? body : undefined;
    } catch (error) {
      if (error instanceof TriplineError && error.code === "decision-not-found") return undefined;
      throw error;
    }
  }

  #post(path: string, body: string, contentType: string, call: Call): Promise<string> {
    return this.#call(path, { method: "POST", body, headers: { "content-type": contentType } }, call);
  }

  /**
   * The body of a 2xx response.
   *
   * @throws TriplineError if the request is rejected; the last temporary error on timeout
   */
  async #call(path: string, request: RequestInit, { deadline, waitMs }: Call): Promise<string> {
    let isRenewed = false;
    for (let tries = 1; ; tries += 1) {
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) throw deadlineExceeded();
      const headers = new Headers(request.headers);
      if (request.body) headers.set("prefer", `wait=${(Math.min(leftMs, waitMs) / SECOND_MS).toFixed(3)}`);
      let error: TriplineError;
      let retryAfter: string | null = null;
      try {
        const signal = AbortSignal.timeout(leftMs + ANSWER_SLACK_MS);
        const response = await this.fetch(path, { ...request, headers, signal });
        const text = await response.text();
        if (response.ok) return text;
        retryAfter = response.headers.get("retry-after");
        error = problemOf(response.status, text);
      } catch (thrown) {
        error = thrown instanceof TriplineError ? thrown : unreachable(this.#url, thrown);
      }
      if (error.status === 401 && this.#tokens !== undefined && !isRenewed) {
        isRenewed = true;
        this.#tokens.renew();
        continue;
      }
      const pauseMs = retryAfter === null ? backoffMs(tries) : Number(retryAfter) * SECOND_MS;
      if (!error.isTemporary || !(await pause(pauseMs, { deadline }))) throw error;
    }
  }

  async #authorization(): Promise<string> {
    const { credentials, tokenUrl } = this.options;
    if (typeof credentials === "function") return credentials();
    this.#tokens ??= new AccessTokens({ ...credentials, tokenUrl: tokenUrl ?? (await this.#readTokenUrl()) });
    return this.#tokens.authorization();
  }

  async #readTokenUrl(): Promise<string> {
    const response = await fetch(`${this.#url}/openapi.json`, { signal: AbortSignal.timeout(TIMEOUT_MS_DEFAULT) });
    const text = await response.text();
    // The description contains only one such address.
    const url = /"tokenUrl"\s*:\s*"([^"]+)"/.exec(text)?.[1];
    if (url !== undefined) return url;
    throw new TriplineError("token-refused", `${this.#url}/openapi.json contains no token endpoint. Set tokenUrl.`);
  }

  #begin({ timeoutMs, waitMs = WAIT_MS_DEFAULT }: CallOptions): Call {
    return { deadline: Date.now() + (timeoutMs ?? this.options.timeoutMs ?? TIMEOUT_MS_DEFAULT), waitMs };
  }
}

async function* batchesOf<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < BATCH_LINES) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function problemOf(status: number, text: string): TriplineError {
  try {
    return TriplineError.of(JSON.parse(text));
  } catch {
    // The response came from a proxy, not from Tripline.
    return new TriplineError("internal", `${status}: ${text.slice(0, 200)}`, status);
  }
}

function unreachable(url: string, cause: unknown): TriplineError {
  return new TriplineError("unreachable", `${url} is not responding (${causeOf(cause)}).`, undefined, [], { cause });
}

function errorOf({ error, problem }: Partial<Line> = {}): TriplineError {
  return error ?? (problem === undefined ? deadlineExceeded() : TriplineError.of(problem));
}

function deadlineExceeded(): TriplineError {
  return new TriplineError("deadline-exceeded", "No result arrived before the deadline. It is safe to retry the call.");
}

/** Exponential backoff with jitter, so that callers do not retry simultaneously. */
function backoffMs(tries: number): number {
  return Math.random() * Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** tries);
}

/** @returns false immediately if the pause would end after the deadline */
async function pause(ms: number, { deadline }: Pick<Call, "deadline">): Promise<boolean> {
  if (Date.now() + ms >= deadline) return false;
  await delay(ms);
  return true;
}
