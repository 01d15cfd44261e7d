import { consumerMetrics } from "./consumer-metrics.js";
import { registry } from "./metrics.js";

const observer = consumerMetrics("features");

/** Values by topic and partition. */
async function shown(series: string): Promise<Record<string, number>> {
  const { values } = (await registry.getSingleMetric(series)?.get()) ?? { values: [] };
  return Object.fromEntries(values.map(({ labels, value }) => [`${labels.topic}/${labels.partition}`, value]));
}

test("reports for how long a partition has been failing, until it is handled again", async () => {
  const series = "tripline_kafka_failing_seconds";
  observer.failing("labels", 2, undefined);
  expect(await shown(series)).toEqual({});
  observer.failing("labels", 3, performance.now() - 90_000);
  const { "labels/3": seconds, ...others } = await shown(series);
  expect(seconds).toBeGreaterThanOrEqual(90);
  expect(others).toEqual({});
  observer.failing("labels", 3, undefined);
  expect(await shown(series)).toEqual({});
});

test("drops the lag of a partition that moved to another consumer", async () => {
  const series = "tripline_kafka_lag";
  observer.lag("labels", 3, 25_000);
  observer.lag("labels", 4, 7);
  expect(await shown(series)).toEqual({ "labels/3": 25_000, "labels/4": 7 });
  observer.lag("labels", 3, undefined);
  expect(await shown(series)).toEqual({ "labels/4": 7 });
});
