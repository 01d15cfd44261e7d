import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { ErrorCode } from "@tripline/contracts/error-table";
import { TriplineError } from "@tripline/contracts/error-table";
import type { BlockFill } from "./event-block.js";
import type { EncodedStates, ResolvedIds, WorkerAnswer, WorkerStart, WorkerTask } from "./fold-worker.js";
import { FOLD_STEPS } from "./share-fold.js";

/** With fewer events per worker, an additional worker would cost more than it saves. */
const EVENTS_PER_WORKER_MIN = 50_000;

/** Share of the cores used for folding; the other cores write, which takes nearly as long. */
const FOLDING_SHARE = 0.6;

/** The number of threads to use for this many events. */
export function workersFor(events: number): number {
  const cores = Math.floor(availableParallelism() * FOLDING_SHARE);
  return Math.max(1, Math.min(cores, Math.floor(events / EVENTS_PER_WORKER_MIN)));
}

/**
 * The threads that fold, each of which handles its share of the entities. Requests run in order. The first thread
 * starts with the pool, so that it is ready when the first request arrives.
 */
export class WorkerPool {
  private readonly members = [new PoolMember()];
  private last: Promise<unknown> = Promise.resolve();

  /** Starts the remaining workers and assigns each its share. */
  async begin(start: Omit<WorkerStart, "share">): Promise<void> {
    while (this.members.length < start.shares) this.members.push(new PoolMember());
    await Promise.all(
      this.members.map((member, share) => member.request({ kind: "begin", start: { ...start, share } })),
    );
  }

  /** Folds a filled block. @throws TriplineError of any failed worker */
  async fold(slot: number, fill: BlockFill): Promise<void> {
    await this.#inTurn(async () => {
      for (const step of FOLD_STEPS) await this.#requestAll({ kind: "fold", step, slot, fill });
    });
  }

  /** Loads the states of a checkpoint. @throws TriplineError `state-unreadable` */
  async restore(path: string): Promise<void> {
    await this.#requestAll({ kind: "restore", path });
  }

  /** The states after everything folded so far, by worker and entity. `WorkerTask` describes `ids`. */
  async states(ids?: ResolvedIds): Promise<(readonly EncodedStates[])[]> {
    const task: WorkerTask = { kind: "states", ...(ids === undefined ? {} : { ids }) };
    const answers = await this.#inTurn(() => this.#requestAll(task));
    return answers.map((answer) => (answer.kind === "states" ? answer.entities : []));
  }

  /** The references in all states, ascending and distinct. */
  async references(): Promise<Float64Array> {
    const answers = await this.#inTurn(() => this.#requestAll({ kind: "references" }));
    const all = answers.flatMap((answer) => (answer.kind === "references" ? [...answer.references] : []));
    return Float64Array.from(new Set(all)).sort();
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.close()));
  }

  /** A serial queue: a block takes two steps, and no other request may run between them. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  #requestAll(task: WorkerTask): Promise<WorkerAnswer[]> {
    return Promise.all(this.members.map((member) => member.request(task)));
  }
}

interface Waiting {
  readonly resolve: (answer: WorkerAnswer) => void;
  readonly reject: (error: Error) => void;
}

class PoolMember {
  private readonly worker: Worker;
  private readonly waiting: Waiting[] = [];
  private broken: Error | undefined;

  constructor() {
    this.worker = new Worker(new URL("./fold-worker.js", import.meta.url));
    this.worker.on("message", (answer: WorkerAnswer) => {
      const first = this.waiting.shift();
      if (answer.kind !== "failed") first?.resolve(answer);
      else first?.reject(new TriplineError(answer.code as ErrorCode, answer.message));
    });
    this.worker.on("error", (error: Error) => this.#break(error));
    this.worker.on("exit", (code) => this.#break(new TriplineError("internal", `A worker exited with code ${code}.`)));
  }

  request(task: WorkerTask): Promise<WorkerAnswer> {
    if (this.broken !== undefined) return Promise.reject(this.broken);
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.worker.postMessage(task);
    });
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }

  #break(error: Error): void {
    this.broken ??= error;
    for (const { reject } of this.waiting.splice(0)) reject(this.broken);
  }
}
