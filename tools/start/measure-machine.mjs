// Available memory and disk space of this machine.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";

const COMMAND_MS_MAX = 5_000;

/**
 * Bytes available to programs without swapping. Caches count as available, and the limit of a container is respected.
 */
export function availableMemoryBytes() {
  if (process.platform === "darwin") return onMac();
  const machine = /^MemAvailable:\s+(\d+) kB/m.exec(read("/proc/meminfo"))?.[1];
  const bytes = machine === undefined ? os.freemem() : Number(machine) * 1024;
  return Math.min(bytes, insideContainer());
}

/**
 * Bytes that this user can write to the disk of `folder`.
 *
 * @param {string} folder
 */
export function freeDiskBytes(folder) {
  // Not available in Node 18 before 18.15. Another check reports that such a Node is too old.
  if (fs.statfsSync === undefined) return Number.POSITIVE_INFINITY;
  const { bavail, bsize } = fs.statfsSync(folder);
  return bavail * bsize;
}

/** The memory that the control group (version 2) leaves; Infinity without a limit. */
function insideContainer() {
  const limit = Number(read("/sys/fs/cgroup/memory.max"));
  const used = Number(read("/sys/fs/cgroup/memory.current"));
  if (!(limit > 0) || Number.isNaN(used)) return Number.POSITIVE_INFINITY;
  // Cached files count as used, but can be reclaimed.
  const cached = Number(/^inactive_file (\d+)$/m.exec(read("/sys/fs/cgroup/memory.stat"))?.[1] ?? 0);
  return limit - used + cached;
}

function onMac() {
  try {
    const text = execFileSync("vm_stat", { encoding: "utf8", timeout: COMMAND_MS_MAX });
    const pageBytes = Number(/page size of (\d+) bytes/.exec(text)?.[1]);
    const pages = ["free", "inactive", "speculative", "purgeable"].map((kind) =>
      Number(new RegExp(`^Pages ${kind}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0),
    );
    return pages.reduce((sum, count) => sum + count, 0) * pageBytes;
  } catch {
    return os.freemem();
  }
}

/** @param {string} file */
function read(file) {
  try {
    return fs.readFileSync(file, "utf8").trim();
  } catch {
    return "";
  }
}
