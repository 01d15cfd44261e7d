import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { CountedEvent } from "@tripline/feature-engine/apply/counted-event";
import type { LakeSnapshot } from "@tripline/lake/snapshot/lake-snapshots";

export interface LostRecords {
  /** Payments and labels that were counted and whose results are not in the lake. They have no sequence numbers. */
  readonly events: readonly CountedEvent[];
  /** Sentences for the operator about missing records and their handling. */
  readonly sentences: readonly string[];
}

export interface FoldLakeOptions {
  readonly engine: FeatureEngine;
  readonly lake: string;
  /** Snapshot of the states with which the service began; it began with nothing unless given. */
  readonly statePath?: string;
  readonly stateTtlSeconds: number;
  /** Counts what there is in the order of time if the original order is incomplete. */
  readonly isPartial: boolean;
  readonly onProgress: (events: number) => void;
  /** Names what the lake lacks of the results. */
  findLost(): Promise<LostRecords>;
  /** About how much memory the states may take. */
  readonly memoryBytes: number;
  /** Ignores the snapshots in the lake. */
  readonly isFromScratch: boolean;
  /** Gets a sentence for each snapshot that cannot be used. */
  onNote(sentence: string): void;
  readonly onSlice: (done: number, total: number) => void;
  /** As of `FoldInOrder`. */
  readonly erasedAtMs?: (key: string) => number | undefined;
}

/** A state as Redis would have it now. */
export interface RebuiltState {
  readonly value: Uint8Array;
  /** When it was changed last, by wall clock. */
  readonly touchedAtMs: number;
}

/** By Redis key; can be read more than once. */
export interface RebuiltStates {
  entries(): Iterable<readonly [string, RebuiltState]> | AsyncIterable<readonly [string, RebuiltState]>;
}

export interface FoldedLake {
  readonly states: RebuiltStates;
  readonly events: number;
  /** Of these, what was counted while states were lost. */
  readonly incomplete: number;
  /** Records that were delivered more than once. */
  readonly repeated: number;
  /** Redis keys of the states that may miss an event, or have counted events in another order. */
  readonly flagged: ReadonlySet<string>;
  /** Sentences: which results the lake lacks. */
  readonly lost: readonly string[];
  /** The snapshot with which the fold began. */
  readonly snapshot?: LakeSnapshot;
  /** Removes what the states need on disk. */
  release(): Promise<void>;
}
