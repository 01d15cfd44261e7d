import type { Attributes, Counter, Histogram, ObservableCounter, ObservableGauge } from "@opentelemetry/api";
import { metrics } from "@opentelemetry/api";

export interface MetricOptions {
  /** UCUM unit, for instance `ms`, `By` or `{payment}`. */
  readonly unit: string;
  readonly description: string;
  /** Upper bounds of a histogram's buckets, in `unit`. */
  readonly boundaries?: readonly number[];
}

const LATENCY_BUCKETS_MS = [1, 2, 5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1_000, 2_000, 5_000, 10_000];

const meter = () => metrics.getMeter("tripline");

export function histogram(name: string, options: MetricOptions): Histogram {
  return meter().createHistogram(name, {
    unit: options.unit,
    description: options.description,
    advice: { explicitBucketBoundaries: [...(options.boundaries ?? LATENCY_BUCKETS_MS)] },
  });
}

export function counter(name: string, options: MetricOptions): Counter {
  return meter().createCounter(name, { unit: options.unit, description: options.description });
}

/** A count that somebody else keeps, by its attributes, and that is read when somebody collects the metrics. */
export function observedCounter(
  name: string,
  options: MetricOptions,
  read: () => Iterable<readonly [count: number, attributes: Attributes]>,
): ObservableCounter {
  const observable = meter().createObservableCounter(name, { unit: options.unit, description: options.description });
  observable.addCallback((result) => {
    for (const [count, attributes] of read()) result.observe(count, attributes);
  });
  return observable;
}

/** A gauge that is read when somebody collects the metrics. */
export function gauge(name: string, options: MetricOptions, read: () => number): ObservableGauge {
  const observable = meter().createObservableGauge(name, { unit: options.unit, description: options.description });
  observable.addCallback((result) => result.observe(read()));
  return observable;
}
