import type { TakenSnapshot } from "./take-snapshot.js";

const HOUR_MS = 3_600_000;
/** Without a snapshot, the first one waits for the system to start. */
const FIRST_MS_MAX = 600_000;
/** A failed run is retried before the next one is due. */
const RETRY_MS_MAX = 900_000;

export interface ScheduleFacts {
  /** The time of the newest snapshot; undefined if there is none. */
  readonly newestAtMs: number | undefined;
  /** The time at which the process started. */
  readonly startedAtMs: number;
  /**
   * The time at which the last run of this process ended without a snapshot; undefined if it took one or has not run.
   */
  readonly failedAtMs: number | undefined;
}

/**
 * The time at which the next snapshot is due. It depends on the newest snapshot, no matter which process took it. A
 * restart therefore does not cause an early snapshot, and if there are two processes, usually only one of them takes
 * the snapshot.
 */
export function dueAtMs(intervalHours: number, { newestAtMs, startedAtMs, failedAtMs }: ScheduleFacts): number {
  const intervalMs = intervalHours * HOUR_MS;
  const due = newestAtMs === undefined ? startedAtMs + Math.min(intervalMs, FIRST_MS_MAX) : newestAtMs + intervalMs;
  return failedAtMs === undefined ? due : Math.max(due, failedAtMs + Math.min(intervalMs, RETRY_MS_MAX));
}

/** The last line of a run that took a snapshot. */
export function snapshotLine({ id, states, events, continues, dropped }: TakenSnapshot): string {
  const rest = `events=${events} dropped=${dropped}${continues === undefined ? "" : ` continues=${continues}`}`;
  return `snapshot-state: id=${id} states=${states} ${rest}`;
}
