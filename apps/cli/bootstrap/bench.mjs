// `npm run bench:features` and its like: installs and builds what is missing, then hands over to load-tests. Ends with
// what the benchmark ends with.
import { spawn } from "node:child_process";
import os from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { install } from "./install.mjs";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");

try {
  await install({ root: ROOT });
  process.exitCode = await handOver(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

/**
 * Resolves to the program's exit code.
 *
 * @param {string[]} args
 * @returns {Promise<number>}
 */
function handOver(args) {
  const program = join(ROOT, "load-tests", "dist", "main.js");
  const preload = new URL("./end-with-parent.mjs", import.meta.url).href;
  const child = spawn(join(ROOT, "node_modules", ".bin", "node"), ["--import", preload, program, ...args], {
    // Paths that the user gives are his own folder's.
    cwd: process.env.INIT_CWD ?? process.cwd(),
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  // Ctrl-C reaches the program by itself; this process waits until it has ended what it started.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(signal === null ? (code ?? 1) : 128 + os.constants.signals[signal]));
  });
}
