import type { FeatureEngine } from "@tripline/feature-engine/compile-engine";
import type { FoldedPayment } from "@tripline/feature-engine/fold-in-order";
import { FoldInOrder } from "@tripline/feature-engine/fold-in-order";
import { STATE_TTL_DAYS_DEFAULT } from "@tripline/feature-engine/state-key";
import type { ReadCountedOptions } from "@tripline/lake/read-counted";
import { readCounted } from "@tripline/lake/read-counted";
import { readSnapshot } from "./state-snapshot.js";

export interface ParityOptions extends ReadCountedOptions {
  readonly engine: FeatureEngine;
  /** Snapshot of the states with which the online service began; it began with nothing unless given. */
  readonly statePath?: string;
  readonly onProgress?: (events: number) => void;
}

/** Where online and offline differ. */
export interface Mismatch {
  readonly transactionId: string;
  readonly feature: string;
  readonly online: number | undefined;
  readonly offline: number | undefined;
}

export interface ParityReport {
  /** Payments whose vectors were computed again. */
  readonly rows: number;
  /** Features of each. */
  readonly features: number;
  /** Values that are not the same bits. */
  readonly mismatches: number;
  /** The first of them. */
  readonly examples: readonly Mismatch[];
  /** Records that were delivered more than once. */
  readonly repeated: number;
  /** Payments of another spec version, or counted while the state was lost: they count, and are not compared. */
  readonly skipped: number;
  /** Events that could not be computed again, because one before them is not in the archive. */
  readonly stuck: number;
  /** Payments that were counted after a later payment of one of their entities, and by how much at most. */
  readonly strayed: number;
  readonly strayMsMax: number;
}

const EXAMPLES_MAX = 10;
const DAY_MS = 86_400_000;

/**
 * Computes the archived feature vectors again, from the archived events alone and in the order in which each entity saw
 * them, and compares every value with the one that went online, bit for bit.
 *
 * @throws TriplineError `not-found`, `lake-unavailable`, `state-unreadable`, `queue-full`
 */
export async function checkParity(options: ParityOptions): Promise<ParityReport> {
  const { engine, onProgress } = options;
  const states = options.statePath === undefined ? undefined : await readStates(options.statePath);
  const tally = new ParityTally(engine);
  const folding = new FoldInOrder({
    engine,
    stateBefore: (key) => states?.get(key) ?? null,
    stateTtlMs: STATE_TTL_DAYS_DEFAULT * DAY_MS,
    onPayment: (payment) => tally.compare(payment),
  });
  for await (const chunk of readCounted(options)) {
    for (const event of chunk) {
      if (event.kind === "payment" && event.vector.incomplete) tally.skip();
      folding.add(event);
    }
    onProgress?.(folding.counted);
  }
  folding.finish();
  return { ...tally.report(), repeated: folding.repeated, stuck: folding.stuck.length };
}

/** One line for a gate: it passes with `mismatches=0` and `stuck=0`. */
export function printParity(report: ParityReport): string {
  const { rows, features, mismatches, repeated, skipped, stuck, strayed, strayMsMax } = report;
  const order = `strayed=${strayed} stray_ms_max=${strayMsMax}`;
  return `parity: rows=${rows} features=${features} mismatches=${mismatches} stuck=${stuck} skipped=${skipped} repeated=${repeated} ${order}`;
}

async function readStates(path: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const states = new Map<string, Uint8Array>();
  for await (const [key, value] of readSnapshot(path, () => {})) states.set(key, value);
  return states;
}

class ParityTally {
  #rows = 0;
  #mismatches = 0;
  #skipped = 0;
  #strayed = 0;
  #strayMsMax = 0;
  readonly #examples: Mismatch[] = [];

  constructor(private readonly engine: FeatureEngine) {}

  skip(): void {
    this.#skipped += 1;
  }

  compare({ vector, values, tooLate, strayMs }: FoldedPayment): void {
    if (vector.specVersion !== this.engine.spec.version) {
      this.skip();
      return;
    }
    this.#rows += 1;
    if (strayMs > 0) this.#strayed += 1;
    this.#strayMsMax = Math.max(this.#strayMsMax, strayMs);
    const transactionId = vector.transaction?.transactionId ?? "";
    const names = this.engine.spec.features.map((feature) => feature.name);
    for (let index = 0; index < Math.max(values.length, vector.values.length); index += 1) {
      // Object.is tells 0 from -0 and takes NaN for NaN: the same bits, but for payloads of NaN, which do not occur.
      if (Object.is(values[index], vector.values[index])) continue;
      const feature = names[index] ?? `value ${index}`;
      this.#differ({ transactionId, feature, online: vector.values[index], offline: values[index] });
    }
    if (tooLate !== vector.tooLate) {
      this.#differ({ transactionId, feature: "too_late", online: Number(vector.tooLate), offline: Number(tooLate) });
    }
  }

  report(): Omit<ParityReport, "repeated" | "stuck"> {
    return {
      rows: this.#rows,
      features: this.engine.spec.features.length,
      mismatches: this.#mismatches,
      examples: this.#examples,
      skipped: this.#skipped,
      strayed: this.#strayed,
      strayMsMax: this.#strayMsMax,
    };
  }

  #differ(mismatch: Mismatch): void {
    this.#mismatches += 1;
    if (this.#examples.length < EXAMPLES_MAX) this.#examples.push(mismatch);
  }
}
