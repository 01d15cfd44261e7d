import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { endLeftovers } from "../processes/end-leftovers.js";
import type { ProcessIdentity } from "../processes/identify-process.js";
import { identifyProcess, identifySelf } from "../processes/identify-process.js";

/** One folder for all tests of a user, so that a run finds the leftovers of a run that was killed. */
const parentFolder = () => `${tmpdir()}/tripline-tests-${process.getuid?.() ?? 0}`;

/** The name contains the owning process from the start. */
const prefixOf = ({ pid, startedAt }: ProcessIdentity) => `${pid}-${startedAt.replaceAll(/[^0-9a-zA-Z]/g, "")}-`;

/**
 * Creates an empty directory for the tests of this process. If the process is killed, the next test run ends the stack
 * that was started in the directory or in its folder `stack`, and removes the directory.
 */
export function makeTestDirectory(): string {
  mkdirSync(parentFolder(), { recursive: true, mode: 0o755 });
  return mkdtempSync(`${parentFolder()}/${prefixOf(identifySelf())}`);
}

/** Ends processes and removes directories left by killed runs. */
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
