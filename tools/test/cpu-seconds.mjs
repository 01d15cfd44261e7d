import { readFileSync } from "node:fs";

/** Linux counts CPU time in hundredths of a second. */
const TICKS_PER_SECOND = 100;

/**
 * The CPU time, in seconds, of this process and its ended descendants. Servers that several tests share are descendants of
 * another process. Outside Linux, only of this process.
 */
export function cpuSeconds() {
  if (process.platform !== "linux") {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }
  const stat = readFileSync("/proc/self/stat", "utf8");
  // The fields follow the program's name, which may contain spaces: 11 to 14 are utime, stime, cutime and cstime.
  const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ticks.slice(11, 15).reduce((sum, count) => sum + Number(count), 0) / TICKS_PER_SECOND;
}
