import { BenchError } from "../harness/bench-error.js";

const MS_PER_S = 1_000;

/**
 * How late the timers of the scoring service's event loop were since this was read last, 99th percentile, in ms.
 *
 * @throws BenchError when the service does not tell
 */
export async function readEventLoopDelay(url: string): Promise<{ loop_p99_ms: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith("nodejs_eventloop_delay_p99"));
  const seconds = Number(line?.split(" ").at(-1));
  if (!Number.isFinite(seconds)) throw new BenchError("The scoring service tells no event loop delay at /metrics.");
  return { loop_p99_ms: seconds * MS_PER_S };
}
