import { availableParallelism, loadavg } from "node:os";

/** If a machine is even busier, there is no point in waiting longer: something else is wrong. */
const SCALE_MAX = 10;

/**
 * Timeout for a local operation that takes at most `ms` on an idle machine: multiplied by the load per core, up to ten
 * times. Call it again while waiting, because the load changes.
 */
export function patient(ms: number, loadPerCore = (loadavg()[0] ?? 0) / availableParallelism()): number {
  return Math.round(ms * Math.min(SCALE_MAX, Math.max(1, loadPerCore)));
}
