import { BenchError } from "../../harness/bench-error.js";
import { percentile } from "../../harness/spread.js";
import type { HttpAnswer } from "./http-connection.js";
import { HttpConnection } from "./http-connection.js";
import type { PreparedRequest } from "./make-requests.js";

export interface ArrivalLoad {
  readonly port: number;
  /** PEM of the server's authority, if it uses TLS. */
  readonly ca?: string | undefined;
  /** Requests, each sent once in this order. */
  readonly requests: readonly PreparedRequest[];
  /** Requests per second, regardless of response times. 0 sends the next one after a response, or after Retry-After. */
  readonly ratePerSecond: number;
  /** Maximum number of connections. Requests wait for a free connection, and this wait counts as latency. */
  readonly connectionsMax: number;
  /** Ends the load at this time, even if requests are left. */
  readonly durationMs?: number;
  /** Called when the connections are open and the first request goes out. */
  onStart?(): void;
}

/** The results of the requests. */
export interface ArrivalFigures {
  readonly sent: number;
  /** Payments that were decided with the model's score. */
  readonly decided: number;
  /** Payments that were decided without the model. */
  readonly degraded: number;
  /** Status 202: accepted, but not decided in time. */
  readonly pending: number;
  /** Responses with status 429 or 503 and Retry-After. */
  readonly refused: number;
  /** Anything else: other statuses, broken connections, or the decision on another payment. */
  readonly failed: number;
  /** An example of a failure. */
  readonly fault: string | undefined;
  /** Latencies of decided requests, from the time at which each was due. */
  readonly latenciesMs: readonly number[];
  /** The time at which each response of `latenciesMs` arrived, since the start. */
  readonly answeredAtMs: readonly number[];
  /** From the first request to the last response. */
  readonly wallMs: number;
  /** 99th percentile of the generator's own delay, without waits for a free connection. */
  readonly lateMsP99: number;
  /** IDs of accepted payments that were not decided in time. Their decisions can be fetched. */
  readonly pendingIds: readonly string[];
}

/** Payments per second that were decided. */
export function decidedPerSecond({ decided, degraded, wallMs }: ArrivalFigures): number {
  return ((decided + degraded) * 1_000) / wallMs;
}

const TICK_MS = 1;
const STALL_MS_MAX = 60_000;

/** Sends requests at a steady rate (an open model, which does not hide queueing), or as fast as responses arrive. */
export function driveArrivals(load: ArrivalLoad): Promise<ArrivalFigures> {
  return new ArrivalDriver(load).run();
}

class ArrivalDriver {
  readonly #idle: HttpConnection[] = [];
  readonly #all = new Set<HttpConnection>();
  /** Indexes of due requests that wait for a connection. */
  readonly #waiting: number[] = [];
  readonly #latenciesMs: number[] = [];
  readonly #answeredAtMs: number[] = [];
  readonly #lateMs: number[] = [];
  readonly #pendingIds: string[] = [];
  readonly #counts = { decided: 0, degraded: 0, pending: 0, refused: 0, failed: 0 };
  readonly #done = Promise.withResolvers<void>();
  #fault: string | undefined;
  #startedAt = 0;
  #due = 0;
  #sent = 0;
  #lastAt = 0;
  #isOver = false;

  constructor(private readonly load: ArrivalLoad) {}

  async run(): Promise<ArrivalFigures> {
    await this.#connect();
    this.load.onStart?.();
    this.#startedAt = performance.now();
    this.#lastAt = this.#startedAt;
    const timer = setInterval(() => this.#tick(), TICK_MS);
    if (this.load.ratePerSecond === 0) for (let free = this.#idle.length; free > 0; free -= 1) this.#sendNext();
    await this.#done.promise;
    clearInterval(timer);
    for (const connection of this.#all) connection.close();
    const latenciesMs = this.#latenciesMs;
    return {
      sent: this.#sent,
      ...this.#counts,
      fault: this.#fault,
      latenciesMs,
      answeredAtMs: this.#answeredAtMs,
      wallMs: this.#lastAt - this.#startedAt,
      lateMsP99: this.#lateMs.length === 0 ? 0 : percentile(this.#lateMs, 0.99),
      pendingIds: this.#pendingIds,
    };
  }

  /** Opens all connections first, so that latencies do not include the time to connect. */
  async #connect(): Promise<void> {
    const opened = Array.from({ length: this.load.connectionsMax }, () => {
      return new Promise<HttpConnection>((resolve) => {
        const connection = new HttpConnection(this.load.port, () => resolve(connection), this.load.ca);
        this.#all.add(connection);
        setTimeout(() => resolve(connection), STALL_MS_MAX).unref();
      });
    });
    this.#idle.push(...(await Promise.all(opened)));
    if (this.#idle.some((connection) => connection.isBroken)) throw new BenchError("A connection could not be opened.");
  }

  #tick(): void {
    const { ratePerSecond, requests, durationMs } = this.load;
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#startedAt;
    if (durationMs !== undefined && elapsedMs >= durationMs) this.#isOver = true;
    if (nowMs - this.#lastAt > STALL_MS_MAX) {
      this.#done.reject(new BenchError(`There was no response within ${STALL_MS_MAX / 1_000} s.`));
    }
    if (ratePerSecond > 0 && !this.#isOver) {
      const due = Math.min(requests.length, Math.floor((elapsedMs * ratePerSecond) / 1_000));
      for (; this.#due < due; this.#due += 1) {
        this.#lateMs.push(nowMs - this.#dueAt(this.#due));
        this.#waiting.push(this.#due);
      }
      this.#sendWaiting();
    }
    this.#endWhenDone();
  }

  #dueAt(place: number): number {
    return this.#startedAt + ((place + 1) * 1_000) / this.load.ratePerSecond;
  }

  #sendWaiting(): void {
    while (this.#waiting.length > 0) {
      const connection = this.#idle.pop();
      if (connection === undefined) return;
      const place = this.#waiting.shift() ?? 0;
      this.#send(connection, place, this.#dueAt(place));
    }
  }

  #sendNext(): void {
    if (this.#isOver || this.#due >= this.load.requests.length) return;
    const connection = this.#idle.pop();
    if (connection === undefined) return;
    this.#due += 1;
    this.#send(connection, this.#due - 1, performance.now());
  }

  #send(connection: HttpConnection, place: number, dueAt: number): void {
    const request = this.load.requests[place];
    if (request === undefined) return;
    this.#sent += 1;
    connection.send(request.bytes, (answer) => {
      const nowMs = performance.now();
      this.#lastAt = nowMs;
      const restMs = this.#count(answer, request, nowMs - dueAt, nowMs - this.#startedAt);
      if (restMs === 0 || this.load.ratePerSecond > 0) this.#giveBack(connection);
      // A caller in a closed loop obeys Retry-After. Otherwise, it would only collect rejections at full speed.
      else setTimeout(() => this.#giveBack(connection), restMs);
    });
  }

  #giveBack(connection: HttpConnection): void {
    if (connection.isBroken) {
      this.#all.delete(connection);
      const fresh = new HttpConnection(this.load.port, () => {});
      this.#all.add(fresh);
      this.#idle.push(fresh);
    } else {
      this.#idle.push(connection);
    }
    if (this.load.ratePerSecond === 0) this.#sendNext();
    else if (this.#waiting.length > 0) this.#sendWaiting();
    this.#endWhenDone();
  }

  #endWhenDone(): void {
    const isAllDue = this.#isOver || this.#due >= this.load.requests.length;
    if (isAllDue && this.#isOver) this.#waiting.length = 0;
    if (isAllDue && this.#idle.length === this.#all.size && this.#waiting.length === 0) this.#done.resolve();
  }

  /** @returns the delay in Retry-After */
  #count(answer: HttpAnswer | Error, request: PreparedRequest, latencyMs: number, atMs: number): number {
    if (answer instanceof Error) {
      this.#failed(answer.message);
      return 0;
    }
    const { status, text } = answer;
    if (status === 200 && text.includes(request.transactionId)) {
      this.#latenciesMs.push(latencyMs);
      this.#answeredAtMs.push(atMs);
      if (text.includes('"rung":"model"')) this.#counts.decided += 1;
      else this.#counts.degraded += 1;
    } else if (status === 202) {
      this.#counts.pending += 1;
      const id = /"id":"(txn_[0-9a-f]{32})"/.exec(text)?.[1];
      if (id !== undefined) this.#pendingIds.push(id);
    } else {
      const retryAfterS = status === 429 || status === 503 ? /\r\nretry-after: (\d+)/i.exec(text)?.[1] : undefined;
      if (retryAfterS !== undefined) {
        this.#counts.refused += 1;
        return Number(retryAfterS) * 1_000;
      }
      this.#failed(text);
    }
    return 0;
  }

  #failed(fault: string): void {
    this.#counts.failed += 1;
    this.#fault ??= fault;
  }
}
