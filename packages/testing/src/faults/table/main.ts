import { join } from "node:path";
import { checkParity } from "@tripline/backfill/compare/check-parity";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { readPorts } from "@tripline/system/ports.mjs";
import type { Topology } from "@tripline/system/services/plan-services";
import { TOPOLOGIES } from "@tripline/system/services/plan-services";
import { startSystem } from "@tripline/system/services/run-system";
import { STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import { bootstrapSteps, StepLog } from "@tripline/system/step-log";
import { testModel } from "../../support/test-model.js";
import { BusyTraffic } from "../busy-traffic.js";
import { checkLake } from "../recovery.js";
import type { Fault } from "./fault-table.js";
import { FAULTS } from "./fault-table.js";
import type { FaultResult } from "./run-faults.js";
import { runFault } from "./run-faults.js";
import { SteadyTraffic } from "./steady-traffic.js";

/** `npx tripline test faults [NAME…]`: causes each fault under steady traffic, in both topologies; checks verdicts. */

const START_MS = Date.UTC(2026, 0, 15);
const DAY_MS = 86_400_000;
const BROKERS = 3;
const PER_SECOND = 20;
/** Long enough that a busy machine alone causes no fallback. */
const SCORING_WAIT_MS = 2_000;

const names = process.argv.slice(2);
const unknown = names.find((name) => !FAULTS.some(({ id }) => id === name));
if (unknown !== undefined) {
  process.stderr.write(`There is no fault ${unknown}; choose from ${FAULTS.map(({ id }) => id).join(", ")}.\n`);
  process.exit(2);
}
const faults = names.length === 0 ? FAULTS : FAULTS.filter(({ id }) => names.includes(id));
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const results: FaultResult[] = [];
let wrong = 0;
for (const topology of TOPOLOGIES) wrong += await runAll(faults, topology);
const total = (key: "lost" | "duplicated") => results.reduce((sum, result) => sum + result[key], 0);
const unexpected = results.filter(({ isUnexpected }) => isUnexpected).length;
print(
  `faults: run=${results.length} lost=${total("lost")} duplicated=${total("duplicated")} wrong=${wrong} unexpected=${unexpected}`,
);
process.exitCode = unexpected + wrong === 0 ? 0 : 1;

/** @returns the number of feature values in the lake that differ from an offline computation */
async function runAll(chosen: readonly Fault[], topology: Topology): Promise<number> {
  const workspace = workspaceIn(join(STATE_DIRECTORY, "faults"));
  const { registryUrl } = await testModel();
  const steps = new StepLog(process.stderr, bootstrapSteps());
  const system = await startSystem({
    workspace,
    ports: readPorts(),
    registryUrl,
    eventAgeDaysMax: 36_500,
    scoringWaitMs: SCORING_WAIT_MS,
    isArchived: true,
    hasConsole: true,
    brokers: BROKERS,
    topology,
    steps,
  });
  const admin = await system.kafka.admin();
  try {
    const simulation = createSimulation({ seed: 33, cards: 2_000, terminals: 500, startMs: START_MS - DAY_MS });
    const payments = simulation.payments(START_MS)[Symbol.iterator]();
    const bursts = new BusyTraffic(system.client, payments);
    const steady = new SteadyTraffic(system.client, payments, PER_SECOND);
    for (const fault of chosen) {
      const result = await runFault(fault, { system, admin, topology, steady, bursts });
      results.push(result);
      print(result.line);
    }
    await steady.stop();
    await checkLake(system, workspace.lake);
    const engine = compileEngine(currentFeatureSpec());
    const { rows, mismatches, stuck } = await checkParity({ engine, lake: workspace.lake });
    print(`feature vectors recomputed (${topology}): ${rows}, wrong values: ${mismatches + stuck}`);
    return mismatches + stuck;
  } finally {
    await admin.close();
    await system.stop();
  }
}
