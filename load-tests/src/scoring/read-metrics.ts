const MS_PER_S = 1_000;
/** A service measures the time between two timers that should be this far apart. The excess is the delay. */
const TIMERS_APART_MS = 10;

/**
 * The 99th percentile of a service's event loop delay since the last read, in ms. The object is empty for older builds
 * without this metric, with which a build may be compared.
 */
export async function readEventLoopDelay(url: string): Promise<{ loop_p99_ms?: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith("nodejs_eventloop_lag_p99_seconds"));
  if (line === undefined) return {};
  return { loop_p99_ms: Math.max(0, Number(line.split(" ").at(-1)) * MS_PER_S - TIMERS_APART_MS) };
}
