// Finds servers and services of this clone's earlier runs. packages/local-stack and packages/system record each of them.
import fs from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isAlive } from "./find-holder.mjs";

const END_MS_MAX = 5_000;
const POLL_MS = 20;

/** @typedef {{ pid: number, startedAt: string }} Identity */
/** @typedef {{ child: Identity, owner: Identity }} ServerRecord */

/**
 * Servers that are still running, and whether the run that started them was killed.
 *
 * @param {string} root the repository's root
 * @returns {{ child: Identity, isLeftover: boolean }[]}
 */
export function findServers(root) {
  const state = join(root, ".tripline");
  return list(state)
    .flatMap((workspace) => recordsIn(join(state, workspace, "stack", "run")))
    .filter((record) => isAlive(record.child))
    .map(({ child, owner }) => ({ child, isLeftover: !isAlive(owner) }));
}

/**
 * Ends only the servers whose run was killed.
 *
 * @param {string} root the repository's root
 */
export async function endLeftovers(root) {
  const leftovers = findServers(root).filter((server) => server.isLeftover);
  for (const { child } of leftovers) process.kill(child.pid, "SIGKILL");
  const deadlineMs = Date.now() + END_MS_MAX;
  while (leftovers.some(({ child }) => isAlive(child)) && Date.now() < deadlineMs) await delay(POLL_MS);
}

/** @param {string} folder */
function recordsIn(folder) {
  return list(folder)
    .filter((file) => file.endsWith(".json"))
    .flatMap((file) => {
      const record = readRecord(join(folder, file));
      return record === undefined ? [] : [record];
    });
}

/**
 * @param {string} file
 * @returns {ServerRecord | undefined}
 */
function readRecord(file) {
  try {
    const { child, owner } = JSON.parse(fs.readFileSync(file, "utf8"));
    const isIdentity = (/** @type {Identity} */ it) =>
      Number.isInteger(it?.pid) && it.pid > 1 && typeof it.startedAt === "string";
    return isIdentity(child) && isIdentity(owner) ? { child, owner } : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} folder */
function list(folder) {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}
