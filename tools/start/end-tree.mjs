// Ends a program and all of its descendants.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { statFields } from "./find-holder.mjs";

const GRACE_MS = 5_000;
const POLL_MS = 50;

/**
 * Asks the program and its descendants to end, and kills the remaining ones after 5 s. This includes children with their own
 * process group.
 *
 * @param {number} pid
 */
export async function endTree(pid) {
  // Looked up first, because once a parent has ended, its children can no longer be found.
  const pids = [pid, ...descendantsOf(pid)];
  for (const each of pids) signal(each, "SIGTERM");
  const deadlineMs = Date.now() + GRACE_MS;
  while (pids.some((each) => signal(each, 0)) && Date.now() < deadlineMs) await delay(POLL_MS);
  for (const each of pids) signal(each, "SIGKILL");
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals | 0} name
 * @returns {boolean} whether the process existed
 */
function signal(pid, name) {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** @param {number} root */
function descendantsOf(root) {
  const all = parents();
  const found = [root];
  for (const pid of found) found.push(...all.filter(({ parent }) => parent === pid).map((child) => child.pid));
  return found.slice(1);
}

/** @returns {{ pid: number, parent: number }[]} of all processes */
function parents() {
  if (process.platform !== "linux") {
    const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
    return lines.map((line) => line.trim().split(/\s+/).map(Number)).map(([pid = 0, parent = 0]) => ({ pid, parent }));
  }
  return fs
    .readdirSync("/proc")
    .map(Number)
    .filter(Number.isInteger)
    .map((pid) => ({ pid, parent: Number(statFields(pid)?.[1]) }));
}
