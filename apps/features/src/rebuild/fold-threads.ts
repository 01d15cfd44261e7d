import { Worker } from "node:worker_threads";
import type { ErrorCode } from "@tripline/contracts/error-table";
import { TriplineError } from "@tripline/contracts/error-table";
import type { DecisionNames } from "@tripline/feature-engine/apply/fold-decisions";
import type { FoldedSlice, SliceTask } from "../snapshot/fold-slice.js";
import type { SliceThreads } from "../snapshot/fold-slices.js";
import type { ThreadAnswer, ThreadMessage, ThreadSetup } from "./fold-thread.js";

/** Threads that fold slices. Each thread gets one slice at a time. */
export class FoldThreads implements SliceThreads {
  readonly #members: readonly FoldThread[];
  readonly #idle: FoldThread[];

  constructor(
    readonly count: number,
    setup: ThreadSetup,
  ) {
    this.#members = Array.from({ length: count }, () => new FoldThread(setup));
    this.#idle = [...this.#members];
  }

  decide(decisions: DecisionNames): void {
    for (const thread of this.#members) thread.post({ decisions });
  }

  async fold(task: SliceTask): Promise<FoldedSlice> {
    const thread = this.#idle.pop();
    if (thread === undefined) throw new Error("more slices at a time than threads");
    try {
      return await thread.fold(task);
    } finally {
      this.#idle.push(thread);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((thread) => thread.close()));
  }
}

class FoldThread {
  readonly #worker: Worker;
  #waiting: PromiseWithResolvers<FoldedSlice> | undefined;
  #broken: Error | undefined;

  constructor(setup: ThreadSetup) {
    this.#worker = new Worker(new URL("./fold-thread.js", import.meta.url), { workerData: setup });
    this.#worker.on("message", (answer: ThreadAnswer) => {
      if ("folded" in answer) this.#waiting?.resolve(answer.folded);
      else this.#waiting?.reject(new TriplineError(answer.code as ErrorCode, answer.message));
    });
    this.#worker.on("error", (error: Error) => this.#break(error));
    this.#worker.on("exit", (code) => this.#break(new Error(`a thread exited with code ${code}`)));
  }

  post(message: ThreadMessage): void {
    this.#worker.postMessage(message);
  }

  async fold(task: SliceTask): Promise<FoldedSlice> {
    if (this.#broken !== undefined) throw this.#broken;
    this.#waiting = Promise.withResolvers();
    this.post({ task });
    return this.#waiting.promise;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #break(error: Error): void {
    this.#broken ??= error;
    this.#waiting?.reject(this.#broken);
  }
}
