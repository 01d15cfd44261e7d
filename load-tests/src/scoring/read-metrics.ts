import { BenchError } from "../harness/bench-error.js";

const MS_PER_S = 1_000;
/** What a service reads is the time between two timers that it sets this far apart; the rest of it is delay. */
const TIMERS_APART_MS = 10;

/**
 * The event loop delay of a service since the last read, 99th percentile, in ms.
 *
 * @throws BenchError when the service does not report it
 */
export async function readEventLoopDelay(url: string): Promise<{ loop_p99_ms: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith("nodejs_eventloop_lag_p99_seconds"));
  const seconds = Number(line?.split(" ").at(-1));
  if (!Number.isFinite(seconds)) throw new BenchError(`${url}/metrics reports no event loop delay.`);
  return { loop_p99_ms: Math.max(0, seconds * MS_PER_S - TIMERS_APART_MS) };
}
