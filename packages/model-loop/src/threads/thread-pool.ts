import { Worker } from "node:worker_threads";
import type { ErrorCode } from "@tripline/contracts/error-table";
import { TriplineError } from "@tripline/contracts/error-table";
import { settlesWithin } from "@tripline/kafka/wait-backoff";

/** Asks a thread to end after its current task. */
export const END = null;
/** A slower thread is terminated. */
const END_MS_MAX = 30_000;

/** A thread's messages: first that it is ready, and then one answer per task, in order. */
export type ThreadAnswer<Result> =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly result: Result }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string };

/** Threads with the same body that take tasks in turn. The body calls `serveThread`. */
export class ThreadPool<Task, Result> {
  #next = 0;

  private constructor(private readonly threads: readonly PoolThread<Task, Result>[]) {}

  /**
   * @param body file of the thread body
   * @param data passed to each thread at start
   * @throws TriplineError as the body does when it opens
   */
  static async start<Task, Result>(body: URL, data: unknown, count: number): Promise<ThreadPool<Task, Result>> {
    const threads = Array.from({ length: count }, () => new PoolThread<Task, Result>(body, data));
    try {
      await Promise.all(threads.map((thread) => thread.ready));
    } catch (error) {
      await Promise.all(threads.map((thread) => thread.close()));
      throw error;
    }
    return new ThreadPool(threads);
  }

  /**
   * Runs a task on the next thread. The caller must limit the queue.
   *
   * @param handedOver buffers of the task, which are transferred, so the caller can no longer use them
   * @throws TriplineError like the body
   */
  async run(task: Task, handedOver: readonly ArrayBuffer[] = []): Promise<Result> {
    const thread = this.threads[this.#next % this.threads.length];
    this.#next += 1;
    if (thread === undefined) throw new TriplineError("internal", "A pool requires at least one thread.");
    const answer = await thread.request(task, handedOver);
    if (answer.kind === "done") return answer.result;
    throw new TriplineError("internal", `A thread responded to a task with "${answer.kind}".`);
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.close()));
  }
}

interface Waiting<Result> {
  readonly resolve: (answer: ThreadAnswer<Result>) => void;
  readonly reject: (error: Error) => void;
}

class PoolThread<Task, Result> {
  readonly ready: Promise<unknown>;
  readonly #worker: Worker;
  readonly #ended: Promise<unknown>;
  readonly #waiting: Waiting<Result>[] = [];
  #broken: Error | undefined;

  constructor(body: URL, data: unknown) {
    this.#worker = new Worker(body, { workerData: data });
    this.ready = this.#answer();
    this.#worker.on("message", (answer: ThreadAnswer<Result>) => {
      const first = this.#waiting.shift();
      if (answer.kind === "failed") first?.reject(new TriplineError(answer.code, answer.message));
      else first?.resolve(answer);
    });
    this.#worker.on("error", (error: Error) => this.#break(error));
    this.#ended = new Promise((resolve) => this.#worker.once("exit", resolve));
    this.#worker.on("exit", (code) => this.#break(new TriplineError("internal", `A thread exited with code ${code}.`)));
  }

  request(task: Task, handedOver: readonly ArrayBuffer[]): Promise<ThreadAnswer<Result>> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    const answer = this.#answer();
    this.#worker.postMessage(task, [...handedOver]);
    return answer;
  }

  /**
   * Threads must end in an orderly way, because onnxruntime ends the whole process if a thread is terminated while it
   * loads or runs a model.
   */
  async close(): Promise<void> {
    this.#worker.postMessage(END);
    if (!(await settlesWithin(END_MS_MAX, this.#ended))) await this.#worker.terminate();
  }

  #answer(): Promise<ThreadAnswer<Result>> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #break(error: Error): void {
    this.#broken ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#broken);
  }
}
