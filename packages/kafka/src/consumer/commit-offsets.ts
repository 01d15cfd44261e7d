import { protocolErrorName } from "../kafka-fault.js";
import type { Log } from "../port.js";
import type { Backoff } from "../wait-backoff.js";
import { backoffMs, wait } from "../wait-backoff.js";

const TRIES_MAX = 5;
const BACKOFF: Backoff = { firstMs: 50, maxMs: 1_000 };

/** The broker's ways to say that the partition may have another owner by now: then there is nothing to commit. */
const LOST: ReadonlySet<string> = new Set([
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
  "REBALANCE_IN_PROGRESS",
  "NOT_COORDINATOR_FOR_GROUP",
  "FENCED_INSTANCE_ID",
]);

export interface PartitionOffset {
  /** With the prefix. */
  readonly topic: string;
  readonly partition: number;
  /** Of the next record to handle. */
  readonly offset: number;
}

export interface CommitSteps {
  /** One commit request; not repeated inside. */
  commit(offsets: readonly PartitionOffset[]): Promise<void>;
  /** Commits fail although the group did not change: nothing can be committed any more. */
  giveUp(error: unknown): void;
  readonly log: Log;
}

/**
 * Commits the offsets of one assignment at once, but with one request under way at a time: what is handled meanwhile
 * goes into the next one, so that handling never waits for a commit. Aborted when the assignment ends.
 */
export class OffsetCommitter {
  readonly #pending = new Map<string, PartitionOffset>();
  #running: Promise<void> | undefined;

  constructor(
    private readonly steps: CommitSteps,
    private readonly signal: AbortSignal,
  ) {}

  mark(offset: PartitionOffset): void {
    if (this.signal.aborted) return;
    this.#pending.set(`${offset.topic}/${offset.partition}`, offset);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when everything marked so far is committed or given up. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#pending.size > 0 && !this.signal.aborted) {
      const offsets = [...this.#pending.values()];
      this.#pending.clear();
      await this.#commit(offsets);
    }
  }

  async #commit(offsets: readonly PartitionOffset[]): Promise<void> {
    for (let tries = 1; !this.signal.aborted; tries += 1) {
      try {
        await this.steps.commit(offsets);
        return;
      } catch (thrown) {
        const name = protocolErrorName(thrown);
        this.steps.log("warn", "consumer: offsets were not committed", { error: name ?? String(thrown), tries });
        if (name !== undefined && LOST.has(name)) return;
        if (tries === TRIES_MAX) {
          this.steps.giveUp(thrown);
          return;
        }
        await wait(backoffMs(BACKOFF, tries), this.signal);
      }
    }
  }
}
