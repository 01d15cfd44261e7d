// Finds the process that listens on a port: from /proc on Linux, elsewhere from lsof. Limited to what this user may see.
import { execFileSync } from "node:child_process";
import fs from "node:fs";

const COMMAND_MS_MAX = 5_000;
const LISTENING = "0A";

/** @typedef {{ pid: number, parentPid: number, command: string, commandLine: string }} Holder */

/**
 * @param {number} port
 * @returns {Holder | undefined}
 */
export function findHolder(port) {
  const pid = process.platform === "linux" ? onLinux(port) : withLsof(port);
  return pid === undefined ? undefined : describeProcess(pid);
}

/**
 * Whether a process is alive, identified by pid and start time, because pids are reused. The start time has the format of
 * packages/local-stack.
 *
 * @param {{ pid: number, startedAt: string }} identity
 */
export function isAlive({ pid, startedAt }) {
  if (process.platform !== "linux") {
    const line = run("ps", ["-o", "stat=,lstart=", "-p", String(pid)]).trim();
    return line !== "" && !line.startsWith("Z") && line.replace(/^\S+\s+/, "") === startedAt;
  }
  const fields = statFields(pid);
  if (fields === undefined || fields[0] === "Z") return false;
  const bootId = read("/proc/sys/kernel/random/boot_id").trim();
  return `${bootId}:${fields[19]}` === startedAt;
}

/** @param {number} port */
function onLinux(port) {
  const sockets = new Set(["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) => listeningSockets(table, port)));
  if (sockets.size === 0) return undefined;
  const pids = fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).find((pid) => openFiles(pid).some((file) => sockets.has(file)));
}

/**
 * @param {string} table
 * @param {number} port
 */
function listeningSockets(table, port) {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return read(table)
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) && fields[3] === LISTENING)
    .map((fields) => `socket:[${fields[9]}]`);
}

/** @param {number} pid */
function openFiles(pid) {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).map((file) => {
      try {
        return fs.readlinkSync(`/proc/${pid}/fd/${file}`);
      } catch {
        return "";
      }
    });
  } catch {
    return [];
  }
}

/** @param {number} port */
function withLsof(port) {
  const pid = /^p(\d+)$/m.exec(run("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fp"]))?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/**
 * @param {number} pid
 * @returns {Holder | undefined}
 */
export function describeProcess(pid) {
  if (process.platform !== "linux") {
    const [parent, command] =
      /^\s*(\d+)\s+(.*?)\s*$/.exec(run("ps", ["-o", "ppid=,comm=", "-p", String(pid)]))?.slice(1) ?? [];
    if (command === undefined) return undefined;
    const commandLine = run("ps", ["-ww", "-o", "args=", "-p", String(pid)]).trim();
    return { pid, parentPid: Number(parent), command: command.split("/").at(-1) ?? command, commandLine };
  }
  const fields = statFields(pid);
  if (fields === undefined) return undefined;
  const commandLine = read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
  return { pid, parentPid: Number(fields[1]), command: read(`/proc/${pid}/comm`).trim(), commandLine };
}

/**
 * The fields of /proc/<pid>/stat from the third (the state) on. The second, the command's name, may contain spaces.
 *
 * @param {number} pid
 */
export function statFields(pid) {
  const stat = read(`/proc/${pid}/stat`);
  return stat === "" ? undefined : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** @param {string} file */
function read(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, args) {
  try {
    return execFileSync(command, args, {
      encoding: "utf8",
      timeout: COMMAND_MS_MAX,
      env: { ...process.env, LC_ALL: "C" },
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return "";
  }
}
