import type { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { CountedEvent } from "@tripline/feature-engine/apply/counted-event";
import type { LakeSnapshot } from "@tripline/lake/snapshot/lake-snapshots";

export interface LostRecords {
  /** Counted payments, labels and payment updates without results in the lake. They have no sequence numbers. */
  readonly events: readonly CountedEvent[];
  /** Sentences for the operator about missing records and their handling. */
  readonly sentences: readonly string[];
}

export interface FoldLakeOptions {
  readonly engine: FeatureEngine;
  readonly lake: string;
  /** Snapshot of the states that the service started with. Default: none */
  readonly statePath?: string;
  readonly stateTtlSeconds: number;
  /** Counts the available events by time if the original order is incomplete. */
  readonly isPartial: boolean;
  readonly onProgress: (events: number, total: number) => void;
  /** Lists the results that the lake lacks. */
  findLost(): Promise<LostRecords>;
  /** Approximate memory limit for the states. */
  readonly memoryBytes: number;
  /** Number of threads that fold slices and share the memory. */
  readonly workers: number;
  /** Ignores the snapshots in the lake. */
  readonly isFromScratch: boolean;
  /** Receives a sentence about each unusable snapshot. */
  onNote(sentence: string): void;
  readonly onSlice: (done: number, total: number) => void;
  /** Erased people: see `erasedStates`. */
  readonly erasures: readonly Erasure[];
}

/** A state as Redis would have it now. */
export interface RebuiltState {
  readonly value: Uint8Array;
  /** Time of its last change, by wall clock. */
  readonly touchedAtMs: number;
}

/** The rebuilt states by Redis key. They can be iterated repeatedly. */
export interface RebuiltStates {
  readonly size: number;
  entries(): Iterable<readonly [string, RebuiltState]> | AsyncIterable<readonly [string, RebuiltState]>;
}

export interface FoldedLake {
  readonly states: RebuiltStates;
  readonly events: number;
  /** How many of `events` were counted while states were lost. */
  readonly incomplete: number;
  /** Records that were delivered more than once. */
  readonly repeated: number;
  /** Redis keys of states that may lack an event or have counted events in a different order. */
  readonly flagged: ReadonlySet<string>;
  /** Sentences about results that the lake lacks. */
  readonly lost: readonly string[];
  /** The snapshot from which the fold started. */
  readonly snapshot?: LakeSnapshot;
  /**
   * Moves the states to a folder that other rebuilds do not use. Absent if the states were not folded in slices. Call
   * it after writing the states to Redis and before another rebuild can begin.
   *
   * @returns a function that writes the states to the lake as a snapshot and returns its id. It throws TriplineError
   *   `lake-unavailable` or `state-unreadable`
   */
  preparePublication?(): Promise<() => Promise<string>>;
  /** Deletes the temporary files of the states. */
  release(): Promise<void>;
  /**
   * Call this instead of `release` if the states could not be used. It keeps the files with which another run can
   * continue.
   */
  abandon?(): Promise<void>;
}
