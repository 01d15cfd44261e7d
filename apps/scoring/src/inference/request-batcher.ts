import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { RunResult } from "./inference-worker.js";

/** Runs batches: a session with its threads. */
export interface BatchRunner {
  /** Runs that may be in progress at the same time. */
  readonly parallelRunsMax: number;
  /** Short runs, done at once on the calling thread; undefined if it does none. */
  readonly inline?: { readonly rowsMax: number; run(features: Float32Array, rows: number): RunResult } | undefined;
  run(features: Float32Array<ArrayBuffer>, rows: number, isExplained: boolean): Promise<RunResult>;
}

export interface BatchLimits {
  readonly rowsPerRunMax: number;
  readonly rowsQueuedMax: number;
}

/** One request for scores. */
export interface ScoreRequest {
  /** Row-major, `rows` rows; handed over. */
  readonly features: Float32Array<ArrayBuffer>;
  /** At least 1 and at most the limit per run. */
  readonly rows: number;
  /** Milliseconds since the epoch after which nobody wants the answer; Infinity without a deadline. */
  readonly deadlineMs: number;
  /** Whether contributions are wanted too. */
  readonly isExplained?: boolean;
  /** True once the caller has gone. */
  isAbandoned?(): boolean;
}

export interface ScoreAnswer {
  /** One value per row of the request. */
  readonly outputs: Float32Array;
  /** One value per feature of each row, where they were asked for. */
  readonly contributions?: Float32Array | undefined;
  /** Of the run that this request was part of. */
  readonly run: RunReport;
  /** Milliseconds that the request waited for its run. */
  readonly queuedMs: number;
}

export interface RunReport {
  readonly rows: number;
  readonly requests: number;
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
  readonly endedMs: number;
  /** Milliseconds inside the model. */
  readonly inferenceMs: number;
  /** Milliseconds that the contributions took; 0 where none were asked for. */
  readonly explanationMs: number;
}

interface Waiting {
  readonly request: ScoreRequest;
  /** On the monotonic clock, which is finer than that of the deadlines. */
  readonly sinceMs: number;
  resolve(answer: ScoreAnswer): void;
  reject(error: TriplineError): void;
}

/** Most rows of a run with contributions: they take up to a millisecond each. */
export const ROWS_EXPLAINED_MAX = 512;
/** With fewer rows than this, starting a run costs more than its rows, so it is not split. */
const ROWS_SHARED_MIN = 16;

/**
 * Gathers requests into batches: those that have arrived when the event loop has read its sockets run at once, together,
 * on the free runners; those that arrive while all are busy wait, and run together, in order, when one is free again.
 * Nothing is delayed in the hope of a fuller batch. If few rows wait and the runner can do them inline, it does.
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

  /** Rows that wait for a run. */
  get rowsQueued(): number {
    return this.rowsWaiting;
  }

  /**
   * Scores the rows of one request.
   *
   * @throws TriplineError `queue-full` when too many rows wait, `deadline-exceeded` when the deadline passed before its
   * run began, `scoring-unavailable` after close, and what the run throws
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

  /** Resolves when nothing waits and nothing runs. */
  drained(): Promise<void> {
    if (this.isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.onIdle.push(resolve));
  }

  /** Rejects waiting and later requests. Runs in progress end by themselves. */
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
      return new TriplineError("internal", `A request of ${request.rows} rows does not fit into one run.`);
    }
    if (this.rowsWaiting + request.rows <= this.limits.rowsQueuedMax) return undefined;
    // Requests whose callers have gone must not take the place of others.
    this.waiting = this.waiting.filter((item) => !this.dropIfLate(item));
    if (this.rowsWaiting + request.rows <= this.limits.rowsQueuedMax) return undefined;
    return new TriplineError(
      "queue-full",
      `${this.rowsWaiting} rows wait for the model; at most ${this.limits.rowsQueuedMax} may.`,
    );
  }

  /** True when an item was dropped because its answer would come too late. */
  private dropIfLate({ request, sinceMs, reject }: Waiting): boolean {
    if (Date.now() < request.deadlineMs && request.isAbandoned?.() !== true) return false;
    this.rowsWaiting -= request.rows;
    const waitedMs = Math.round(performance.now() - sinceMs);
    reject(
      new TriplineError("deadline-exceeded", `The deadline passed after ${waitedMs} ms of waiting for the model.`),
    );
    return true;
  }

  /** After the sockets were read in this turn of the event loop, so that its requests run together. */
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
      // All that were taken came too late. Requests of the other kind may wait behind them.
      if (batch.length === 0) continue;
      this.runs += 1;
      void this.runBatch(batch).finally(() => {
        this.runs -= 1;
        this.startRuns();
      });
    }
    this.reportIdle();
  }

  /** All waiting requests if they are few; at most one run, so that the event loop is not blocked for longer. */
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
   * The oldest requests that still want an answer: as many as reach a number of rows and fit into one run. Requests for
   * contributions run by themselves, so that the others need not wait for them. At least one request is taken or dropped
   * as late, if any waits.
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

  /** Most rows of one run, with or without contributions. */
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
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
  /** On the monotonic clock. */
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
  return new TriplineError("scoring-unavailable", "The model is no longer served here.");
}

/** All rows of a batch in one array; those of a single request as they are. */
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
