import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { endLeftovers } from "../processes/end-leftovers.js";
import type { ProcessIdentity } from "../processes/identify-process.js";
import { identifyProcess, identifySelf } from "../processes/identify-process.js";

/** One folder for all of a user's tests, so that a run finds what a killed one left. */
const parentFolder = () => `${tmpdir()}/tripline-tests-${process.getuid?.() ?? 0}`;

/** The name says from its first moment on which process it belongs to. */
const prefixOf = ({ pid, startedAt }: ProcessIdentity) => `${pid}-${startedAt.replaceAll(/[^0-9a-zA-Z]/g, "")}-`;

/**
 * An empty directory for this process' tests. Should the process be killed, the next test run ends the stack that was
 * started in it, or in its folder `stack`, and removes it.
 */
export function makeTestDirectory(): string {
  mkdirSync(parentFolder(), { recursive: true, mode: 0o755 });
  return mkdtempSync(`${parentFolder()}/${prefixOf(identifySelf())}`);
}

/** Ends and removes what killed processes left. */
export async function removeAbandonedTestDirectories(): Promise<void> {
  mkdirSync(parentFolder(), { recursive: true, mode: 0o755 });
  for (const name of readdirSync(parentFolder())) {
    const owner = identifyProcess(Number.parseInt(name, 10));
    if (owner !== undefined && name.startsWith(prefixOf(owner))) continue;
    const directory = `${parentFolder()}/${name}`;
    await endLeftovers(directory);
    await endLeftovers(`${directory}/stack`);
    rmSync(directory, { recursive: true, force: true });
  }
}
