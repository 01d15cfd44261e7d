import { protocolErrorName } from "../kafka-fault.js";
import type { Log } from "../port.js";
import type { Backoff } from "../wait-backoff.js";
import { backoffMs, wait } from "../wait-backoff.js";

/** After this many consecutive failures while connected (about 6 s), commits count as permanently failing. */
const FAILURES_MAX = 10;
const BACKOFF: Backoff = { firstMs: 50, maxMs: 1_000 };
/** Pause between two commits of one assignment: a commit costs the consumer and the broker as much as a fetch. */
const PAUSE_MS = 50;

/** Errors that mean that this member no longer owns the partition, so it must not commit. */
const LOST: ReadonlySet<string> = new Set([
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
  "REBALANCE_IN_PROGRESS",
  "FENCED_INSTANCE_ID",
]);

export interface PartitionOffset {
  /** With the prefix. */
  readonly topic: string;
  readonly partition: number;
  /** Offset of the next record to handle. */
  readonly offset: number;
}

export interface CommitSteps {
  /** One commit request, without internal retries. */
  commit(offsets: readonly PartitionOffset[]): Promise<void>;
  isConnected(): boolean;
  /** Called if commits keep failing although Kafka is available and the group has not changed. */
  giveUp(error: unknown): void;
  readonly log: Log;
  readonly backoff?: Backoff;
  /** Default: 50. */
  readonly pauseMs?: number;
}

/**
 * Commits the offsets of one assignment. The first commit is immediate; after that, there is one request at a time,
 * with a pause after each. The next commit includes all records handled in the meantime, so handlers never wait for a
 * commit. Stops when the assignment ends.
 */
export class OffsetCommitter {
  readonly #pending = new Map<string, PartitionOffset>();
  #running: Promise<void> | undefined;
  #isHurried = false;
  #endPause: () => void = () => {};

  constructor(
    private readonly steps: CommitSteps,
    private readonly signal: AbortSignal,
  ) {}

  mark(offset: PartitionOffset): void {
    if (this.signal.aborted) return;
    this.#pending.set(`${offset.topic}/${offset.partition}`, offset);
    this.#running ??= this.#run();
  }

  /** Commits without pauses from now on. Resolves once all marked offsets have been committed or abandoned. */
  async idle(): Promise<void> {
    this.#isHurried = true;
    this.#endPause();
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (this.#pending.size > 0 && !this.signal.aborted) {
        const offsets = [...this.#pending.values()];
        this.#pending.clear();
        await this.#commit(offsets);
        if (!this.#isHurried && !this.signal.aborted) await this.#pause();
      }
    } finally {
      // Reset in the same turn of the event loop as the last check, so that a later `mark` starts a new run.
      this.#running = undefined;
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.steps.pauseMs ?? PAUSE_MS);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Retries while Kafka is unavailable, until the assignment ends: the same assignment may continue afterwards. */
  async #commit(offsets: readonly PartitionOffset[]): Promise<void> {
    let failures = 0;
    for (let tries = 1; !this.signal.aborted; tries += 1) {
      try {
        await this.steps.commit(offsets);
        return;
      } catch (thrown) {
        const name = protocolErrorName(thrown);
        this.steps.log("warn", "consumer: offsets were not committed", { error: name ?? String(thrown), tries });
        if (name !== undefined && LOST.has(name)) return;
        failures = this.steps.isConnected() ? failures + 1 : 0;
        if (failures === FAILURES_MAX) {
          this.steps.giveUp(thrown);
          return;
        }
        await wait(backoffMs(this.steps.backoff ?? BACKOFF, tries), this.signal);
      }
    }
  }
}
