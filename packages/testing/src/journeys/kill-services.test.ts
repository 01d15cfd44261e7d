import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { checkParity } from "@tripline/backfill/compare/check-parity";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { totalCounted } from "@tripline/lake/read/read-counted";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { awaitArchive } from "@tripline/system/ledger/await-archive";
import { awaitLedger } from "@tripline/system/ledger/ledger";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import type { Topology } from "@tripline/system/services/plan-services";
import { TOPOLOGIES } from "@tripline/system/services/plan-services";
import type { RunningSystem } from "@tripline/system/services/run-system";
import { startSystem } from "@tripline/system/services/run-system";
import { workspaceIn } from "@tripline/system/services/workspace";
import { StepLog } from "@tripline/system/step-log";
import { BusyTraffic } from "../faults/busy-traffic.js";
import { BUSY_SERVICES, killBusy } from "../faults/kill-busy.js";
import { paymentId } from "../support/payment-id.js";
import { programOf } from "../support/program-of.js";
import { testModel } from "../support/test-model.js";

const START_MS = Date.UTC(2026, 0, 15);
/** Nightly runs test all topologies. */
const KILLED_TOPOLOGIES = TOPOLOGIES.filter((topology) => process.env.LONG_TESTS === "all" || topology === "together");

describe("services killed under load", () => {
  const folder = mkdtempSync(join(tmpdir(), "tripline-kill-"));
  const secrets = join(folder, "secrets.json");

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function start(topology: Topology) {
    const workspace = workspaceIn(mkdtempSync(join(folder, "run-")));
    demoSecrets(secrets);
    mkdirSync(dirname(workspace.secrets), { recursive: true });
    cpSync(secrets, workspace.secrets);
    const { registryUrl } = await testModel();
    const system = await startSystem({
      workspace,
      ports: await freePorts(),
      registryUrl,
      eventAgeDaysMax: 36_500,
      scoringWaitMs: 20_000,
      contributionsWaitMs: 20_000,
      isArchived: true,
      topology,
      steps: new StepLog(process.stderr),
    });
    return { system, lake: workspace.lake };
  }

  /** Kills every process on the path of a payment. @returns the amount of work that each of them left unfinished */
  async function killAll(system: RunningSystem, traffic: BusyTraffic, topology: Topology) {
    const left = new Map<string, number>();
    const admin = await system.kafka.admin();
    for (const service of BUSY_SERVICES) {
      const program = programOf(service, topology);
      const victim = system.services.get(program);
      if (victim === undefined || left.has(program)) continue;
      left.set(program, await killBusy(service, victim, { admin, traffic }));
    }
    await admin.close();
    return left;
  }

  test.each(KILLED_TOPOLOGIES)(
    "regression #24: kill -9 of each service under load loses and duplicates nothing: %s",
    async (topology) => {
      const { system, lake } = await start(topology);
      try {
        const simulation = createSimulation({ seed: 7, cards: 500, terminals: 500, startMs: START_MS - 86_400_000 });
        const traffic = new BusyTraffic(system.client, simulation.payments(START_MS)[Symbol.iterator]());
        const left = await killAll(system, traffic, topology);
        expect([...left.keys()]).toEqual([...new Set(BUSY_SERVICES.map((name) => programOf(name, topology)))]);
        for (const records of left.values()) expect(records).toBeGreaterThan(0);
        await traffic.settle();
        const { sent, decisions } = traffic;
        expect(decisions.size).toBe(sent.length);
        expect(await traffic.retryAll()).toEqual([]);
        const ledger = await awaitLedger(system.kafka, new Set(sent.map(paymentId)));
        expect(ledger).toMatchObject({ accepted: sent.length, decided: sent.length, lost: [], contradicted: [] });
        await awaitArchive(system.kafka, lake);
        expect((await totalCounted(lake)).missing).toBe(0);
        const report = await checkParity({ engine: compileEngine(currentFeatureSpec()), lake });
        expect(report).toMatchObject({ rows: sent.length, mismatches: 0, stuck: 0, skipped: 0 });
      } finally {
        await system.stop();
      }
    },
    300_000,
  );
});

async function freePorts() {
  const ports = await findFreePorts(12);
  const [ingestion = 0, auth = 0, features = 0, scoring = 0, scoringGrpc = 0, decisions = 0, ...rest] = ports;
  const [archive = 0, kafka = 0, redis = 0, postgres = 0, control = 0, console = 0] = rest;
  return {
    ingestion,
    auth,
    features,
    scoring,
    scoringGrpc,
    decisions,
    archive,
    kafka,
    redis,
    postgres,
    control,
    console,
  };
}
