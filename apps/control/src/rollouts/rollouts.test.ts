import { randomUUID } from "node:crypto";
import { rename } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ModelTrial } from "@tripline/contracts/generated/tripline/events/v1/events";
import {
  Decision,
  Outcome,
  Rollout,
  RolloutStage,
  Rung,
  TrialRole,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES, TOPICS } from "@tripline/contracts/topics";
import type { EventProducer, FollowedTable } from "@tripline/kafka/port";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { publication, temporaryRegistry } from "@tripline/model-registry/testing/publications";
import { z } from "zod";
import { cardOf } from "../testing/card-of.js";
import type { TestBed, TestCaller } from "../testing/test-bed.js";
import { OPERATOR_TENANT, startTestBed } from "../testing/test-bed.js";

const SCOPES = "models:read models:write";
/** Much longer than a step takes on any machine. */
const WAIT_MS_MAX = 120_000;

let bed: TestBed;
let caller: TestCaller;
let registry: RecordingRegistry;
let producer: EventProducer;
let table: FollowedTable;
let registryUrl: string;
let removeRegistry: () => Promise<void>;
let champion: string;
let candidate: string;
/** The rollouts that decisions would receive, by model. */
const received = new Map<string, Rollout>();

beforeAll(async () => {
  const files = await temporaryRegistry();
  registryUrl = files.url;
  removeRegistry = files.remove;
  registry = openRegistry(files.url);
  champion = (await registry.publish(publication("champion"))).version;
  candidate = (await registry.publish(publication("candidate"))).version;
  bed = await startTestBed({ REGISTRY_URL: files.url });
  caller = bed.as("ann", { tenant: OPERATOR_TENANT, scope: SCOPES });
  producer = await bed.kafka.producer();
  table = await bed.kafka.follow({
    topic: TABLES.rollouts.name,
    group: "test-rollouts",
    apply: (changes) => {
      for (const { key, value } of changes) received.set(key, Rollout.decode(value ?? Buffer.of()));
    },
    onStop: () => {},
  });
  await table.ready;
});

afterAll(async () => {
  await table.close();
  await producer.close();
  await bed.close();
  await removeRegistry();
});

beforeEach(async () => {
  await registry.setAlias("fraud", "champion", champion);
  await registry.setAlias("fraud", "candidate", champion);
});
afterEach(async () => {
  await caller.send("POST", "/v1/rollouts/fraud/rollback", {});
});

async function until<T>(what: string, ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const endMs = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (Date.now() > endMs) throw new Error(`${what}: not within ${WAIT_MS_MAX} ms`);
    await delay(50);
  }
}

interface Shown {
  readonly id: string;
  readonly stage: string;
  readonly canary_percent: number;
  readonly changed_by: string;
  readonly why: string;
  readonly revision: number;
  readonly steps: readonly { readonly step: string; readonly actor: string; readonly why: string }[];
  readonly findings: readonly { readonly guard: string; readonly is_judged: boolean }[];
}

const shown = async () => (await caller.get("/v1/rollouts/fraud")).body as Shown;
/** The payments of these tests get no labels. */
const guards = { mature_labels_min: 0 };
const start = (plan: object = {}) =>
  caller.send("POST", "/v1/rollouts", {
    ...{ model: "fraud", candidate, why: "trained on newer weeks", guards, without_comparison: true },
    ...plan,
  });

type Change = Omit<Partial<Decision>, "trial"> & { readonly trial?: Partial<ModelTrial> };

/** Decisions as the decisions service publishes them. */
async function decide(role: TrialRole, count: number, change: Change) {
  const { id: rolloutId } = await shown();
  const records = Array.from({ length: count }, () => {
    const id = randomUUID().replaceAll("-", "");
    const decision: Decision = {
      ...Decision.decode(new Uint8Array()),
      transactionId: `txn_${id}`,
      clientTransactionId: id,
      tenant: "acme",
      cardToken: cardOf(rolloutId, role, id),
      outcome: Outcome.APPROVE,
      rung: Rung.MODEL,
      score: 0.01,
      acceptedAtMs: Date.now() - 10,
      decidedAtMs: Date.now(),
      ...change,
      trial: {
        trialRole: role,
        candidateVersion: candidate,
        candidateScore: 0.01,
        championScore: 0.01,
        candidateMissing: "",
        ...change.trial,
      },
    };
    return {
      topic: TOPICS.decisions.name,
      key: decision.cardToken,
      value: Decision.encode(decision).finish(),
      headers: {},
    };
  });
  await producer.send(records);
}

/** Sends live traffic until `done`: payments of both arms, with the given candidate results. */
async function play<T>(change: Change, done: () => Promise<T | undefined>): Promise<T> {
  return until("an end of the traffic", async () => {
    await decide(TrialRole.CANARY, 5, change);
    await decide(TrialRole.CONTROL, 50, {});
    return done();
  });
}

/** Shadow traffic, so that the guard sees that scoring has loaded the candidate. */
const warmUp = (done: () => Promise<Shown | undefined>) =>
  until("the candidate served", async () => {
    await decide(TrialRole.SHADOW, 20, {});
    return done();
  });
const inCanary = async () => {
  const now = await shown();
  return now.stage === "canary" ? now : undefined;
};
const isOver = async () => {
  const now = await shown();
  return now.stage === "rolled-back" ? now : undefined;
};

test("a user promotes a rollout from shadow to champion; each step is published and recorded", async () => {
  const { status, body } = await start();
  expect(status).toBe(201);
  expect(body).toMatchObject({
    stage: "shadow",
    shadow_percent: 100,
    canary_percent: 0,
    candidate,
    champion,
    changed_by: "ann",
    plan: { steps_percent: [1, 5, 25, 50], auto: false },
  });
  expect(await registry.aliasTarget("fraud", "candidate")).toBe(candidate);
  await until("shadow received", () => (received.get("fraud")?.stage === RolloutStage.SHADOW ? true : undefined));

  for (const percent of [1, 5, 25, 50]) {
    const { body: after } = await caller.send("POST", "/v1/rollouts/fraud/advance", { why: "looks good" });
    expect(after).toMatchObject({ stage: "canary", canary_percent: percent, shadow_percent: 0 });
  }
  expect((await caller.send("POST", "/v1/rollouts/fraud/hold")).body).toMatchObject({ is_held: true });
  expect((await caller.send("POST", "/v1/rollouts/fraud/promote", { why: "done" })).body).toMatchObject({
    stage: "champion",
    is_held: false,
    steps: ["start", "advance", "advance", "advance", "advance", "hold", "promote"].map((step) => ({
      step,
      actor: "ann",
    })),
  });
  expect(await registry.aliasTarget("fraud", "champion")).toBe(candidate);
  expect((await registry.history("fraud")).at(-1)).toMatchObject({ alias: "champion", by: "ann", why: "done" });
  const rollout = await until("promotion received", () => {
    const one = received.get("fraud");
    return one?.stage === RolloutStage.CHAMPION ? one : undefined;
  });
  expect(rollout).toMatchObject({ canaryBasisPoints: 0, revision: 7, candidateVersion: candidate });
});

test("a canary waits until scoring has the candidate, and a rollback restores the alias", async () => {
  await start({ begin_with: "canary" });
  // Scoring does not have the candidate yet: the guard checks these payments, but the canary does not begin.
  const trial = { candidateScore: undefined, candidateMissing: "scoring rejected the request (NOT_FOUND)" };
  await decide(TrialRole.SHADOW, 20, { trial });
  const before = await until("a look", async () => ((await shown()).findings.length > 0 ? shown() : undefined));
  expect(before.stage).toBe("shadow");
  expect(await warmUp(inCanary)).toMatchObject({
    canary_percent: 1,
    changed_by: "guard",
    why: "scoring serves the candidate",
  });
  const { body } = await caller.send("POST", "/v1/rollouts/fraud/rollback", { why: "changed my mind" });
  expect(body).toMatchObject({ stage: "rolled-back", canary_percent: 0, changed_by: "ann" });
  expect(await registry.aliasTarget("fraud", "candidate")).toBe(champion);
  await until("rollback received", () =>
    received.get("fraud")?.stage === RolloutStage.ROLLED_BACK ? true : undefined,
  );
});

test("a rollback undoes a promotion that was interrupted after the alias was moved, without the registry", async () => {
  await start();
  await registry.setAlias("fraud", "champion", candidate);
  expect((await caller.send("POST", "/v1/rollouts/fraud/rollback", { why: "cut off" })).status).toBe(200);
  expect(await registry.aliasTarget("fraud", "champion")).toBe(champion);
  expect((await registry.history("fraud")).slice(-2)).toMatchObject(
    ["champion", "candidate"].map((alias) => ({ alias, from: candidate, to: champion, by: "ann", why: "cut off" })),
  );
  await start();
  const models = fileURLToPath(`${registryUrl}/models`);
  await rename(models, `${models}-away`);
  try {
    const { status, body } = await caller.send("POST", "/v1/rollouts/fraud/rollback", {});
    expect([status, body]).toMatchObject([200, { stage: "rolled-back" }]);
  } finally {
    await rename(`${models}-away`, models);
  }
});

describe("the guard rolls back a breach, and gives the reason", () => {
  test.each<[string, Change, RegExp]>([
    [
      "more declines",
      { outcome: Outcome.DECLINE, score: 0.9, trial: { candidateScore: 0.9 } },
      /^(outcomes: the outcome decline: \d+ of \d+ cards are the candidate's|score-distribution: )/,
    ],
    [
      "missing scores",
      { trial: { candidateScore: undefined, candidateMissing: "scoring did not respond within 250 ms" } },
      /^scores-missing: payments without a score: 100\.0 % for \d+ cards of the candidate, 0\.0 % for/,
    ],
  ])("%s", async (_name, change, why) => {
    await start({ begin_with: "canary", auto: true, step_seconds: 3_600 });
    await warmUp(inCanary);
    const over = await play(change, isOver);
    expect(over).toMatchObject({ changed_by: "guard", why: expect.stringMatching(why) });
    expect(over.steps.map(({ step, actor }) => `${step} ${actor}`)).toEqual([
      "start ann",
      "advance guard",
      "rollback guard",
    ]);
    expect(await registry.aliasTarget("fraud", "champion")).toBe(champion);
  });
});

test("promotes a good candidate automatically unless it is on hold, and makes each step once across two instances", async () => {
  await bed.startAnother();
  await start({ auto: true, shadow_seconds: 0, step_seconds: 0, steps_percent: [1, 50] });
  await caller.send("POST", "/v1/rollouts/fraud/hold", {});
  for (let second = 0; second < 3; second += 1) {
    await decide(TrialRole.SHADOW, 20, {});
    await delay(1_000);
  }
  expect((await shown()).stage).toBe("shadow");
  await caller.send("POST", "/v1/rollouts/fraud/resume", {});
  await warmUp(inCanary);
  const over = await play({}, async () => {
    const now = await shown();
    return now.stage === "champion" ? now : undefined;
  });
  expect(over.steps.map(({ step, actor }) => `${step} ${actor}`)).toEqual([
    ...["start ann", "hold ann", "resume ann", "advance guard", "advance guard", "advance guard"],
  ]);
  expect(await registry.aliasTarget("fraud", "champion")).toBe(candidate);
  const auditor = bed.as("auditor", { tenant: OPERATOR_TENANT, scope: "audit:read" });
  const audited = z.object({
    entries: z.array(z.object({ action: z.string(), actor: z.string(), actor_kind: z.string() })),
  });
  const entries = await play({}, async () => {
    const found = audited.parse((await auditor.get("/v1/audit?tenant=&subject=fraud&limit=6")).body).entries;
    return found.filter(({ action }) => action === "rollout-advance").length === 3 ? found : undefined;
  });
  expect(entries.map(({ action, actor, actor_kind: kind }) => `${action} ${kind} ${actor}`).reverse()).toEqual([
    ...["rollout-start person ann", "rollout-hold person ann", "rollout-resume person ann"],
    ...["rollout-advance service guard", "rollout-advance service guard", "rollout-advance service guard"],
  ]);
});

describe("the rollouts API rejects", () => {
  const stranger = () => bed.as("eve", { tenant: "acme", scope: SCOPES });
  const guard = () => bed.as("guard", { tenant: OPERATOR_TENANT, scope: SCOPES });
  const reader = () => bed.as("bob", { tenant: OPERATOR_TENANT, scope: "models:read" });

  test.each<[string, () => ReturnType<TestCaller["get"]>, number, string]>([
    ["another tenant's client", () => stranger().get("/v1/rollouts/fraud"), 403, "tenant-foreign"],
    ["a client named like the guard", () => guard().get("/v1/rollouts/fraud"), 403, "tenant-foreign"],
    [
      "a client that may only read",
      () => reader().send("POST", "/v1/rollouts/fraud/rollback", {}),
      403,
      "scope-missing",
    ],
    ["a model that was never rolled out", () => caller.get("/v1/rollouts/other"), 404, "rollout-not-found"],
    ["a version that does not exist", () => start({ candidate: "000000000000" }), 404, "model-not-found"],
    ["the champion itself", () => start({ candidate: "champion" }), 409, "rollout-conflict"],
    ["decreasing steps", () => start({ steps_percent: [5, 1] }), 422, "invalid-field"],
    ["a first step without the labels for it", () => start({ steps_percent: [10], guards: {} }), 422, "invalid-field"],
    ["an unknown field", () => start({ percent: 5 }), 422, "invalid-field"],
  ])("%s", async (_name, call, status, code) => {
    expect(await call()).toMatchObject({ status, body: { code } });
  });

  test("a candidate for another feature spec, a second rollout, a step from an older revision, a step after the end", async () => {
    const other = await registry.publish(publication("other spec", { feature_spec_version: 2 }));
    expect(await start({ candidate: other.version })).toMatchObject({ status: 409, body: { code: "spec-mismatch" } });
    await start();
    expect(await start()).toMatchObject({ status: 409, body: { code: "rollout-conflict" } });
    const step = (name: string, body: object) => caller.send("POST", `/v1/rollouts/fraud/${name}`, body);
    await step("advance", { expect_revision: 1 });
    expect(await step("advance", { expect_revision: 1 })).toMatchObject({ status: 409 });
    expect(await step("rollback", {})).toMatchObject({ status: 200 });
    expect(await step("promote", {})).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining("has ended") },
    });
  });

  test("a promotion after the champion alias was moved, and keeps the rollout open", async () => {
    await start();
    const third = await registry.publish(publication("third"));
    await registry.setAlias("fraud", "champion", third.version);
    const { status } = await caller.send("POST", "/v1/rollouts/fraud/promote", {});
    expect(status).toBe(503);
    expect((await shown()).stage).toBe("shadow");
  });
});

test("a rollout says what the candidate would save, if it was compared with this champion", async () => {
  const compared = (against: string, money: object | null) =>
    publication(`compared with ${against} ${JSON.stringify(money)}`, {
      metrics: { retrain: { champion: against, money } },
    });
  const saves = "It saves 12.00 EUR per day.";
  for (const [given, offline] of [
    [compared(champion, { sentence: saves }), { champion, is_as_good: false, money: saves }],
    [compared(champion, null), { champion, is_as_good: false, money: null }],
    [compared("0123456789ab", { sentence: saves }), null],
  ] as const) {
    const { version } = await registry.publish(given);
    await start({ candidate: version });
    expect((await caller.get("/v1/rollouts/fraud")).body).toMatchObject({ offline });
    await caller.send("POST", "/v1/rollouts/fraud/rollback", {});
  }
});
