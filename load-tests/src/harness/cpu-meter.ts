import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { statFields } from "@tripline/local-stack/processes/stat-fields";
import type { Redis } from "ioredis";
import { BenchError } from "./bench-error.js";

/** A clock of CPU time: user and system, all threads. Only differences are meaningful. */
export interface CpuMeter {
  /** For example `node`. Names of figures start with it. */
  readonly name: string;
  /** Reads the CPU time in milliseconds. */
  readMs(): Promise<number>;
}

/** The CPU time of this process. */
export function ownCpu(name = "node"): CpuMeter {
  return {
    name,
    async readMs() {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1_000;
    },
  };
}

/** A process and its descendants, including workers that have ended. Resolution: a system tick, usually 10 ms. */
export function processTreeCpu(name: string, pid: number): CpuMeter {
  return {
    name,
    async readMs() {
      const all = readProcesses();
      const root = all.get(pid);
      if (root === undefined) throw new BenchError(`The process ${pid} (${name}) exited while it was being measured.`);
      const tree = [root];
      for (const parent of tree) tree.push(...[...all.values()].filter(({ parentPid }) => parentPid === parent.pid));
      return tree.reduce((sum, { ownTicks, endedChildrenTicks }) => sum + ownTicks + endedChildrenTicks, 0) * tickMs();
    },
  };
}

/** Combines several clocks into one. */
export function sumOfCpu(name: string, meters: readonly CpuMeter[]): CpuMeter {
  return {
    name,
    async readMs() {
      const all = await Promise.all(meters.map((meter) => meter.readMs()));
      return all.reduce((sum, ms) => sum + ms, 0);
    },
  };
}

/** The ended children of this process with their descendants, to measure a command. Resolution: a tick. */
export function endedChildrenCpu(name: string): CpuMeter {
  return {
    name,
    async readMs() {
      const self = parseProcessStat(readProcFile("self/stat"));
      return self.endedChildrenTicks * tickMs();
    },
  };
}

/** A Redis or Valkey server, according to its INFO. */
export function redisCpu(redis: Redis, name = "redis"): CpuMeter {
  return { name, readMs: async () => parseRedisCpuMs(await redis.info("cpu")) };
}

/** @throws BenchError if INFO contains no CPU time */
export function parseRedisCpuMs(info: string): number {
  const seconds = ["used_cpu_user", "used_cpu_sys"].map((name) =>
    Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)?.[1]),
  );
  const sum = seconds.reduce((total, value) => total + value, 0);
  if (Number.isNaN(sum)) throw new BenchError("Redis does not report its CPU time: INFO cpu lacks used_cpu_user.");
  return sum * 1_000;
}

export interface ProcessTimes {
  readonly pid: number;
  readonly parentPid: number;
  /** User and system time of all its threads, including ended ones. */
  readonly ownTicks: number;
  /** The same times for the children that it has waited for. */
  readonly endedChildrenTicks: number;
}

/**
 * One line of `/proc/<pid>/stat`, see proc_pid_stat(5).
 *
 * @throws BenchError if the line has another format
 */
export function parseProcessStat(line: string): ProcessTimes {
  const pid = Number.parseInt(line, 10);
  const fields = statFields(line);
  // The manual numbers fields from 1. The third one, the state, is the first after the name.
  const field = (number: number) => Number(fields[number - 3] || Number.NaN);
  const times = {
    pid,
    parentPid: field(4),
    ownTicks: field(14) + field(15),
    endedChildrenTicks: field(16) + field(17),
  };
  if (Object.values(times).some(Number.isNaN))
    throw new BenchError(`There are no process times in "${line.slice(0, 80)}".`);
  return times;
}

function readProcesses(): Map<number, ProcessTimes> {
  const all = new Map<number, ProcessTimes>();
  for (const name of readDirectory()) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const times = parseProcessStat(readFileSync(`/proc/${name}/stat`, "latin1"));
      all.set(times.pid, times);
    } catch {
      // The process ended between listing and reading.
    }
  }
  return all;
}

const NO_PROC = "CPU time of other processes is read from /proc, which only Linux has: run the benchmark on Linux.";

function readDirectory(): string[] {
  try {
    return readdirSync("/proc");
  } catch {
    throw new BenchError(NO_PROC);
  }
}

function readProcFile(name: string): string {
  try {
    return readFileSync(`/proc/${name}`, "latin1");
  } catch {
    throw new BenchError(NO_PROC);
  }
}

let knownTickMs: number | undefined;

function tickMs(): number {
  knownTickMs ??= 1_000 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return knownTickMs;
}
