import { spawn } from "node:child_process";
import os from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { endTree } from "../start/end-tree.mjs";

const SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();

/**
 * Runs a test program in the root, with the project's own programs first in its PATH. When this process is asked to end, the
 * program and its descendants end first.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {object} options
 * @param {"pipe" | "inherit"} options.shown where its standard output goes; `pipe` returns it
 * @param {number} options.timeoutMs
 * @param {Record<string, string>} [options.environment] added to the environment of this process
 * @returns {Promise<{ status: number | null, output: string }>} no status if it was ended, or could not start
 */
export function runProgram(command, args, { shown, timeoutMs, environment = {} }) {
  const child = spawn(command, args, {
    cwd: ROOT,
    stdio: ["ignore", shown, "inherit"],
    timeout: timeoutMs,
    // Ctrl-C reaches only this process, which can still find the program's descendants.
    detached: true,
    env: { ...process.env, ...environment, PATH: `${join(ROOT, "node_modules", ".bin")}:${process.env.PATH}` },
  });
  if (running.size === 0) for (const signal of SIGNALS) process.on(signal, endAll);
  running.add(child);
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  const ended = new Promise((resolve) => {
    child.once("error", (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      resolve({ status: null, output });
    });
    child.once("close", (status) => resolve({ status, output }));
  });
  return ended.finally(() => {
    running.delete(child);
    if (running.size === 0) for (const signal of SIGNALS) process.off(signal, endAll);
  });
}

/** @param {"SIGINT" | "SIGTERM" | "SIGHUP"} signal */
async function endAll(signal) {
  await Promise.all(Array.from(running, ({ pid }) => pid !== undefined && endTree(pid)));
  process.exit(128 + os.constants.signals[signal]);
}
