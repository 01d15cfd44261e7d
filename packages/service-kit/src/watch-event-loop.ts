import { monitorEventLoopDelay } from "node:perf_hooks";
import { metrics } from "@opentelemetry/api";

/** Timers are this far apart by which the delay is measured: often enough for a percentile, too seldom to cost anything. */
const RESOLUTION_MS = 10;
const NS_PER_S = 1e9;
const MS_PER_S = 1_000;

/** Reports how late the event loop of this process is, since the last time it was asked, until the returned function is called. */
export function watchEventLoop(): () => void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const gauge = metrics.getMeter("tripline").createObservableGauge("nodejs.eventloop.delay.p99", {
    unit: "s",
    description: "Event loop delay, 99th percentile since it was read last",
  });
  const read: Parameters<typeof gauge.addCallback>[0] = (result) => {
    // What is recorded is the time between two timers; the delay is what that has beyond the time that was asked for.
    result.observe(Math.max(0, delay.percentile(99) / NS_PER_S - RESOLUTION_MS / MS_PER_S));
    delay.reset();
  };
  gauge.addCallback(read);
  return () => {
    gauge.removeCallback(read);
    delay.disable();
  };
}
