// Runs other programs one after another. Collects their output, and shows it if they fail.
import { spawnSync } from "node:child_process";

const OUTPUT_BYTES_MAX = 64 * 1024 ** 2;
const TIMEOUT_MS_DEFAULT = 120_000;
const LINES_SHOWN = 60;

/**
 * @typedef {{ readonly status: number | null, readonly stdout: string, readonly stderr: string }} Outcome
 * @typedef {{ input?: string, timeoutMs?: number, environment?: Readonly<Record<string, string>>, cwd?: string }} RunOptions
 */

/**
 * Runs a program to its end, even if it fails.
 *
 * @param {readonly string[]} command the program and its arguments
 * @param {RunOptions} [options]
 * @returns {Outcome} status: null if the program does not exist or exceeded the time limit
 */
export function run([program = "", ...args], { input, timeoutMs = TIMEOUT_MS_DEFAULT, environment = {}, cwd } = {}) {
  const result = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: OUTPUT_BYTES_MAX,
    timeout: timeoutMs,
    env: { ...process.env, ...environment },
    ...(input === undefined ? {} : { input }),
    ...(cwd === undefined ? {} : { cwd }),
  });
  const fault = result.error === undefined ? "" : `${result.error.message}\n`;
  return { status: result.status, stdout: result.stdout ?? "", stderr: `${result.stderr ?? ""}${fault}` };
}

/**
 * Runs a program that must succeed.
 *
 * @param {readonly string[]} command
 * @param {RunOptions} [options]
 * @returns {string} its standard output
 * @throws Error with the last lines of its output
 */
export function must(command, options) {
  const { status, stdout, stderr } = run(command, options);
  if (status === 0) return stdout;
  const lines = `${stdout}${stderr}`.trimEnd().split("\n").slice(-LINES_SHOWN).join("\n");
  throw new Error(`\`${command.join(" ")}\` exited with ${status ?? "no code (it may have timed out)"}:\n${lines}`);
}

/** @param {string} text */
export function say(text) {
  process.stdout.write(`${text}\n`);
}

/**
 * @template T
 * @param {string} name
 * @param {() => T | Promise<T>} work
 * @returns {Promise<{ value: T, seconds: number }>}
 */
export async function step(name, work) {
  const startedMs = performance.now();
  say(`… ${name}`);
  const value = await work();
  const seconds = (performance.now() - startedMs) / 1_000;
  say(`✓ ${name} (${seconds.toFixed(0)} s)`);
  return { value, seconds };
}
