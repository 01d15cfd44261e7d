import { randomUUID } from "node:crypto";
import { rename } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ModelTrial } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Decision, Label, Outcome, Rung, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { EventProducer } from "@tripline/kafka/port";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { publication, temporaryRegistry } from "@tripline/model-registry/testing/publications";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { cardOf } from "../testing/card-of.js";
import type { TestBed, TestCaller } from "../testing/test-bed.js";
import { OPERATOR_TENANT, startTestBed } from "../testing/test-bed.js";
import { AlertStore } from "./alert-store.js";
import { rolloutPlan } from "./rollout-plan.js";
import type { RolloutState } from "./rollout-state.js";

const WAIT_MS_MAX = 120_000;
/** Longer than two checks of the guard. */
const LOOKS_MS = 2_500;

let bed: TestBed;
let caller: TestCaller;
let database: Database;
let registry: RecordingRegistry;
let registryUrl: string;
let removeRegistry: () => Promise<void>;
let producer: EventProducer;
let champion: string;
let candidate: string;

beforeAll(async () => {
  const files = await temporaryRegistry();
  [registryUrl, removeRegistry, registry] = [files.url, files.remove, openRegistry(files.url)];
  champion = (await registry.publish(publication("champion"))).version;
  candidate = (await registry.publish(publication("candidate"))).version;
  bed = await startTestBed({ REGISTRY_URL: files.url });
  caller = bed.as("ann", { tenant: OPERATOR_TENANT, scope: "models:read models:write" });
  database = connectDatabase({
    url: bed.stack.postgresUrl,
    connectionsMax: 1,
    queryTimeoutMs: 30_000,
    onIdleError() {},
  });
  producer = await bed.kafka.producer();
});
afterAll(async () => {
  await producer.close();
  await database.close();
  await bed.close();
  await removeRegistry();
});
beforeEach(async () => {
  await registry.setAlias("fraud", "champion", champion);
  await registry.setAlias("fraud", "candidate", champion);
});
afterEach(() => step("rollback"));

interface Shown {
  readonly id: string;
  readonly stage: string;
  readonly canary_percent: number;
  readonly changed_by: string;
  readonly why: string;
  readonly is_registry_pending: boolean;
  readonly findings: readonly { readonly guard: string; readonly is_judged: boolean }[];
}
const shown = async () => (await caller.get("/v1/rollouts/fraud")).body as Shown;
const step = (name: string) => caller.send("POST", `/v1/rollouts/fraud/${name}`, {});

async function startCanary(plan: object = {}): Promise<void> {
  const guards = { mature_labels_min: 0 };
  const body = { model: "fraud", candidate, why: "newer", guards, without_comparison: true, ...plan };
  const { status } = await caller.send("POST", "/v1/rollouts", body);
  expect(status).toBe(201);
  expect((await step("advance")).status).toBe(200);
}

async function until(what: string, done: () => Promise<boolean>): Promise<Shown> {
  for (const endMs = Date.now() + WAIT_MS_MAX; Date.now() < endMs; await delay(100)) {
    if (await done()) return shown();
  }
  throw new Error(`${what}: not within ${WAIT_MS_MAX} ms`);
}

/** Sends decisions for this many cards, as the decisions service does. */
async function decide(count: number, change: Omit<Partial<Decision>, "trial"> & { trial?: ModelTrial }): Promise<void> {
  const records = Array.from({ length: count }, () => {
    const id = randomUUID().replaceAll("-", "");
    const decision: Decision = {
      ...Decision.decode(new Uint8Array()),
      ...{ transactionId: `txn_${id}`, clientTransactionId: id, tenant: "acme", cardToken: `ct_${id}` },
      ...{ outcome: Outcome.APPROVE, rung: Rung.MODEL, score: 0.01, policyVersion: "1+policy" },
      acceptedAtMs: Date.now() - 10,
      decidedAtMs: Date.now(),
      ...change,
    };
    const value = Decision.encode(decision).finish();
    return { topic: TOPICS.decisions.name, key: decision.cardToken, value, headers: {} };
  });
  await producer.send(records);
}
const trialOf = (trialRole: TrialRole): ModelTrial => ({
  ...{ trialRole, candidateVersion: candidate, candidateScore: 0.01, championScore: 0.01, candidateMissing: "" },
});

/** Canary traffic in which the candidate behaves like the champion. */
async function playCanary(): Promise<void> {
  await decide(10, { modelVersion: candidate, trial: trialOf(TrialRole.CANARY) });
  await decide(60, { modelVersion: champion, trial: trialOf(TrialRole.CONTROL) });
}

test("regression #24: the monitoring time of a step excludes outages of control", async () => {
  await startCanary({ auto: true, step_seconds: 1_800 });
  await until("a look", async () => (await shown()).findings.length > 0);
  // Simulates an instance that starts after control was down for an hour.
  await database.execute(
    `UPDATE control.rollouts SET changed_at = changed_at - interval '1 hour', watched_at = watched_at - interval '1 hour'
     WHERE stage = 'canary'`,
    [],
  );
  const another = await bed.startAnother();
  for (let time = 0; time < 3; time += 1) {
    await playCanary();
    await delay(LOOKS_MS / 2);
  }
  expect((await shown()).findings.filter(({ is_judged: isJudged }) => isJudged)).toHaveLength(4);
  expect(await shown()).toMatchObject({ stage: "canary", canary_percent: 1 });
  await another.close();
});

test("regression #24: rolls back a promoted champion that declines more than the previous one", async () => {
  await startCanary();
  await until("a measure of the champion", async () => {
    await playCanary();
    const sql = "SELECT rollout_id FROM control.rollouts WHERE champion_measure IS NOT NULL AND stage = 'canary'";
    return (await database.execute(sql, [])) > 0;
  });
  expect((await step("promote")).body).toMatchObject({ stage: "champion" });
  const change = { modelVersion: candidate, decidedAtMs: Date.now() + 1_000 };
  await delay(LOOKS_MS);
  await decide(60, change);
  await delay(LOOKS_MS);
  expect(await shown()).toMatchObject({ stage: "champion" });
  // The decisions of another policy say nothing about the model.
  await decide(60, { ...change, policyVersion: "2+stricter", outcome: Outcome.DECLINE });
  await delay(LOOKS_MS);
  expect(await shown()).toMatchObject({ stage: "champion" });
  const over = await until("a rollback", async () => {
    await decide(60, { ...change, outcome: Outcome.DECLINE });
    const { stage, is_registry_pending: isPending } = await shown();
    return stage === "rolled-back" && !isPending;
  });
  expect(over).toMatchObject({
    changed_by: "guard",
    why: expect.stringMatching(
      /^after the promotion, outcomes: the outcome decline: \d+\.\d % for \d+ cards since then, 0\.0 %/,
    ),
  });
  expect(await registry.aliasTarget("fraud", "champion")).toBe(champion);
  expect(
    (await registry.history("fraud")).find(({ by, alias }) => by === "guard" && alias === "champion"),
  ).toMatchObject({
    from: candidate,
    to: champion,
    is_rollback: true,
  });
});

test("regression #24: a rollback while the registry is unavailable moves the aliases once it is available again", async () => {
  await startCanary();
  await registry.setAlias("fraud", "champion", candidate);
  const models = fileURLToPath(`${registryUrl}/models`);
  await rename(models, `${models}-away`);
  try {
    expect((await step("rollback")).body).toMatchObject({ stage: "rolled-back", is_registry_pending: true });
    await delay(LOOKS_MS);
    expect(await shown()).toMatchObject({ is_registry_pending: true });
  } finally {
    await rename(`${models}-away`, models);
  }
  await until("the aliases", async () => !(await shown()).is_registry_pending);
  expect(await registry.aliasTarget("fraud", "champion")).toBe(champion);
  expect(await registry.aliasTarget("fraud", "candidate")).toBe(champion);
  expect(await bed.as("ann").get("/v1/rollouts/fraud")).toMatchObject({ status: 403 });
});

/** Stores reviews from two days ago, and labels that arrive now. */
async function storeAlerts(
  state: RolloutState,
  from: number,
  to: number,
  isFraud: (role: TrialRole, at: number) => boolean,
) {
  const alerts = new AlertStore(database);
  const decidedAtMs = Date.now() - 2 * 86_400_000;
  for (let at = from; at < to; at += 1) {
    for (const role of [TrialRole.CANARY, TrialRole.CONTROL]) {
      const names = { tenant: "acme", clientTransactionId: `old-${role}-${at}` };
      const cardToken = cardOf(state.rolloutId, role, `${role}-${at}`);
      const rest = { decidedAtMs, outcome: Outcome.REVIEW, rung: Rung.MODEL, trial: trialOf(role) };
      alerts.add(state, { ...Decision.decode(new Uint8Array()), ...names, cardToken, ...rest });
      alerts.label({ ...Label.decode(new Uint8Array()), ...names, fraud: isFraud(role, at) });
    }
  }
  await alerts.store([state], Date.now());
}

test("gets more than 5 % of the cards only after enough mature labels, and is rolled back if they are bad", async () => {
  const guards = { mature_labels_min: 30, label_days: 1, labels_min: 20 };
  await startCanary({ auto: true, step_seconds: 0, steps_percent: [5, 50], guards });
  const judged = async () => (await shown()).findings.filter(({ is_judged: isJudged }) => isJudged).length >= 4;
  await until("findings", async () => {
    await playCanary();
    return judged();
  });
  const rejected = { status: 409, body: { code: "rollout-conflict", detail: expect.stringContaining("at most 5 %") } };
  expect(await step("advance")).toMatchObject(rejected);
  expect(await step("promote")).toMatchObject(rejected);
  const { id: rolloutId, canary_percent: percent } = await shown();
  expect(percent).toBe(5);

  const plan = rolloutPlan.parse({ guards });
  const versions = { candidateVersion: candidate, championVersion: champion };
  const state = { rolloutId, stage: "canary", canaryBasisPoints: 500, ...versions, plan } as RolloutState;
  await storeAlerts(state, 0, 30, (_role, at) => at % 2 === 0);
  expect(await new AlertStore(database).matureLabels(state)).toBe(30);
  const grown = await until("a larger share", async () => {
    await playCanary();
    return (await shown()).canary_percent === 50;
  });
  expect(grown).toMatchObject({ stage: "canary", changed_by: "guard" });

  await storeAlerts(state, 30, 130, (role) => role === TrialRole.CONTROL);
  const over = await until("a rollback", async () => (await shown()).stage === "rolled-back");
  expect(over.changed_by).toBe("guard");
  expect(over.why).toMatch(/^precision: genuine payments among those not approved: 8\d\.\d % of 130 labelled/);
  await until("deleted alerts", async () => {
    const rows = await database.query(z.object({}), "SELECT 1 FROM control.rollout_alerts WHERE rollout_id = $1", [
      rolloutId,
    ]);
    return rows.length === 0;
  });
});

test("an alert without a report counts as genuine once it is mature, unless it was declined or genuine payments get labels", async () => {
  await startCanary();
  const { id: rolloutId } = await shown();
  const plan = rolloutPlan.parse({ guards: { label_days: 1 } });
  const state = {
    rolloutId,
    stage: "canary",
    canaryBasisPoints: 500,
    candidateVersion: candidate,
    plan,
  } as RolloutState;
  const alerts = new AlertStore(database);
  const add = (name: string, daysAgo: number, outcome: Outcome, fraud?: boolean): void => {
    const names = { tenant: "acme", clientTransactionId: `${rolloutId}-${name}` };
    const cardToken = cardOf(rolloutId, TrialRole.CANARY, name);
    const rest = { outcome, decidedAtMs: Date.now() - daysAgo * 86_400_000, trial: trialOf(TrialRole.CANARY) };
    alerts.add(state, { ...Decision.decode(new Uint8Array()), ...names, cardToken, ...rest });
    if (fraud !== undefined) alerts.label({ ...Label.decode(new Uint8Array()), ...names, fraud });
  };
  for (let at = 0; at < 10; at += 1) add(`challenged-${at}`, 2, Outcome.CHALLENGE);
  add("declined", 2, Outcome.DECLINE);
  add("young", 0, Outcome.CHALLENGE);
  await alerts.store([state], Date.now());
  // Without any reports, an alert without a label does not count as genuine.
  expect((await alerts.verdictsOf(state)).alerts).toEqual([]);
  add("reported", 0, Outcome.CHALLENGE, true);
  await alerts.store([state], Date.now() + 60_000);
  const { alerts: found, matureLabels } = await alerts.verdictsOf(state);
  expect([found.filter(({ isFraud }) => isFraud).length, found.length, matureLabels]).toEqual([1, 11, 10]);
});

test("regression #31: an alert without a label does not count as genuine if labels had to be dropped", async () => {
  await startCanary();
  const { id: rolloutId } = await shown();
  const plan = rolloutPlan.parse({ guards: { label_days: 1 } });
  const versions = { candidateVersion: candidate, championVersion: champion };
  const state = { rolloutId, stage: "canary", canaryBasisPoints: 500, ...versions, plan } as RolloutState;
  const alerts = new AlertStore(database);
  const add = (name: string, daysAgo: number): void => {
    const names = { tenant: "acme", clientTransactionId: `${rolloutId}-${name}` };
    const cardToken = cardOf(rolloutId, TrialRole.CANARY, name);
    const decidedAtMs = Date.now() - daysAgo * 86_400_000;
    const rest = { decidedAtMs, outcome: Outcome.CHALLENGE, trial: trialOf(TrialRole.CANARY) };
    alerts.add(state, { ...Decision.decode(new Uint8Array()), ...names, cardToken, ...rest });
  };
  const label = (name: string): void => {
    const names = { tenant: "acme", clientTransactionId: `${rolloutId}-${name}` };
    alerts.label({ ...Label.decode(new Uint8Array()), ...names, fraud: true });
  };
  for (const name of ["lost", "known"]) add(name, 2);
  label("known");
  for (let at = 0; at < 100_000; at += 1) label(`other-${at}`);
  label("lost");
  await alerts.store([state], Date.now());
  add("young", 0);
  label("young");
  await alerts.store([state], Date.now() + 60_000);
  expect((await alerts.verdictsOf(state)).alerts).toEqual([
    { isCandidate: true, isFraud: true },
    { isCandidate: true, isFraud: true },
  ]);
});
