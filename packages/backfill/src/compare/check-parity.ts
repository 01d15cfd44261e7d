import type { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { FeatureEngine } from "@tripline/feature-engine/online/compile-engine";
import type { CountedEvent } from "@tripline/feature-engine/online/counted-event";
import type { FoldedPayment } from "@tripline/feature-engine/online/fold-in-order";
import { FoldInOrder } from "@tripline/feature-engine/online/fold-in-order";
import type { ProfileRows } from "@tripline/feature-engine/profiles";
import { STATE_TTL_DAYS_DEFAULT } from "@tripline/feature-engine/state/state-key";
import type { ReadCountedOptions } from "@tripline/lake/read/read-counted";
import { readCounted } from "@tripline/lake/read/read-counted";
import { openProfiles } from "../profiles/read-profiles.js";
import { readSnapshot } from "../states/state-snapshot.js";

export interface ParityOptions extends ReadCountedOptions {
  readonly engine: FeatureEngine;
  /** Snapshot of the states with which the online service began; it began with nothing unless given. */
  readonly statePath?: string;
  /** Folder of the profile tables that were brought online; needed where vectors were computed with profiles. */
  readonly profilesPath?: string;
  readonly onProgress?: (events: number) => void;
}

export interface RefoldOptions extends Pick<ParityOptions, "engine" | "onProgress"> {
  /** Bytes of the state from which an entity starts, by Redis key; null where it starts with nothing. */
  readonly stateBefore?: (key: string) => Uint8Array | null;
  /** The profiles that a payment was computed with; none unless given. */
  readonly profilesOf?: (vector: FeatureVector) => ProfileRows;
}

/** A value that is not what went online. */
export interface Mismatch {
  readonly transactionId: string;
  readonly feature: string;
  /** What went online. */
  readonly emitted: number | undefined;
  /** What the engine computes from the archived events. */
  readonly replayed: number | undefined;
}

export interface ParityReport {
  /** Payments whose vectors were computed again. */
  readonly rows: number;
  /** Those of them that were computed with a profile of every kind. */
  readonly profiled: number;
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
 * them. Every value is compared with the one that went online, bit for bit.
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

/** As `checkParity`, of events that somebody else has read. */
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

/** One line for a gate: it passes with `mismatches=0` and `stuck=0`. */
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
      // Object.is tells 0 from -0 and takes NaN for NaN: the same bits, but for payloads of NaN, which do not occur.
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
