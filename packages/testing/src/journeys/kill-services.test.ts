import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import { createSimulation } from "@tripline/simulator/create-simulation";
import type { KnownPayment } from "@tripline/system/client/payment";
import { awaitLedger } from "@tripline/system/ledger/ledger";
import { replay } from "@tripline/system/replay/replay";
import type { ServiceName } from "@tripline/system/service-environment/service-variables";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import type { Topology } from "@tripline/system/services/plan-services";
import { programOf, TOPOLOGIES } from "@tripline/system/services/plan-services";
import type { RunningSystem } from "@tripline/system/services/run-system";
import { startSystem } from "@tripline/system/services/run-system";
import { workspaceIn } from "@tripline/system/services/workspace";
import { StepLog } from "@tripline/system/step-log";
import { paymentId } from "../support/payment-id.js";
import { testModel } from "../support/test-model.js";

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 15);
const PAYMENTS = 1_000;

/** What a decision says, without the times at which things happened. */
type Said = Readonly<Record<string, unknown>>;

describe("a replay through services that are killed", () => {
  const folder = mkdtempSync(join(tmpdir(), "tripline-kill-"));
  const secrets = join(folder, "secrets.json");
  const simulation = createSimulation({ seed: 7, cards: 500, terminals: 500, startMs: START_MS - 20 * DAY_MS });
  const payments = take(simulation.payments(START_MS), PAYMENTS);
  const toMs = (payments.at(-1)?.occurredAtMs ?? 0) + 1;
  const labelled = takeUntil(simulation.payments(START_MS - 14 * DAY_MS), toMs);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function run(topology: Topology, onSlice: (system: RunningSystem, slice: number) => void) {
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
      topology,
      steps: new StepLog(process.stderr),
    });
    try {
      const said = new Map<string, Said>();
      await replay({
        client: system.client,
        payments,
        labelled,
        fromMs: START_MS,
        toMs,
        onDecision: (payment, { accepted_at: _accepted, decided_at: _decided, ...rest }) => {
          said.set(payment.clientTransactionId, rest);
        },
        onSlice: (slice) => onSlice(system, slice),
      });
      const ledger = await awaitLedger(system.kafka, new Set(payments.map(paymentId)));
      return { said, ledger };
    } finally {
      await system.stop();
    }
  }

  /** Of the topology that most installations have; every other run has to say the same. */
  let calm: Promise<Awaited<ReturnType<typeof run>>> | undefined;

  test.each(TOPOLOGIES)(
    "%s: kill -9 of features, then decisions, then scoring changes nothing in the result",
    async (topology) => {
      calm ??= run("services", () => {});
      const expected = await calm;
      const victims = new Map<number, ServiceName>([
        [8, "features"],
        [16, "decisions"],
        [24, "scoring"],
      ]);
      const killed: string[] = [];
      const stormy = await run(topology, (system, slice) => {
        const victim = victims.get(slice);
        if (victim === undefined) return;
        system.services.get(programOf(victim, topology))?.kill();
        killed.push(victim);
      });
      expect(killed).toEqual(["features", "decisions", "scoring"]);
      for (const { ledger, said } of [expected, stormy]) {
        expect(ledger).toMatchObject({ accepted: PAYMENTS, decided: PAYMENTS, lost: [], contradicted: [] });
        expect(said.size).toBe(PAYMENTS);
      }
      expect(Object.fromEntries(stormy.said)).toEqual(Object.fromEntries(expected.said));
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

function take(stream: Iterable<KnownPayment>, count: number): KnownPayment[] {
  const taken: KnownPayment[] = [];
  for (const payment of stream) {
    taken.push(payment);
    if (taken.length === count) break;
  }
  return taken;
}

function takeUntil(stream: Iterable<KnownPayment>, untilMs: number): KnownPayment[] {
  const taken: KnownPayment[] = [];
  for (const payment of stream) {
    if (payment.occurredAtMs >= untilMs) break;
    taken.push(payment);
  }
  return taken;
}
