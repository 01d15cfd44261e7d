import type { ChildProcess } from "node:child_process";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { checkParity } from "@tripline/backfill/compare/check-parity";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { FeatureVector, Label, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { EntityState } from "@tripline/feature-engine/state/entity-state";
import type { LocalStack } from "@tripline/local-stack/servers/start-stack";
import { startStack } from "@tripline/local-stack/servers/start-stack";
import { makeTestDirectory } from "@tripline/local-stack/testing/directory";
import { pauseProcess } from "@tripline/local-stack/testing/pause-process";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { eventsFrom } from "@tripline/simulator/merge-labels";
import type { KnownPayment } from "@tripline/system/client/payment";
import type { ApiDecision } from "@tripline/system/client/tripline-client";
import { awaitArchive } from "@tripline/system/ledger/await-archive";
import { awaitLedger, readTopic } from "@tripline/system/ledger/ledger";
import { replay } from "@tripline/system/replay/replay";
import { planSnapshots } from "@tripline/system/services/plan-snapshots";
import { ROOT } from "@tripline/system/services/workspace";
import { Redis } from "ioredis";
import { buildPayment } from "../support/build-payment.js";
import type { InProcessSystem, ProgramName } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { paymentId } from "../support/payment-id.js";
import { testModel } from "../support/test-model.js";

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2025, 2, 3);
const [SNAPSHOT_MS, LOSS_MS] = [START_MS + 6 * HOUR_MS, START_MS + 10 * HOUR_MS];
const [RESTORE_MS, RESTORED_MS, END_MS] = [14, 16, 26].map((hours) => START_MS + hours * HOUR_MS) as [
  number,
  number,
  number,
];
/**
 * Much longer than any response takes while Redis hangs, and much shorter than a caller without a response would wait.
 */
const ANSWER_MS_MAX = 60_000;
const WAIT_MS_MAX = 120_000;

const lake = mkdtempSync(join(tmpdir(), "tripline-lose-redis-"));
const directory = makeTestDirectory();
const simulation = createSimulation({ seed: 17, cards: 150, terminals: 60, startMs: START_MS - 20 * 24 * HOUR_MS });
const accepted = new Set<string>();
let redis: LocalStack;
let system: InProcessSystem;

beforeAll(async () => {
  const { registryUrl } = await testModel();
  redis = await startStack({ directory, parts: ["redis"], endOnSignals: false, isDurable: false });
  system = await startInProcess({ registryUrl, lakeDirectory: lake, redisUrl: redis.redisUrl });
});

afterAll(async () => {
  await system?.close();
  await redis?.stop();
  rmSync(lake, { recursive: true, force: true });
  rmSync(directory, { recursive: true, force: true });
});

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS_MAX;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${WAIT_MS_MAX} ms: ${what}`);
    await delay(20);
  }
}

const answered = <T>(work: Promise<T>): Promise<T> =>
  Promise.race([
    work,
    delay(ANSWER_MS_MAX, undefined, { ref: false }).then(() => {
      throw new Error(`no response within ${ANSWER_MS_MAX} ms`);
    }),
  ]);

async function untilReady(): Promise<void> {
  const users: readonly ProgramName[] = ["ingestion", "features", "decisions"];
  for (const name of users) await until(() => system.isReady(name), `${name} is ready`);
}

async function vectors(): Promise<FeatureVector[]> {
  const found: FeatureVector[] = [];
  await readTopic(system.kafka, TOPICS.features.name, ({ value }) => void found.push(FeatureVector.decode(value)));
  return found;
}

test("ingestion reports an unresponsive Redis within bounded time, and accepted payments are decided once Redis responds", async () => {
  const { client } = system;
  await client.send(buildPayment(), 10);
  const admin = new Redis(redis.redisUrl);
  const pid = Number(/^process_id:(\d+)/m.exec(await admin.info("server"))?.[1]);
  admin.disconnect();
  const first = Array.from({ length: 80 }, () => buildPayment());
  const given = await Promise.all(first.map((payment) => client.send(payment, 0)));
  await pauseProcess(pid);
  const refused: KnownPayment[] = [];
  try {
    expect(given.map(({ status }) => status)).toEqual(first.map(() => 202));
    for (const payment of first) accepted.add(paymentId(payment));
    await until(async () => !(await answered(system.isReady("features"))), "features says that it is not ready");
    // Several rounds, so that requests waiting for Redis would accumulate.
    for (let round = 0; round < 4; round += 1) {
      const payments = Array.from({ length: 10 }, () => buildPayment());
      const results = await answered(Promise.all(payments.map((payment) => client.send(payment, 2))));
      expect(results.map(({ status, code }) => `${status} ${code}`)).toEqual(
        payments.map(() => "503 redis-unavailable"),
      );
      refused.push(...payments);
    }
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await untilReady();
  const decisions = await client.decideAll([...first, ...refused], 10);
  expect(decisions).toHaveLength(first.length + refused.length);
  for (const payment of refused) accepted.add(paymentId(payment));
  const ledger = await awaitLedger(system.kafka, accepted);
  expect(ledger).toMatchObject({ accepted: accepted.size, decided: accepted.size, lost: [], contradicted: [] });
  const found = await vectors();
  expect(found.filter(({ incomplete }) => incomplete)).toEqual([]);
  expect(new Set(found.map((vector) => JSON.stringify(vector))).size).toBe(accepted.size + 1);
});

describe("when Redis comes back empty", () => {
  /** Sends the events of a period in event-time order. */
  async function play(fromMs: number, toMs: number) {
    const payments: KnownPayment[] = [];
    const labelled: KnownPayment[] = [];
    for (const { kind, atMs, payment } of eventsFrom(simulation, fromMs)) {
      if (atMs >= toMs) break;
      (kind === "label" ? labelled : payments).push(payment);
    }
    const decisions: ApiDecision[] = [];
    const onDecision = (_payment: KnownPayment, decision: ApiDecision) => void decisions.push(decision);
    await replay({ client: system.client, payments, labelled, fromMs, toMs, onDecision });
    for (const payment of payments) accepted.add(paymentId(payment));
    return { decisions, events: payments.length + labelled.length };
  }

  /** The vectors that the engine computes from all payments and labels in event-time order, by payment. */
  async function undisturbed(): Promise<ReadonlyMap<string, readonly number[]>> {
    const events: ({ atMs: number } & ({ label: Label } | { transaction: Transaction }))[] = [];
    await readTopic(system.kafka, TOPICS.labels.name, ({ value }) => {
      const label = Label.decode(value);
      events.push({ atMs: label.labelledAtMs, label });
    });
    await readTopic(system.kafka, TOPICS.transactions.name, ({ value }) => {
      const transaction = Transaction.decode(value);
      events.push({ atMs: transaction.occurredAtMs, transaction });
    });
    const engine = compileEngine(currentFeatureSpec());
    const states = new Map<string, EntityState>();
    const statesOf = (fact: Label | Transaction) =>
      engine.stateKeys(fact.tenant, fact).map((key, entity) => {
        if (key === undefined) return undefined;
        const state = states.get(key) ?? engine.decodeState(entity, null);
        states.set(key, state);
        return state;
      });
    const values = new Map<string, readonly number[]>();
    for (const event of events.sort((a, b) => a.atMs - b.atMs || Number("label" in b) - Number("label" in a))) {
      if ("label" in event) engine.applyLabel(statesOf(event.label), event.label);
      else {
        const result = engine.applyPayment(statesOf(event.transaction), event.transaction);
        if (!result.duplicate) values.set(event.transaction.transactionId, result.values);
      }
    }
    return values;
  }

  /** Runs a command as an operator would. @returns its output */
  async function run(name: "snapshot-state"): Promise<string> {
    const { kafkaBrokers, topicPrefix } = system.stack;
    const main = join(ROOT, "apps", "cli", "dist", "main.js");
    const flags = ["--lake", lake, "--kafka", kafkaBrokers.join(","), "--redis", redis.redisUrl];
    const command = [main, name, ...flags, "--topic-prefix", topicPrefix];
    return (await promisify(execFile)(process.execPath, command)).stdout;
  }

  /** Starts the program that restores lost states, as in the demo and in containers. */
  function startWorker(): ChildProcess {
    const { stack } = system;
    const { program = "", environment } = planSnapshots({ ...stack, lakeDirectory: lake });
    const env = { ...process.env, ...environment, KAFKA_TOPIC_PREFIX: stack.topicPrefix, LOG_LEVEL: "silent" };
    return spawn(process.execPath, [join(ROOT, program)], { env, stdio: ["ignore", "ignore", "inherit"] });
  }

  /** What the feature service reports about its states. */
  async function statesNote(): Promise<string> {
    const response = await fetch(`${system.served("features").url}/health/ready`);
    const { checks } = (await response.json()) as { checks: Record<string, string> };
    return checks.window_states ?? "";
  }

  test("decisions are flagged until the states are restored automatically; then nothing is missing", async () => {
    const first = await play(START_MS, SNAPSHOT_MS);
    await awaitArchive(system.kafka, lake);
    await run("snapshot-state");
    const before = await play(SNAPSHOT_MS, LOSS_MS);
    expect(new Set(before.decisions.map(({ rung }) => rung))).toEqual(new Set(["model"]));
    await redis.redis.kill();
    await redis.redis.start();
    await untilReady();

    const { decisions: lost } = await play(LOSS_MS, RESTORE_MS);
    expect(lost.length).toBeGreaterThan(20);
    expect(new Set(lost.map(({ rung, degraded_because: why }) => `${rung}: ${why}`))).toEqual(
      new Set(["static_policy: the window state was lost and is not rebuilt yet"]),
    );
    await until(async () => (await statesNote()).includes("no restore is running"), "features reports the loss");
    const worker = startWorker();
    try {
      const notes = new Set<string>();
      const watching = until(async () => {
        notes.add(await statesNote());
        return notes.has("ok");
      }, "features reports that nothing is lost");
      const during = await play(RESTORE_MS, RESTORED_MS);
      await watching;
      expect([...notes]).toContainEqual(expect.stringMatching(/are being restored: \d+ %/));
      for (const { rung } of during.decisions) expect(["model", "static_policy"]).toContain(rung);
    } finally {
      worker.kill("SIGTERM");
      await once(worker, "exit");
    }

    const after = await play(RESTORED_MS, END_MS);
    expect(new Set(after.decisions.map(({ rung }) => rung))).toEqual(new Set(["model"]));
    const expected = await undisturbed();
    const found = await vectors();
    const skipped = found.filter(({ incomplete }) => incomplete).length;
    expect(skipped).toBeGreaterThanOrEqual(lost.length);
    for (const { transaction, values, incomplete } of found) {
      if (!incomplete) expect(values).toEqual(expected.get(transaction?.transactionId ?? ""));
    }
    const ledger = await awaitLedger(system.kafka, accepted);
    expect(ledger).toMatchObject({ accepted: accepted.size, decided: accepted.size, lost: [], contradicted: [] });
    await awaitArchive(system.kafka, lake);
    const report = await checkParity({ engine: compileEngine(currentFeatureSpec()), lake });
    expect(report).toMatchObject({ mismatches: 0, stuck: 0, skipped });
    expect(report.rows).toBeGreaterThanOrEqual(
      first.decisions.length + before.decisions.length + after.decisions.length,
    );
  });
});
