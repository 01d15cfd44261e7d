import type { BenchRecord } from "./make-payments.js";
import { makePayment } from "./make-payments.js";

/** Requests to a worker, which replies to each once it is done. */
export type WorkerRequest =
  | { readonly type: "produce"; readonly topic: string; readonly durationMs: number; readonly concurrency: number }
  | { readonly type: "fill"; readonly topic: string; readonly records: number }
  /** Joins a new group and stops at the first record until `drain`. */
  | { readonly type: "join"; readonly topic: string; readonly group: string }
  /** Continues until this many records have been handled since `join` or the last `drain`. */
  | { readonly type: "drain"; readonly records: number }
  | { readonly type: "leave" }
  /** Does nothing. The reply contains the CPU time. */
  | { readonly type: "cpu" };

export interface WorkerAnswer {
  readonly records: number;
  /** Latency of each send in `produce`. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the process up to this reply, user and system. Only differences are meaningful. */
  readonly cpuMs: number;
}

export type WorkerReply = WorkerAnswer | { readonly failure: string };

/** A Kafka client under test. */
export interface WorkerClient {
  /** Resolves when all in-sync replicas have acknowledged the record. */
  send(topic: string, record: BenchRecord): Promise<void>;
  /** Sends many records at once, outside measurements. */
  sendMany(topic: string, records: readonly BenchRecord[]): Promise<void>;
  /**
   * Joins a group that starts at the oldest record. Resolves when records can arrive.
   *
   * @param handle called with the number of records of each batch, or with 1 for each record
   */
  consume(topic: string, group: string, handle: (records: number) => Promise<void>): Promise<() => Promise<void>>;
}

const FILL_BATCH = 500;
/** Created before the run and sent in rotation, so that creating them is not measured. */
const RECORDS_MADE = 10_000;

/** Serves the benchmark over IPC until it disconnects. */
export function serveWorker(client: WorkerClient): void {
  const worker = new Worker(client);
  process.on("message", (request: WorkerRequest) => {
    worker.answer(request).then(
      (answer) => process.send?.(answer),
      (error: unknown) => process.send?.({ failure: error instanceof Error ? error.message : String(error) }),
    );
  });
  process.on("disconnect", () => process.exit(0));
}

class Worker {
  readonly #made = Array.from({ length: RECORDS_MADE }, (_, index) => makePayment(index));
  #index = 0;
  #leave: (() => Promise<void>) | undefined;
  #handled = 0;
  #wanted = 0;
  #isOpen = false;
  #gate = Promise.withResolvers<void>();
  #arrived = Promise.withResolvers<void>();
  #drained = Promise.withResolvers<void>();

  constructor(private readonly client: WorkerClient) {}

  async answer(request: WorkerRequest): Promise<WorkerAnswer> {
    if (request.type === "produce") return this.#produce(request);
    if (request.type === "fill") return this.#fill(request.topic, request.records);
    if (request.type === "join") return this.#join(request.topic, request.group);
    if (request.type === "drain") return this.#drain(request.records);
    if (request.type === "leave") {
      await this.#leave?.();
      this.#leave = undefined;
    }
    return counted(0);
  }

  #next(): BenchRecord {
    this.#index += 1;
    return this.#made[this.#index % RECORDS_MADE] ?? makePayment(this.#index);
  }

  async #produce(request: WorkerRequest & { type: "produce" }): Promise<WorkerAnswer> {
    const latenciesMs: number[] = [];
    const endAt = performance.now() + request.durationMs;
    const work = async () => {
      let sentAt = performance.now();
      while (sentAt < endAt) {
        await this.client.send(request.topic, this.#next());
        const ackedAt = performance.now();
        latenciesMs.push(ackedAt - sentAt);
        sentAt = ackedAt;
      }
    };
    await Promise.all(Array.from({ length: request.concurrency }, work));
    const sorted = Float64Array.from(latenciesMs).sort();
    const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
    return { ...counted(sorted.length), p50Ms: at(0.5), p99Ms: at(0.99) };
  }

  async #fill(topic: string, records: number): Promise<WorkerAnswer> {
    for (let done = 0; done < records; done += FILL_BATCH) {
      const batch = Array.from({ length: Math.min(FILL_BATCH, records - done) }, () => this.#next());
      await this.client.sendMany(topic, batch);
    }
    return counted(records);
  }

  async #join(topic: string, group: string): Promise<WorkerAnswer> {
    this.#handled = 0;
    this.#wanted = Number.POSITIVE_INFINITY;
    this.#isOpen = false;
    this.#gate = Promise.withResolvers();
    this.#arrived = Promise.withResolvers();
    this.#leave = await this.client.consume(topic, group, (records) => this.#handle(records));
    await this.#arrived.promise;
    return counted(0);
  }

  async #handle(records: number): Promise<void> {
    this.#arrived.resolve();
    if (!this.#isOpen) await this.#gate.promise;
    this.#handled += records;
    if (this.#handled >= this.#wanted) this.#drained.resolve();
  }

  async #drain(records: number): Promise<WorkerAnswer> {
    this.#drained = Promise.withResolvers();
    this.#wanted = records;
    this.#isOpen = true;
    this.#gate.resolve();
    if (this.#handled >= records) this.#drained.resolve();
    await this.#drained.promise;
    this.#handled -= records;
    this.#wanted = Number.POSITIVE_INFINITY;
    return counted(records);
  }
}

function counted(records: number): WorkerAnswer {
  const { user, system } = process.cpuUsage();
  return { records, p50Ms: 0, p99Ms: 0, cpuMs: (user + system) / 1_000 };
}
