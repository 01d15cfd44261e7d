import { Worker } from "node:worker_threads";
import { TriplineError } from "@tripline/contracts/error-table";
import type { SessionModel } from "./score-session.js";
import type { ScoreAnswer, ScoreTask } from "./score-worker.js";

/** Threads that each have a model loaded, and take batches in turn. */
export class ScorePool {
  private next = 0;

  private constructor(private readonly threads: readonly ScoreThread[]) {}

  /** @throws TriplineError `model-refused` when the model cannot be loaded */
  static async start(model: SessionModel, count: number): Promise<ScorePool> {
    const threads = Array.from({ length: count }, () => new ScoreThread(model));
    try {
      await Promise.all(threads.map((thread) => thread.loaded));
    } catch (error) {
      await Promise.all(threads.map((thread) => thread.close()));
      throw error;
    }
    return new ScorePool(threads);
  }

  /**
   * Scores rows on the next thread; how much waits there is for the caller to bound.
   *
   * @param features rows one after the other; handed over, so the caller has them no longer
   * @throws TriplineError `model-refused` when the model gives no probability
   */
  run(features: Float32Array<ArrayBuffer>, rows: number): Promise<Float32Array> {
    const thread = this.threads[this.next % this.threads.length];
    this.next += 1;
    if (thread === undefined) throw new TriplineError("internal", "A pool needs at least one thread.");
    return thread.run({ features, rows });
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.close()));
  }
}

interface Waiting {
  readonly resolve: (scores: Float32Array) => void;
  readonly reject: (error: Error) => void;
}

const NO_SCORES = new Float32Array(0);

class ScoreThread {
  readonly loaded: Promise<unknown>;
  private readonly worker: Worker;
  private readonly waiting: Waiting[] = [];
  private broken: Error | undefined;

  constructor(model: SessionModel) {
    const { modelBytes, manifest } = model;
    this.worker = new Worker(new URL("./score-worker.js", import.meta.url), { workerData: { modelBytes, manifest } });
    this.loaded = this.#answer();
    this.worker.on("message", (answer: ScoreAnswer) => {
      const first = this.waiting.shift();
      if (answer.kind === "failed") first?.reject(new TriplineError(answer.code, answer.message));
      else first?.resolve(answer.kind === "scored" ? answer.scores : NO_SCORES);
    });
    this.worker.on("error", (error: Error) => this.#break(error));
    this.worker.on("exit", (code) => this.#break(new TriplineError("internal", `A thread ended with code ${code}.`)));
  }

  run(task: ScoreTask): Promise<Float32Array> {
    if (this.broken !== undefined) return Promise.reject(this.broken);
    const scores = this.#answer();
    this.worker.postMessage(task, [task.features.buffer]);
    return scores;
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }

  #answer(): Promise<Float32Array> {
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  #break(error: Error): void {
    this.broken ??= error;
    for (const { reject } of this.waiting.splice(0)) reject(this.broken);
  }
}
