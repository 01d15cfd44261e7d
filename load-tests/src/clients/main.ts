import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startDemoSystem } from "@tripline/model-loop/start-demo-system";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { readPorts } from "@tripline/system/ports.mjs";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_CLIENT_ID, localUrl, MODEL_NAME } from "@tripline/system/services/plan-services";
import { STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import { bootstrapSteps, StepLog } from "@tripline/system/step-log";
import { BenchError } from "../harness/bench-error.js";
import { promtool } from "./check-with-promtool.js";
import type { RunningCollector } from "./collect-telemetry.js";
import { findCollector, startCollector } from "./collect-telemetry.js";
import { k6 } from "./load-with-k6.js";
import type { ToolResult } from "./print-outcomes.js";
import { countOutcomes, printOutcomes } from "./print-outcomes.js";
import { grpcurl } from "./request-with-grpcurl.js";
import { kserve, mlflow } from "./request-with-python.js";
import type { FoundTool } from "./stock-client.js";
import { attempt } from "./stock-client.js";

/**
 * `npx tripline test clients`: runs standard tools against a whole system, each as its users run it. Exits with 0 if
 * none failed; with `--full`, all of them must also be installed.
 */

const CLIENTS = [kserve, mlflow, grpcurl, promtool, k6];
const COLLECTOR = "OpenTelemetry Collector";
const PAYMENTS = 20;
const WAIT_SECONDS = 10;

const { values: flags } = parseArgs({ options: { full: { type: "boolean" } } });
const steps = new StepLog(process.stderr, bootstrapSteps());
const workspace = workspaceIn(join(STATE_DIRECTORY, "clients"));
const folder = join(workspace.directory, "tools");
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
const results: ToolResult[] = [];
const environment = { ...process.env };

const found: (readonly [(typeof CLIENTS)[number], FoundTool])[] = [];
for (const client of CLIENTS) {
  const program = await findOrTell(client.tool, () => client.find(environment));
  if (program !== undefined) found.push([client, program]);
}
const collectorProgram = await findOrTell(COLLECTOR, () => findCollector(environment));
let collector: RunningCollector | undefined;
if (collectorProgram !== undefined) {
  collector = await startCollector(collectorProgram, folder);
  // The services get the environment of this process.
  Object.assign(process.env, collector.environment);
}

try {
  const { model, system } = await startDemoSystem({ workspace, steps, isArchived: true, hasConsole: true });
  const services = [...system.services.keys()];
  try {
    // `startSystem` does not wait for the archive and the console, because the demo works without them.
    await steps.run("wait for every service", () =>
      Promise.all([...system.services.values()].map((service) => service.ready())),
    );
    const simulated = createSimulation(model.simulation).payments(model.historyEndMs);
    const payments = Array.from({ length: PAYMENTS }, () => simulated.next().value);
    await steps.run(`decide ${PAYMENTS} payments`, () => system.client.decideAll(payments, WAIT_SECONDS));
    const ports = readPorts();
    const champion = await openRegistry(model.registryUrl).resolve(MODEL_NAME, "champion");
    const scoringAddress = `127.0.0.1:${ports.scoringGrpc}`;
    const { clientSecret } = demoSecrets(workspace.secrets);
    const credentials = { TRIPLINE_CLIENT_ID: DEMO_CLIENT_ID, TRIPLINE_CLIENT_SECRET: clientSecret };
    const scoringUrl = localUrl(ports.scoring, false);
    const asked = { system, champion, scoringAddress, scoringUrl, credentials, folder, environment };
    for (const [client, program] of found) {
      const outcomes = await steps
        .run(`send requests with ${client.tool}`, () => client.request(program, asked))
        .catch(async (error: unknown) => [await attempt("start", () => Promise.reject(error))]);
      results.push({ tool: client.tool, version: program.version, outcomes });
    }
  } finally {
    await steps.finish("stop everything", () => system.stop());
  }
  if (collector !== undefined && collectorProgram !== undefined) {
    const outcomes = await collector.outcomes(services);
    results.push({ tool: COLLECTOR, version: collectorProgram.version, outcomes });
  }
} finally {
  await collector?.stop();
}
process.stdout.write(`${printOutcomes(results)}\n`);
const { failed, missing } = countOutcomes(results);
if (failed > 0 || (missing > 0 && flags.full === true)) process.exitCode = 1;

/** Runs a tool, or returns a row that says why it was skipped. */
async function findOrTell(tool: string, find: () => Promise<FoundTool>): Promise<FoundTool | undefined> {
  try {
    return await steps.run(`find ${tool}`, find);
  } catch (error) {
    if (!(error instanceof BenchError)) throw error;
    results.push({ tool, missing: error.message, outcomes: [] });
    return undefined;
  }
}
