import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { checkParity } from "@tripline/backfill/compare/check-parity";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { NetworkProxy } from "@tripline/local-stack/testing/network-proxy";
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
import type { Fault } from "./fault.js";
import { FAULTS } from "./fault-table.js";
import type { FaultResult } from "./run-faults.js";
import { awaitNormal, runFault } from "./run-faults.js";
import { SteadyTraffic } from "./steady-traffic.js";

/**
 * `npx tripline test faults [NAME…] [TOPOLOGY]`: causes each fault under steady traffic, in both topologies or in the given
 * one, and checks verdicts.
 */

const START_MS = Date.UTC(2026, 0, 15);
const DAY_MS = 86_400_000;
const BROKERS = 3;
const PER_SECOND = 20;
/** Long enough that a busy machine alone causes no fallback. With a longer wait, the circuit breaker has no effect. */
const SCORING_WAIT_MS = 1_000;
/** Long enough that a busy machine alone causes no refusal. */
const REDIS_TIMEOUT_MS = "3000";
/** Large enough for every service, but small enough to be filled within seconds. */
const HEAP_MIB = 512;

const given = process.argv.slice(2);
const [topologies, names] = [TOPOLOGIES.filter((each) => given.includes(each)), given.filter(isNoTopology)];
const unknown = names.find((name) => !FAULTS.some(({ id }) => id === name));
if (unknown !== undefined) {
  process.stderr.write(`There is no fault ${unknown}; choose from ${FAULTS.map(({ id }) => id).join(", ")}.\n`);
  process.exit(2);
}
const faults = names.length === 0 ? FAULTS : FAULTS.filter(({ id }) => names.includes(id));
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const results: FaultResult[] = [];
let wrong = 0;
for (const topology of topologies.length === 0 ? TOPOLOGIES : topologies) wrong += await runAll(faults, topology);
const total = (key: "lost" | "duplicated") => results.reduce((sum, result) => sum + result[key], 0);
const unexpected = results.filter(({ isUnexpected }) => isUnexpected).length;
print(
  `faults: run=${results.length} lost=${total("lost")} duplicated=${total("duplicated")} wrong=${wrong} unexpected=${unexpected}`,
);
process.exitCode = unexpected + wrong === 0 ? 0 : 1;

function isNoTopology(name: string): boolean {
  return !TOPOLOGIES.some((each) => each === name);
}

/** @returns the number of feature values in the lake that differ from an offline computation */
async function runAll(chosen: readonly Fault[], topology: Topology): Promise<number> {
  const workspace = workspaceIn(join(STATE_DIRECTORY, "faults"));
  const registry = join(workspace.directory, "registry");
  const model = await testModel();
  rmSync(registry, { recursive: true, force: true });
  cpSync(fileURLToPath(model.registryUrl), registry, { recursive: true });
  const steps = new StepLog(process.stderr, bootstrapSteps());
  const ports = readPorts();
  const [valkey, scoring] = [await NetworkProxy.start(ports.redis), await NetworkProxy.start(ports.scoringGrpc)];
  const innerFaultFile = join(workspace.directory, "inner-fault.json");
  const hook = new URL("./causes/inner-fault.js", import.meta.url);
  hook.searchParams.set("file", innerFaultFile);
  const system = await startSystem({
    workspace,
    ports,
    registryUrl: pathToFileURL(registry).href,
    environment: {
      REDIS_TIMEOUT_MS,
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB} --import=${hook.href}`,
      REDIS_URL: `redis://127.0.0.1:${valkey.port}`,
      ...(topology === "services" ? { SCORING_ADDRESS: `127.0.0.1:${scoring.port}` } : {}),
    },
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
    await awaitNormal(steady, performance.now());
    for (const fault of chosen) {
      const proxies = { valkey, scoring };
      const run = { system, admin, topology, steady, bursts, innerFaultFile, registry, lake: workspace.lake };
      const result = await runFault(fault, { ...run, ...proxies });
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
    for (const proxy of [valkey, scoring]) proxy.close();
  }
}
