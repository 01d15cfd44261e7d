import { availableParallelism, loadavg } from "node:os";

/** A machine that is busier than this is not waited for any longer: something else is wrong. */
const SCALE_MAX = 10;

/**
 * How long to wait for something of this machine that takes `ms` at most when nothing else runs: longer by the load of each
 * core, ten times at most. Ask again while waiting, because the load changes.
 */
export function patient(ms: number, loadPerCore = (loadavg()[0] ?? 0) / availableParallelism()): number {
  return Math.round(ms * Math.min(SCALE_MAX, Math.max(1, loadPerCore)));
}
