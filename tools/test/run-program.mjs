import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Runs a program of the tests in the root, with the project's own programs first in its PATH.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {object} options
 * @param {"pipe" | "inherit"} options.shown where its standard output goes; `pipe` returns it
 * @param {number} options.timeoutMs
 * @param {Record<string, string>} [options.environment] beside that of this process
 * @returns {Promise<{ status: number | null, output: string }>} no status where it was ended, or could not start
 */
export function runProgram(command, args, { shown, timeoutMs, environment = {} }) {
  const child = spawn(command, args, {
    cwd: ROOT,
    stdio: ["ignore", shown, "inherit"],
    timeout: timeoutMs,
    env: { ...process.env, ...environment, PATH: `${join(ROOT, "node_modules", ".bin")}:${process.env.PATH}` },
  });
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  return new Promise((resolve) => {
    child.once("error", (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      resolve({ status: null, output });
    });
    child.once("close", (status) => resolve({ status, output }));
  });
}
