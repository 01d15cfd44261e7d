import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { builtCopy } from "@tripline/system/built-copy";
import { readPorts } from "@tripline/system/ports.mjs";
import { STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import { bootstrapSteps, StepLog } from "@tripline/system/step-log";
import { checkMessages } from "./check-messages.js";
import { loadBuild } from "./load-build.js";
import { upgrade } from "./upgrade.js";

/**
 * `npx tripline test upgrade --from <commit>`: starts the whole system of another commit and, under traffic, replaces
 * its services with those of this checkout. `--built <folder>` uses a checkout that is already built.
 */

const START_MS = Date.UTC(2026, 0, 15);
const DAY_MS = 86_400_000;
/** Longer than the scoring service takes to start, so that the model decides every payment. */
const SCORING_WAIT_MS = 20_000;

const { from, built } = parseArgs({ options: { from: { type: "string" }, built: { type: "string" } } }).values;
if ((from === undefined) === (built === undefined)) {
  process.stderr.write("Specify --from <commit> or --built <folder>.\n");
  process.exit(2);
}

await testUpgrade(from === undefined ? resolve(built ?? "") : builtCopy(from));

async function testUpgrade(folder: string): Promise<void> {
  const steps = new StepLog(process.stderr, bootstrapSteps());
  checkMessages(folder);
  const before = await loadBuild(folder);
  const { registryUrl } = await before.testModel();
  const options = {
    workspace: workspaceIn(join(STATE_DIRECTORY, "upgrade")),
    ports: readPorts(),
    registryUrl,
    eventAgeDaysMax: 36_500,
    scoringWaitMs: SCORING_WAIT_MS,
    isArchived: true,
    hasConsole: true,
    steps,
  };
  const old = await before.startSystem(options);
  try {
    // This build's client, which must be able to read everything that the other build wrote.
    const kafka = connectKafka({ brokers: old.stack.kafkaBrokers, clientId: "test-upgrade" });
    const simulation = createSimulation({ seed: 12, cards: 2_000, terminals: 500, startMs: START_MS - DAY_MS });
    const payments = simulation.payments(START_MS)[Symbol.iterator]();
    const print = (line: string): void => void process.stdout.write(`${line}\n`);
    await upgrade({ old, before, options, kafka, payments, print });
  } finally {
    await old.stop();
  }
}
