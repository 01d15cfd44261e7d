import type { LabelValues } from "prom-client";
import { Counter, Gauge, Histogram, Registry } from "prom-client";

export interface MetricOptions<L extends string> {
  readonly description: string;
  /** Names of the labels. A value for an unknown label is an error. */
  readonly labels?: readonly L[];
}

export interface HistogramOptions<L extends string> extends MetricOptions<L> {
  /** Upper bounds, in the unit at the end of the name. Default: latency buckets in seconds. */
  readonly buckets?: readonly number[];
}

/** A gauge's value and its labels. */
export type Reading<L extends string> = readonly [value: number, labels: LabelValues<L>];
type Reader = () => Iterable<Reading<string>>;

const LATENCY_BUCKETS_SECONDS = [
  0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10,
];

/** Metrics are process-wide, so several services in one process, as in tests, share them. */
export const registry = new Registry();
const readers = new Map<string, Set<Reader>>();

/** A monotonic counter. */
export function counter<L extends string = never>(name: `${string}_total`, options: MetricOptions<L>): Counter<L> {
  const known = registry.getSingleMetric(name);
  if (known instanceof Counter) return known;
  return new Counter({ ...settings(name, options) });
}

/** A distribution. Durations are named `…_seconds` and observed in seconds. */
export function histogram<L extends string = never>(name: string, options: HistogramOptions<L>): Histogram<L> {
  const known = registry.getSingleMetric(name);
  if (known instanceof Histogram) return known;
  return new Histogram({ ...settings(name, options), buckets: [...(options.buckets ?? LATENCY_BUCKETS_SECONDS)] });
}

/**
 * A value that is read on each collection.
 *
 * @returns a function that removes it
 */
export function gauge(name: string, options: MetricOptions<never>, read: () => number): () => void {
  return labelledGauge(name, options, () => [[read(), {}]]);
}

/** Like `gauge`, with one value per set of labels. */
export function labelledGauge<L extends string>(
  name: string,
  options: MetricOptions<L>,
  read: () => Iterable<Reading<L>>,
): () => void {
  let all = readers.get(name);
  if (all === undefined) {
    all = new Set();
    readers.set(name, all);
    makeGauge(name, options, all);
  }
  all.add(read);
  return () => all.delete(read);
}

function makeGauge(name: string, options: MetricOptions<string>, all: ReadonlySet<Reader>): void {
  new Gauge({
    ...settings(name, options),
    collect() {
      this.reset();
      for (const read of all) for (const [value, labels] of read()) this.set(labels, value);
    },
  });
}

function settings<L extends string>(name: string, { description, labels = [] }: MetricOptions<L>) {
  return { name, help: description, labelNames: [...labels], registers: [registry] };
}
