import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { RunResult } from "./inference-worker.js";

/** Runs batches, like a session with its threads. */
export interface BatchRunner {
  /** Maximum number of concurrent runs. */
  readonly parallelRunsMax: number;
  /** Executes short runs immediately on the calling thread; undefined if it cannot. */
  readonly inline?: { readonly rowsMax: number; run(features: Float32Array, rows: number): RunResult } | undefined;
  run(features: Float32Array<ArrayBuffer>, rows: number, isExplained: boolean): Promise<RunResult>;
}

export interface BatchLimits {
  readonly rowsPerRunMax: number;
  readonly rowsQueuedMax: number;
}

/** A request for scores. */
export interface ScoreRequest {
  /** Row-major, `rows` rows. Ownership passes to the batcher. */
  readonly features: Float32Array<ArrayBuffer>;
  /** At least 1 and at most the limit per run. */
  readonly rows: number;
  /** Deadline in milliseconds since the epoch; Infinity without one. */
  readonly deadlineMs: number;
  /** Whether contributions are requested as well. */
  readonly isExplained?: boolean;
  /** Whether the caller has disconnected. */
  isAbandoned?(): boolean;
}

export interface ScoreAnswer {
  /** One value per row of the request. */
  readonly outputs: Float32Array;
  /** One value per feature of each row, if requested. */
  readonly contributions?: Float32Array | undefined;
  /** The run that included this request. */
  readonly run: RunReport;
  /** Milliseconds that the request waited for its run. */
  readonly queuedMs: number;
}

export interface RunReport {
  readonly rows: number;
  readonly requests: number;
  /** Start of the run, in milliseconds since the epoch. */
  readonly startedMs: number;
  readonly endedMs: number;
  /** Duration of the run inside the model, in milliseconds. */
  readonly inferenceMs: number;
  /** Time for the contributions in milliseconds; 0 if none were requested. */
  readonly explanationMs: number;
}

interface Waiting {
  readonly request: ScoreRequest;
  /** On the monotonic clock, which has a higher resolution than the deadlines. */
  readonly sinceMs: number;
  resolve(answer: ScoreAnswer): void;
  reject(error: TriplineError): void;
}

/** Maximum number of rows in a run with contributions, which take up to a millisecond per row. */
export const ROWS_EXPLAINED_MAX = 512;
/** Smaller batches are not split, because starting a run would cost more than its rows. */
const ROWS_SHARED_MIN = 16;

/**
 * Combines requests into batches. Requests that arrive in the same turn of the event loop run together on the free
 * runners. While all runners are busy, requests wait, and then run together in order. No request waits for a fuller
 * batch. If few rows are waiting and the runner supports it, they run inline.
 */
export class RequestBatcher {
  private waiting: Waiting[] = [];
  private rowsWaiting = 0;
  private runs = 0;
  private isClosed = false;
  private isScheduled = false;
  private onIdle: (() => void)[] = [];

  constructor(
    private readonly runner: BatchRunner,
    private readonly limits: BatchLimits,
    private readonly onRun: (run: RunReport) => void = () => undefined,
  ) {}

  /** Rows that are waiting for a run. */
  get rowsQueued(): number {
    return this.rowsWaiting;
  }

  /**
   * Scores the rows of one request.
   *
   * @throws TriplineError `queue-full` if too many rows are waiting, `deadline-exceeded` if the deadline passed before
   *   its run began, `scoring-unavailable` after `close`, and errors of the run
   */
  submit(request: ScoreRequest): Promise<ScoreAnswer> {
    return new Promise((resolve, reject) => {
      const refusal = this.refusalOf(request);
      if (refusal !== undefined) return reject(refusal);
      this.waiting.push({ request, sinceMs: performance.now(), resolve, reject });
      this.rowsWaiting += request.rows;
      this.scheduleRuns();
    });
  }

  /** Resolves when no request is waiting or running. */
  drained(): Promise<void> {
    if (this.isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.onIdle.push(resolve));
  }

  /** Rejects waiting and later requests. Runs in progress finish. */
  close(): void {
    this.isClosed = true;
    const left = this.waiting;
    this.waiting = [];
    this.rowsWaiting = 0;
    for (const item of left) item.reject(closed());
    this.reportIdle();
  }

  private refusalOf(request: ScoreRequest): TriplineError | undefined {
    if (this.isClosed) return closed();
    if (request.rows > this.rowsMaxOf(request.isExplained === true)) {
      return new TriplineError(
        "internal",
        `The request has ${request.rows} rows, which is more than one run can process.`,
      );
    }
    if (this.rowsWaiting + request.rows <= this.limits.rowsQueuedMax) return undefined;
    // Requests whose callers have disconnected must not use up the limit.
    this.waiting = this.waiting.filter((item) => !this.dropIfLate(item));
    if (this.rowsWaiting + request.rows <= this.limits.rowsQueuedMax) return undefined;
    return new TriplineError(
      "queue-full",
      `The queue is full: ${this.rowsWaiting} rows are waiting for the model, and the limit is ${this.limits.rowsQueuedMax}.`,
    );
  }

  /** Drops a request whose response would be too late. @returns whether it was dropped */
  private dropIfLate({ request, sinceMs, reject }: Waiting): boolean {
    if (Date.now() < request.deadlineMs && request.isAbandoned?.() !== true) return false;
    this.rowsWaiting -= request.rows;
    const waitedMs = Math.round(performance.now() - sinceMs);
    reject(
      new TriplineError(
        "deadline-exceeded",
        `The deadline passed after the request had waited ${waitedMs} ms for the model.`,
      ),
    );
    return true;
  }

  /** Starts runs after all sockets have been read in this turn of the event loop, so that its requests run together. */
  private scheduleRuns(): void {
    const isBusy = this.runs >= this.runner.parallelRunsMax && this.runner.inline === undefined;
    if (this.isScheduled || isBusy) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.startRuns();
    });
  }

  private startRuns(): void {
    this.runInline();
    while (this.runs < this.runner.parallelRunsMax && this.waiting.length > 0) {
      const free = this.runner.parallelRunsMax - this.runs;
      const batch = this.takeBatch(Math.max(ROWS_SHARED_MIN, Math.ceil(this.rowsWaiting / free)));
      // All requests taken were too late. Requests of the other kind may be waiting behind them.
      if (batch.length === 0) continue;
      this.runs += 1;
      void this.runBatch(batch).finally(() => {
        this.runs -= 1;
        this.startRuns();
      });
    }
    this.reportIdle();
  }

  /** Runs all waiting requests inline if they are few. At most one run, to avoid blocking the event loop for longer. */
  private runInline(): void {
    const { inline } = this.runner;
    const [first] = this.waiting;
    if (inline === undefined || first === undefined || wantsMore(first) || this.rowsWaiting > inline.rowsMax) return;
    const batch = this.takeBatch(this.rowsWaiting);
    if (batch.length === 0) return;
    const started = startOf(batch);
    try {
      this.finishRun(started, inline.run(concatenate(batch), started.rows));
    } catch (error) {
      rejectAll(batch, error);
    }
  }

  /**
   * Takes the oldest waiting requests that fit into one run, up to a number of rows. Drops late ones. Requests for
   * contributions run separately, so that other requests need not wait for them. Takes or drops at least one request,
   * if any is waiting.
   */
  private takeBatch(rowsEnough: number): Waiting[] {
    const batch: Waiting[] = [];
    let rows = 0;
    let looked = 0;
    const isExplained = this.waiting[0] !== undefined && wantsMore(this.waiting[0]);
    const rowsMax = this.rowsMaxOf(isExplained);
    for (const item of this.waiting) {
      if (rows >= rowsEnough || rows + item.request.rows > rowsMax || wantsMore(item) !== isExplained) break;
      looked += 1;
      if (this.dropIfLate(item)) continue;
      rows += item.request.rows;
      batch.push(item);
    }
    this.waiting.splice(0, looked);
    this.rowsWaiting -= rows;
    return batch;
  }

  /** Maximum number of rows per run, with or without contributions. */
  private rowsMaxOf(isExplained: boolean): number {
    const { rowsPerRunMax } = this.limits;
    return isExplained ? Math.min(rowsPerRunMax, ROWS_EXPLAINED_MAX) : rowsPerRunMax;
  }

  private async runBatch(batch: readonly Waiting[]): Promise<void> {
    const started = startOf(batch);
    try {
      this.finishRun(started, await this.runner.run(concatenate(batch), started.rows, batch.some(wantsMore)));
    } catch (error) {
      rejectAll(batch, error);
    }
  }

  private finishRun({ batch, rows, startedMs, takenMs }: StartedRun, result: RunResult): void {
    const { durationMs: inferenceMs, explanationMs = 0 } = result;
    const run = { rows, requests: batch.length, startedMs, endedMs: Date.now(), inferenceMs, explanationMs };
    this.onRun(run);
    const width = (result.contributions?.length ?? 0) / rows;
    let from = 0;
    for (const { request, sinceMs, resolve } of batch) {
      const outputs = result.outputs.subarray(from, from + request.rows);
      const contributions = result.contributions?.subarray(from * width, (from + request.rows) * width);
      resolve({ outputs, contributions, run, queuedMs: takenMs - sinceMs });
      from += request.rows;
    }
  }

  private isIdle(): boolean {
    return this.runs === 0 && this.waiting.length === 0;
  }

  private reportIdle(): void {
    if (!this.isIdle()) return;
    const listeners = this.onIdle;
    this.onIdle = [];
    for (const listener of listeners) listener();
  }
}

interface StartedRun {
  readonly batch: readonly Waiting[];
  readonly rows: number;
  /** Start of the run, in milliseconds since the epoch. */
  readonly startedMs: number;
  /** The time at which the run took its requests, on the monotonic clock. */
  readonly takenMs: number;
}

function startOf(batch: readonly Waiting[]): StartedRun {
  const rows = batch.reduce((sum, item) => sum + item.request.rows, 0);
  return { batch, rows, startedMs: Date.now(), takenMs: performance.now() };
}

function rejectAll(batch: readonly Waiting[], error: unknown): void {
  for (const item of batch) item.reject(asTriplineError(error));
}

function wantsMore({ request }: Waiting): boolean {
  return request.isExplained === true;
}

function closed(): TriplineError {
  return new TriplineError("scoring-unavailable", "The model has been unloaded.");
}

/** All rows of a batch in one array. A single request is not copied. */
function concatenate(batch: readonly Waiting[]): Float32Array<ArrayBuffer> {
  const [first, ...others] = batch;
  if (first !== undefined && others.length === 0) return first.request.features;
  const values = batch.reduce((sum, item) => sum + item.request.features.length, 0);
  const all = new Float32Array(values);
  let at = 0;
  for (const { request } of batch) {
    all.set(request.features, at);
    at += request.features.length;
  }
  return all;
}
