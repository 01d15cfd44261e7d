import { availableParallelism, loadavg } from "node:os";

/** If a machine is even busier than this, waiting longer would not help, because something else must be wrong. */
const SCALE_MAX = 10;

/**
 * Timeout for a local operation that takes at most `ms` on an idle machine: `ms` multiplied by the load per core, up to
 * ten times. Call this again while waiting, because the load changes.
 */
export function patient(ms: number, loadPerCore = (loadavg()[0] ?? 0) / availableParallelism()): number {
  return Math.round(ms * Math.min(SCALE_MAX, Math.max(1, loadPerCore)));
}
