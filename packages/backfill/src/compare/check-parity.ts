import type { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { CountedEvent } from "@tripline/feature-engine/apply/counted-event";
import type { FoldedPayment } from "@tripline/feature-engine/apply/fold-in-order";
import { FoldInOrder } from "@tripline/feature-engine/apply/fold-in-order";
import type { ProfileRows } from "@tripline/feature-engine/profiles";
import { STATE_TTL_DAYS_DEFAULT } from "@tripline/feature-engine/state/state-key";
import type { ReadCountedOptions } from "@tripline/lake/read/read-counted";
import { readCounted } from "@tripline/lake/read/read-counted";
import { openProfiles } from "../profiles/read-profiles.js";
import { readSnapshot } from "../states/state-snapshot.js";

export interface ParityOptions extends ReadCountedOptions {
  readonly engine: FeatureEngine;
  /** Snapshot of the states with which the online service started. Default: empty states. */
  readonly statePath?: string;
  /** Folder of the profile tables that were loaded online; required if vectors were computed with profiles. */
  readonly profilesPath?: string;
  readonly onProgress?: (events: number) => void;
}

export interface RefoldOptions extends Pick<ParityOptions, "engine" | "onProgress"> {
  /** Encoded initial state of an entity, by Redis key; null if it starts empty. */
  readonly stateBefore?: (key: string) => Uint8Array | null;
  /** The profiles from which a payment's features are computed. Default: none. */
  readonly profilesOf?: (vector: FeatureVector) => ProfileRows;
}

/** A recomputed value that differs from the online value. */
export interface Mismatch {
  readonly transactionId: string;
  readonly feature: string;
  /** The online value. */
  readonly emitted: number | undefined;
  /** The value recomputed from the archived events. */
  readonly replayed: number | undefined;
}

export interface ParityReport {
  /** Payments whose vectors were recomputed. */
  readonly rows: number;
  /** Payments computed with a profile of every kind. */
  readonly profiled: number;
  /** Features per payment. */
  readonly features: number;
  /** Values that are not bit-identical. */
  readonly mismatches: number;
  /** The first mismatches. */
  readonly examples: readonly Mismatch[];
  /** Records that were delivered more than once. */
  readonly repeated: number;
  /**
   * Payments that have another spec version or were processed while the state was lost. They update the states, but
   * their features are not compared.
   */
  readonly skipped: number;
  /** Events that could not be recomputed because an earlier one is missing from the archive. */
  readonly stuck: number;
  /** Payments that were processed after a later payment of one of their entities, and the largest such delay. */
  readonly strayed: number;
  readonly strayMsMax: number;
}

const EXAMPLES_MAX = 10;
const DAY_MS = 86_400_000;

/**
 * Recomputes the archived feature vectors from the archived events alone, in the order in which each entity saw them,
 * and compares every value with the online one, bit for bit.
 *
 * @throws TriplineError `not-found`, `lake-unavailable`, `state-unreadable`, `queue-full`
 */
export async function checkParity(options: ParityOptions): Promise<ParityReport> {
  const states = options.statePath === undefined ? undefined : await readStates(options.statePath);
  const { profilesPath, engine } = options;
  const profilesOf = profilesPath === undefined ? undefined : await openProfiles(profilesPath, engine);
  return refold(readCounted(options), {
    ...options,
    stateBefore: (key) => states?.get(key) ?? null,
    ...(profilesOf === undefined ? {} : { profilesOf }),
  });
}

/** Like `checkParity`, for events that the caller has already read. */
export async function refold(
  events: AsyncIterable<readonly CountedEvent[]> | Iterable<readonly CountedEvent[]>,
  options: RefoldOptions,
): Promise<ParityReport> {
  const { engine, stateBefore, profilesOf, onProgress } = options;
  const tally = new ParityTally(engine);
  const folding = new FoldInOrder({
    engine,
    ...(stateBefore === undefined ? {} : { stateBefore }),
    ...(profilesOf === undefined ? {} : { profilesOf }),
    stateTtlMs: STATE_TTL_DAYS_DEFAULT * DAY_MS,
    onPayment: (payment) => tally.compare(payment),
  });
  for await (const chunk of events) {
    for (const event of chunk) {
      if (event.kind === "payment" && event.vector.incomplete) tally.skip();
      folding.add(event);
    }
    onProgress?.(folding.counted);
  }
  folding.finish();
  return { ...tally.report(), repeated: folding.repeated, stuck: folding.stuck.length };
}

/** One line for CI: the check passes if it shows `mismatches=0` and `stuck=0`. */
export function printParity(report: ParityReport): string {
  const { rows, profiled, features, mismatches, repeated, skipped, stuck, strayed, strayMsMax } = report;
  const compared = `emitted=${rows} replayed=${rows} profiled=${profiled} features=${features} mismatches=${mismatches}`;
  const order = `strayed=${strayed} stray_ms_max=${strayMsMax}`;
  return `parity: ${compared} stuck=${stuck} skipped=${skipped} repeated=${repeated} ${order}`;
}

async function readStates(path: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const states = new Map<string, Uint8Array>();
  for await (const [key, value] of readSnapshot(path, () => {})) states.set(key, value);
  return states;
}

class ParityTally {
  #rows = 0;
  #profiled = 0;
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
    const { profileTimesMs } = vector;
    if (profileTimesMs.length > 0 && profileTimesMs.every((timeMs) => timeMs > 0)) this.#profiled += 1;
    if (strayMs > 0) this.#strayed += 1;
    this.#strayMsMax = Math.max(this.#strayMsMax, strayMs);
    const transactionId = vector.transaction?.transactionId ?? "";
    const names = this.engine.spec.features.map((feature) => feature.name);
    for (let index = 0; index < Math.max(values.length, vector.values.length); index += 1) {
      const [emitted, replayed] = [vector.values[index], values[index]];
      // Object.is distinguishes 0 from -0 and equates NaN with NaN. This is bit equality except for NaN payloads, which
      // do not occur.
      if (Object.is(replayed, emitted)) continue;
      this.#differ({ transactionId, feature: names[index] ?? `value ${index}`, emitted, replayed });
    }
    if (tooLate !== vector.tooLate) {
      const [emitted, replayed] = [Number(vector.tooLate), Number(tooLate)];
      this.#differ({ transactionId, feature: "too_late", emitted, replayed });
    }
  }

  report(): Omit<ParityReport, "repeated" | "stuck"> {
    return {
      rows: this.#rows,
      profiled: this.#profiled,
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
