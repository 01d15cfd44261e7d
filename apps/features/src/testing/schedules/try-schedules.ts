import type { RedisServer } from "./redis-server.js";
import type { StepCounts } from "./run-schedule.js";
import { noSteps, runSchedule } from "./run-schedule.js";

export interface TriedSchedules {
  readonly schedules: number;
  /** The failed schedules, up to a few: a sentence for each, with the seed that reproduces it. */
  readonly faults: readonly string[];
  readonly counts: StepCounts;
}

/** Stops after this many failed schedules. */
const FAULTY_MAX = 5;

/**
 * Runs the schedules of `count` seeds one after another.
 *
 * @param onSchedule called after each schedule with the number completed
 */
export async function trySchedules(
  server: RedisServer,
  { firstSeed = 1, count, onSchedule }: { firstSeed?: number; count: number; onSchedule?: (through: number) => void },
): Promise<TriedSchedules> {
  const faults: string[] = [];
  let counts = noSteps();
  let schedules = 0;
  for (let seed = firstSeed; seed < firstSeed + count && faults.length < FAULTY_MAX; seed += 1) {
    const result = await runSchedule(seed, server);
    counts = add(counts, result.counts);
    schedules += 1;
    if (result.faults.length > 0) faults.push(`seed ${seed}: ${result.faults.join("; ")}`);
    onSchedule?.(schedules);
  }
  return { schedules, faults, counts };
}

function add(one: StepCounts, other: StepCounts): StepCounts {
  const sums = Object.entries(one).map(([name, count]) => [name, count + (other[name as keyof StepCounts] ?? 0)]);
  return Object.fromEntries(sums) as StepCounts;
}
