import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Topology } from "@tripline/system/services/plan-services";
import { z } from "zod";
import type { BenchContext } from "../../harness/bench-context.js";
import { BenchError } from "../../harness/bench-error.js";
import { SERVER_FOLDERS } from "../../harness/clear-leftovers.js";
import type { CpuMeter } from "../../harness/cpu-meter.js";
import { readEventLoopDelay } from "../../scoring/read-metrics.js";

/** The programs on a decision's path, by topology. */
export const PROGRAMS = {
  services: ["ingestion", "features", "decisions", "scoring"],
  together: ["ingestion", "features", "tripline"],
} as const satisfies Record<Topology, readonly string[]>;
export type BenchProgram = (typeof PROGRAMS)[Topology][number];
export type ProcessName = BenchProgram | "kafka" | "valkey";

/** Tripline's processes on this machine, without the auth service, which is not on a decision's path. */
export interface BenchSystem {
  /** Port of the ingestion API. */
  readonly port: number;
  /** PEM of its authority, if it uses TLS. */
  readonly ca?: string | undefined;
  readonly authorization: string;
  readonly pids: ReadonlyMap<ProcessName, number>;
  /** CPU meters of other threads on a decision's path. */
  readonly threads?: readonly CpuMeter[];
  /** Base URLs of the programs; for a program with several services, the URL of decisions. */
  readonly urls: ReadonlyMap<BenchProgram, string>;
}

const KB_PER_MB = 1_024;
const processRecord = z.object({ child: z.object({ pid: z.number().int().positive() }) });

/**
 * The 99th percentile of each service's event loop delay since the last read, as `<service>_loop_p99_ms`, and the
 * largest one as `loop_p99_ms`. Services that do not report the delay are omitted.
 */
export async function readLoopDelays({ urls }: BenchSystem): Promise<Record<string, number>> {
  const delays: Record<string, number> = {};
  await Promise.all(
    [...urls].map(async ([name, url]) => {
      const { loop_p99_ms: ms } = await readEventLoopDelay(url);
      if (ms !== undefined) delays[`${name}_loop_p99_ms`] = ms;
    }),
  );
  const all = Object.values(delays);
  return all.length > 0 ? { ...delays, loop_p99_ms: Math.max(...all) } : {};
}

/** Current resident memory of each process as `<process>_rss_mb`, and of the largest program as `rss_mb`. */
export function readMemory({ pids, urls }: BenchSystem): Record<string, number> {
  const all = [...pids].map(([name, pid]) => [name, residentMb(pid)] as const);
  const programs = all.filter(([name]) => [...urls.keys()].some((program) => program === name));
  const figures = all.map(([name, mb]) => [`${name}_rss_mb`, mb] as const);
  return { ...Object.fromEntries(figures), rss_mb: Math.max(...programs.map(([, mb]) => mb)) };
}

/** Resident set size of a process, see proc_pid_status(5). */
export function residentMb(pid: number): number {
  const kb = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  if (Number.isNaN(kb)) throw new BenchError(`The process ${pid} does not report its memory use.`);
  return kb / KB_PER_MB;
}

/** Process id of the broker that a part has started. */
export function kafkaPid(context: BenchContext): number {
  const file = join(context.folder, SERVER_FOLDERS.stack, "run", "kafka.json");
  return processRecord.parse(JSON.parse(readFileSync(file, "utf8"))).child.pid;
}

/** @throws BenchError if the server does not report it */
export async function redisPid(client: { info(section: string): Promise<string> }): Promise<number> {
  const pid = Number(/^process_id:(\d+)/m.exec(await client.info("server"))?.[1]);
  if (Number.isInteger(pid)) return pid;
  throw new BenchError("Valkey does not report its process id: INFO server lacks process_id.");
}
