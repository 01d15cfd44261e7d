import type { RunReport, ScoreAnswer } from "./request-batcher.js";

/** A number of operations and their total duration. */
export interface Duration {
  readonly count: number;
  readonly ms: number;
}

class Stopwatch implements Duration {
  count = 0;
  ms = 0;

  add(ms: number): void {
    this.count += 1;
    this.ms += ms;
  }
}

/** Statistics of a model version since it was loaded, as defined by the protocol. */
export class ModelTally {
  /** Successful requests, from arrival to response. */
  readonly success = new Stopwatch();
  readonly failure = new Stopwatch();
  readonly queue = new Stopwatch();
  /** Requests, each with the duration of its run. */
  readonly inference = new Stopwatch();
  /** Runs by number of rows. Bounded by the limit of rows per run. */
  readonly runsByRows = new Map<number, Stopwatch>();
  rows = 0;
  runs = 0;
  /** Milliseconds since the epoch; 0 before the first run. */
  lastRunMs = 0;

  /** @param tookMs milliseconds from the request's arrival to its response */
  answered(answer: ScoreAnswer, tookMs: number): void {
    this.success.add(tookMs);
    this.queue.add(answer.queuedMs);
    this.inference.add(answer.run.inferenceMs);
    this.rows += answer.outputs.length;
  }

  failed(tookMs: number): void {
    this.failure.add(tookMs);
  }

  ran(run: RunReport): void {
    let ofSize = this.runsByRows.get(run.rows);
    if (ofSize === undefined) {
      ofSize = new Stopwatch();
      this.runsByRows.set(run.rows, ofSize);
    }
    ofSize.add(run.inferenceMs);
    this.runs += 1;
    this.lastRunMs = run.endedMs;
  }
}
