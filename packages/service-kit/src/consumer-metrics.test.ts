import { metrics } from "@opentelemetry/api";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import type { ConsumerMetrics } from "./consumer-metrics.js";
import { consumerMetrics } from "./consumer-metrics.js";

let exporter: PrometheusExporter;
let observer: ConsumerMetrics;

beforeEach(() => {
  exporter = new PrometheusExporter({ preventServerStart: true });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [exporter] }));
  observer = consumerMetrics("features");
});

afterEach(() => metrics.disable());

/** Values by topic and partition. */
async function shown(series: string): Promise<Record<string, number>> {
  const { resourceMetrics } = await exporter.collect();
  const lines = new PrometheusSerializer().serialize(resourceMetrics).split("\n");
  const parts = lines.map((line) => /^(\w+)\{group="features",topic="(\w+)",partition="(\d+)".*\} (\S+)/.exec(line));
  return Object.fromEntries(
    parts.flatMap((part) => (part?.[1] === series ? [[`${part[2]}/${part[3]}`, Number(part[4])]] : [])),
  );
}

test("a partition that fails shows for how long, and 0 once it is handled again", async () => {
  const series = "tripline_kafka_failing_seconds";
  observer.failing("labels", 2, undefined);
  expect(await shown(series)).toEqual({});
  observer.failing("labels", 3, performance.now() - 90_000);
  const { "labels/3": seconds, ...others } = await shown(series);
  expect(seconds).toBeGreaterThanOrEqual(90);
  expect(others).toEqual({});
  observer.failing("labels", 3, undefined);
  expect(await shown(series)).toEqual({ "labels/3": 0 });
});

test("a partition that another consumer has now does not keep the lag that it had here", async () => {
  const series = "tripline_kafka_lag";
  observer.lag("labels", 3, 25_000);
  observer.lag("labels", 4, 7);
  expect(await shown(series)).toEqual({ "labels/3": 25_000, "labels/4": 7 });
  observer.lag("labels", 3, undefined);
  expect(await shown(series)).toEqual({ "labels/3": 0, "labels/4": 7 });
});
