import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { printReplay } from "@tripline/cli/models/replay-report";
import { Decision, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { TrainedModel } from "@tripline/model-loop/demo-model/train-demo-model";
import { SHIPPED_POLICY } from "@tripline/model-loop/replay-decisions/find-policies";
import type { ReplayDecisionsOptions } from "@tripline/model-loop/replay-decisions/replay-decisions";
import { replayDecisions } from "@tripline/model-loop/replay-decisions/replay-decisions";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { eventsFrom } from "@tripline/simulator/merge-labels";
import type { KnownPayment } from "@tripline/system/client/payment";
import { awaitArchive } from "@tripline/system/ledger/await-archive";
import { readTopic } from "@tripline/system/ledger/ledger";
import { buildPayment } from "../support/build-payment.js";
import type { InProcessSystem } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { testModel } from "../support/test-model.js";

const START_MS = Date.UTC(2025, 2, 3);
const PAYMENTS = 400;
const DAY_MS = 86_400_000;
/** A payment by a new card, so large that it is not approved, regardless of the score. */
const SUSPICIOUS = { amountMinor: 2_500_000 };
const EXPLAINED_TRIES_MAX = 200;
const WAIT_S = 30;
/** Rules that read values which the lake stores only in encrypted form. */
const ATTRIBUTE_RULES = `rules:
  - { id: gold, when: 'attributes["tier"] == "gold"', reason: GOLD, action: challenge, text: A gold tier. }
  - { id: tierless, when: '!("tier" in attributes)', reason: TIERLESS, action: review, mode: shadow, text: No tier. }
`;

let model: TrainedModel;
let lake: string;
let policies: string;
let system: InProcessSystem;

beforeAll(async () => {
  model = await testModel();
  lake = await mkdtemp(join(tmpdir(), "tripline-replay-"));
  policies = await mkdtemp(join(tmpdir(), "tripline-policies-"));
  const policyFile = join(policies, "policy.yaml");
  const shipped = await readFile(SHIPPED_POLICY, "utf8");
  await writeFile(policyFile, shipped.replace("\nrules:\n", `\n${ATTRIBUTE_RULES}`));
  system = await startInProcess({
    registryUrl: model.registryUrl,
    lakeDirectory: lake,
    scoringWaitMs: 1_000,
    policyFile,
  });
}, 240_000);

afterAll(async () => {
  await system?.close();
  for (const folder of [lake, policies]) await rm(folder, { recursive: true, force: true });
});

function history(): KnownPayment[] {
  const simulation = createSimulation({ seed: 12, cards: 200, terminals: 100, startMs: START_MS - 20 * DAY_MS });
  const payments: KnownPayment[] = [];
  for (const { kind, payment } of eventsFrom(simulation, START_MS)) {
    // A third of the payments have the tier gold, a third have the tier silver, and the rest have none.
    const tier = ["gold", "silver"][payments.length % 3];
    if (kind !== "label") payments.push(tier === undefined ? payment : { ...payment, attributes: { tier } });
    if (payments.length === PAYMENTS) break;
  }
  return payments;
}

async function allDecisions(): Promise<Decision[]> {
  const decisions: Decision[] = [];
  await readTopic(system.kafka, TOPICS.decisions.name, (record) => {
    decisions.push(Decision.decode(record.value));
  });
  return decisions;
}

test("replays the whole system's decisions byte for byte, including an outage of the model", async () => {
  await system.client.decideAll(history(), WAIT_S);
  // Contributions must arrive within 50 ms; on a busy machine, the first may be late.
  const isExplained = ({ reasons }: { reasons: readonly { code: string }[] }) =>
    reasons.some(({ code }) => code.startsWith("SCORE_RAISED_BY_"));
  for (let tries = 0; tries < EXPLAINED_TRIES_MAX; tries += 1) {
    const { decision } = await system.client.send(buildPayment(SUSPICIOUS), WAIT_S);
    if (decision !== undefined && isExplained(decision)) break;
  }
  await system.stop("scoring");
  await system.client.send(buildPayment(SUSPICIOUS), WAIT_S);
  await awaitArchive(system.kafka, lake, [TOPICS.features, TOPICS.decisions]);

  const decisions = await allDecisions();
  const times = decisions.map(({ decidedAtMs }) => decidedAtMs);
  const options: ReplayDecisionsOptions = {
    lake,
    registryUrl: model.registryUrl,
    policiesFolder: policies,
    scorecardFiles: [],
    threads: 2,
    fromMs: Math.min(...times),
    toMs: Math.max(...times) + 1,
  };
  const report = await replayDecisions(options);
  process.stdout.write(printReplay(report));
  const rows = decisions.length;
  expect(report).toMatchObject({ rows, sameVersions: rows, identical: rows, differences: [], skipped: new Map() });
  expect(report.degraded).toBe(decisions.filter(({ rung }) => rung !== Rung.MODEL).length);
  expect(report.degraded).toBeGreaterThan(0);
  expect(decisions.filter((one) => one.rung === Rung.MODEL && isExplained(one)).length).toBeGreaterThan(0);
  expect(decisions.filter(({ rung }) => rung === Rung.SCORECARD).length).toBeGreaterThan(0);
  const gold = decisions.filter(({ reasons }) => reasons.some(({ code }) => code === "GOLD")).length;
  const tierless = decisions.filter(({ shadowHits }) => shadowHits.some(({ ruleId }) => ruleId === "tierless")).length;
  expect([gold, rows - tierless]).toEqual([Math.ceil(PAYMENTS / 3), Math.ceil((2 * PAYMENTS) / 3)]);
}, 240_000);
