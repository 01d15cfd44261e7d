import type { CpuMeter } from "./cpu-meter.js";
import type { Spread } from "./spread.js";
import { ratiosOf, spreadOf } from "./spread.js";

/** The outcome of one round of a contestant. */
export interface Round {
  /** Number of operations: requests, transactions, rows. */
  readonly operations: number;
  /** Figures that the harness cannot measure itself. Names end with the unit: `p99_ms`. */
  readonly figures?: Readonly<Record<string, number>>;
}

export interface Contestant {
  readonly name: string;
  /** The clocks whose CPU time counts. */
  readonly meters: readonly CpuMeter[];
  /** Fewer rounds, for a slow contestant. */
  readonly roundsMax?: number;
  /** Runs before each round, unmeasured, for example to create the input or empty a database. */
  prepare?(): Promise<void>;
  run(): Promise<Round>;
}

/** All rounds of one contestant. */
export interface Measured {
  readonly name: string;
  /** One value per round, by figure. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

export interface RunOptions {
  readonly rounds: number;
  /** Additional rounds at the start that are not counted, while caches fill and code is compiled. Default 0. */
  readonly warmUpRounds?: number;
  readonly onRound?: (result: { round: number; name: string; sample: Readonly<Record<string, number>> }) => void;
}

/**
 * Alternates between the contestants, A B A B, so that other load on the machine affects all of them equally.
 *
 * Each round returns `wall_ms`, `ops_per_s`, `cpu_ms` and `cpu_us_per_op` for all meters together, and the contestant's
 * own figures. With several meters, it also returns `<meter>_cpu_ms` and `<meter>_cpu_us_per_op` for each.
 */
export async function runContestants(contestants: readonly Contestant[], options: RunOptions): Promise<Measured[]> {
  const { rounds, warmUpRounds = 0, onRound } = options;
  const samples = contestants.map(() => new Map<string, number[]>());
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    for (const [index, contestant] of contestants.entries()) {
      if (isSpared(contestant, round)) continue;
      await contestant.prepare?.();
      const sample = await measureRound(contestant);
      if (round < 0) continue;
      onRound?.({ round, name: contestant.name, sample });
      keep(samples[index], sample);
    }
  }
  return contestants.map(({ name }, index) => ({ name, samples: Object.fromEntries(samples[index] ?? []) }));
}

/** A contestant that runs fewer rounds has no warm-up rounds. */
function isSpared({ roundsMax }: Contestant, round: number): boolean {
  return roundsMax !== undefined && (round < 0 || round >= roundsMax);
}

function keep(samples: Map<string, number[]> | undefined, sample: Readonly<Record<string, number>>): void {
  for (const [figure, value] of Object.entries(sample)) {
    const values = samples?.get(figure) ?? [];
    values.push(value);
    samples?.set(figure, values);
  }
}

async function measureRound({ meters, run }: Contestant): Promise<Record<string, number>> {
  const before = await Promise.all(meters.map((meter) => meter.readMs()));
  const startedAt = performance.now();
  const { operations, figures } = await run();
  const wallMs = performance.now() - startedAt;
  const after = await Promise.all(meters.map((meter) => meter.readMs()));
  const costs = meters.map(({ name }, index) => ({
    name: `${name}_cpu`,
    ms: (after[index] ?? 0) - (before[index] ?? 0),
  }));
  const sample: Record<string, number> = { ops_per_s: (operations * 1_000) / wallMs, ...figures, wall_ms: wallMs };
  for (const { name, ms } of [...(costs.length > 1 ? costs : []), totalOf(costs)]) {
    sample[`${name}_ms`] = ms;
    sample[`${name}_us_per_op`] = (ms * 1_000) / operations;
  }
  return sample;
}

function totalOf(costs: readonly { readonly ms: number }[]) {
  return { name: "cpu", ms: costs.reduce((sum, { ms }) => sum + ms, 0) };
}

/** The values of a figure, round by round. @throws RangeError for an unknown contestant or figure */
export function samplesOf(measured: readonly Measured[], name: string, figure: string): readonly number[] {
  const values = measured.find((contestant) => contestant.name === name)?.samples[figure];
  if (values === undefined) throw new RangeError(`${name} has no figure ${figure}.`);
  return values;
}

/** The ratio of a figure of two contestants, round by round. */
export function ratioOf(measured: readonly Measured[], figure: string, name: string, to: string): number[] {
  return ratiosOf(samplesOf(measured, name, figure), samplesOf(measured, to, figure));
}

export function spreadsOf({ samples }: Measured): Record<string, Spread> {
  return Object.fromEntries(Object.entries(samples).map(([figure, values]) => [figure, spreadOf(values)]));
}
