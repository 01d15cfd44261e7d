import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { endLeftovers } from "./end-leftovers.js";
import type { ProcessIdentity } from "./identify-process.js";
import { identifyProcess, identifySelf } from "./identify-process.js";
import type { LocalStack, StackOptions } from "./start-stack.js";
import { startStack } from "./start-stack.js";

/** Every test run's servers live below this folder, one folder per run, so that a run finds what a killed one left. */
const runsFolder = () => `${tmpdir()}/tripline-tests-${process.getuid?.() ?? 0}`;

export interface TestServers {
  readonly stack: LocalStack;
  /** Ends the servers and removes their data. */
  end(): Promise<void>;
}

/** Kafka, Valkey and Postgres for one test run, with no durability and on free ports. */
export async function runTestServers(
  options: Pick<StackOptions, "endOnSignals" | "onStep"> = {},
): Promise<TestServers> {
  mkdirSync(runsFolder(), { recursive: true, mode: 0o755 });
  await removeAbandonedRuns();
  const directory = mkdtempSync(`${runsFolder()}/${runName(identifySelf())}-`);
  const stack = await startStack({ directory, isDurable: false, ...options });
  return {
    stack,
    end: async () => {
      await stack.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The folder's name says from its first moment on whose it is. */
const runName = ({ pid, startedAt }: ProcessIdentity) => `${pid}-${startedAt.replaceAll(/[^0-9a-zA-Z]/g, "")}`;

async function removeAbandonedRuns(): Promise<void> {
  for (const run of readdirSync(runsFolder())) {
    const owner = identifyProcess(Number.parseInt(run, 10));
    if (owner !== undefined && run.startsWith(`${runName(owner)}-`)) continue;
    const directory = `${runsFolder()}/${run}`;
    await endLeftovers(directory);
    rmSync(directory, { recursive: true, force: true });
  }
}

let kept: TestServers | undefined;

/** Set-up and teardown run in one process and meet here. */
export function keepTestServers(servers: TestServers): void {
  kept = servers;
}

export function takeTestServers(): TestServers | undefined {
  const servers = kept;
  kept = undefined;
  return servers;
}
