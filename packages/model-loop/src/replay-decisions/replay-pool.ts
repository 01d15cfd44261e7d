import { Worker } from "node:worker_threads";
import { TriplineError } from "@tripline/contracts/error-table";
import type { ArchivedDecision } from "./read-archived.js";
import type { ReplayTally } from "./replay-tally.js";
import { emptyTally } from "./replay-tally.js";
import type { ReplayAnswer, ReplayInputs } from "./replay-worker.js";

/** Threads that decide blocks of archived payments again, in turn. */
export class ReplayPool {
  #next = 0;

  private constructor(private readonly threads: readonly ReplayThread[]) {}

  /** @throws TriplineError `model-refused` when a model cannot be loaded; `scorecard-invalid` */
  static async start(inputs: ReplayInputs, count: number): Promise<ReplayPool> {
    const threads = Array.from({ length: count }, () => new ReplayThread(inputs));
    try {
      await Promise.all(threads.map((thread) => thread.ready));
    } catch (error) {
      await Promise.all(threads.map((thread) => thread.close()));
      throw error;
    }
    return new ReplayPool(threads);
  }

  /** Decides a block on the next thread; how many blocks wait there is for the caller to bound. */
  run(rows: readonly ArchivedDecision[]): Promise<ReplayTally> {
    const thread = this.threads[this.#next % this.threads.length];
    this.#next += 1;
    if (thread === undefined) throw new TriplineError("internal", "A pool needs at least one thread.");
    return thread.run(rows);
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.close()));
  }
}

interface Waiting {
  readonly resolve: (tally: ReplayTally) => void;
  readonly reject: (error: Error) => void;
}

class ReplayThread {
  readonly ready: Promise<unknown>;
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  #broken: Error | undefined;

  constructor(inputs: ReplayInputs) {
    this.#worker = new Worker(new URL("./replay-worker.js", import.meta.url), { workerData: inputs });
    this.ready = this.#answer();
    this.#worker.on("message", (answer: ReplayAnswer) => {
      const first = this.#waiting.shift();
      if (answer.kind === "failed") first?.reject(new TriplineError(answer.code, answer.message));
      else first?.resolve(answer.kind === "replayed" ? answer.tally : emptyTally());
    });
    this.#worker.on("error", (error: Error) => this.#break(error));
    this.#worker.on("exit", (code) => this.#break(new TriplineError("internal", `A thread ended with code ${code}.`)));
  }

  run(rows: readonly ArchivedDecision[]): Promise<ReplayTally> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    const tally = this.#answer();
    this.#worker.postMessage(rows);
    return tally;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #answer(): Promise<ReplayTally> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #break(error: Error): void {
    this.#broken ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#broken);
  }
}
