// Replaces this program with one of load-tests, once everything is installed and built.
import { spawn } from "node:child_process";
import os from "node:os";
import { join } from "node:path";

/**
 * Resolves to the program's exit code.
 *
 * @param {{ root: string, program: string, args: string[] }} run
 * @returns {Promise<number>}
 */
export function handOver({ root, program, args }) {
  const preload = new URL("./end-with-parent.mjs", import.meta.url).href;
  const child = spawn(join(root, "node_modules", ".bin", "node"), ["--import", preload, join(root, program), ...args], {
    // Paths from the user are relative to the user's folder.
    cwd: process.env.INIT_CWD ?? process.cwd(),
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  // Ctrl-C reaches the program directly; this process waits until it has shut down.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(signal === null ? (code ?? 1) : 128 + os.constants.signals[signal]));
  });
}
