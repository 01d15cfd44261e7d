import { join } from "node:path";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { readPorts } from "@tripline/system/ports.mjs";
import { startSystem } from "@tripline/system/services/run-system";
import { STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import { bootstrapSteps, StepLog } from "@tripline/system/step-log";
import { testModel } from "../support/test-model.js";
import { BusyTraffic } from "./busy-traffic.js";
import { recoveryRound } from "./recovery.js";

/** `npx tripline test recovery 20`: rounds of faults under traffic. Each ends with a rebuild that must be exact. */

const START_MS = Date.UTC(2026, 0, 15);
const DAY_MS = 86_400_000;

const [, , given = "1"] = process.argv;
const rounds = Number(given);
if (!(Number.isSafeInteger(rounds) && rounds > 0)) {
  process.stderr.write("The number of rounds must be a whole number of at least 1.\n");
  process.exit(2);
}

const steps = new StepLog(process.stderr, bootstrapSteps());
const workspace = workspaceIn(join(STATE_DIRECTORY, "recovery"));
const { registryUrl } = await testModel();
const system = await startSystem({
  workspace,
  ports: readPorts(),
  registryUrl,
  eventAgeDaysMax: 36_500,
  scoringWaitMs: 2_000,
  isArchived: true,
  steps,
});
try {
  const simulation = createSimulation({ seed: 11, cards: 2_000, terminals: 500, startMs: START_MS - DAY_MS });
  const traffic = new BusyTraffic(system.client, simulation.payments(START_MS)[Symbol.iterator]());
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  for (let round = 1; round <= rounds; round += 1) {
    await recoveryRound(round, { system, lake: workspace.lake, traffic, print });
  }
} finally {
  await system.stop();
}
