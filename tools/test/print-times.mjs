// Shows where a test run spent its time, to find slow parts.
import { relative } from "node:path";

const FILES = 20;

/**
 * @param {ReadonlyMap<string, number>} phases ms by phase
 * @param {readonly { name: string, startTime: number, endTime: number }[]} files as Jest reports them, with times in ms
 * @param {string} root
 */
export function describeTimes(phases, files, root) {
  const seconds = (/** @type {number} */ ms) => `${(ms / 1000).toFixed(1).padStart(8)} s`;
  const slowest = files
    .map(({ name, startTime, endTime }) => ({ name: relative(root, name), ms: endTime - startTime }))
    .sort((left, right) => right.ms - left.ms)
    .slice(0, FILES);
  return [
    "time",
    ...Array.from(phases, ([name, ms]) => `${seconds(ms)}  ${name}`),
    `the slowest ${slowest.length} files`,
    ...slowest.map(({ name, ms }) => `${seconds(ms)}  ${name}`),
    "",
  ].join("\n");
}
