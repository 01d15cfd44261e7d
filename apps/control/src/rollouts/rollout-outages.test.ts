import { randomUUID } from "node:crypto";
import { rename } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ModelTrial } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Decision, Outcome, Rung, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { EventProducer } from "@tripline/kafka/port";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { publication, temporaryRegistry } from "@tripline/model-registry/testing/publications";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import type { TestBed, TestCaller } from "../testing/test-bed.js";
import { OPERATOR_TENANT, startTestBed } from "../testing/test-bed.js";

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
  const { status } = await caller.send("POST", "/v1/rollouts", { model: "fraud", candidate, why: "newer", ...plan });
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

test("regression #24: the monitoring time of a step excludes an outage of control", async () => {
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

test("regression #24: rolls back a promoted champion that declines more than the former one", async () => {
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

test("regression #24: a rollback while the registry is unavailable moves the aliases once it is back", async () => {
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
