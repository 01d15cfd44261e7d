import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadState } from "@tripline/backfill/states/load-state";
import { writeSnapshot } from "@tripline/backfill/states/state-snapshot";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { compileEngine } from "@tripline/feature-engine/apply/compile-engine";
import { preparePayment } from "@tripline/ingestion/intake/prepare-event";
import { testStack } from "@tripline/local-stack/testing/stack";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { DAY_MS } from "@tripline/simulator/payment-times";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { paymentBody } from "@tripline/system/client/tripline-client";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import { Redis } from "ioredis";
import { readValkeyMemory } from "../../harness/read-valkey-memory.js";
import type { World } from "./prepare-world.js";
import { PaymentReplicas } from "./replicate-payments.js";
import { copyStates, estimateBytes, findOriginals, requireMemory } from "./replicate-states.js";

const START_MS = Date.UTC(2025, 0, 6);
const SIMULATION = { seed: 1, cards: 100, terminals: 20, startMs: START_MS };
const REPLICAS = 3;
const UNNAMED = "unnamed";
const engine = compileEngine(currentFeatureSpec());

let folder: string;
let world: World;
let redis: Redis;
let history: SimulatedPayment[];

/** Keys of the states that a payment changes, as ingestion and the features service compute them. */
function keysOf(payment: SimulatedPayment): string[] {
  const cardTokenKey = Buffer.from(demoSecrets(world.secretsFile).cardTokenKey, "base64");
  const rules = { cardTokenKey, eventAgeDaysMax: 10_000 };
  const { value } = preparePayment(paymentBody(payment), DEMO_TENANT, Date.now(), rules);
  return engine.stateKeys(DEMO_TENANT, Transaction.decode(value)).filter((key) => key !== undefined);
}

function* paymentsOf(days: number): Generator<SimulatedPayment> {
  for (const payment of createSimulation(SIMULATION)) {
    if (payment.occurredAtMs >= START_MS + days * DAY_MS) return;
    yield payment;
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "replicate-states-"));
  world = {
    simulation: SIMULATION,
    historyEndMs: START_MS + 2 * DAY_MS,
    statePath: join(folder, "state.bin"),
    profilesPath: join(folder, "profiles"),
    secretsFile: join(folder, "secrets.json"),
    registryUrl: "",
    version: "1",
    fromCache: true,
  };
  history = [...paymentsOf(2)];
  const [card] = engine.entities;
  const unnamed = engine.stateKeys(DEMO_TENANT, { cardToken: UNNAMED, terminalId: "", deviceToken: "", ipToken: "" });
  expect(card?.key).toBe("card_token");
  const keys = new Set([...history.flatMap(keysOf), ...unnamed.filter((key) => key !== undefined)]);
  const entries = [...keys].map((key) => [key, randomBytes(200 + (key.length % 7))] as const);
  await writeSnapshot(world.statePath, engine, entries.length, entries);
  const { redisUrl } = await testStack();
  await loadState({ statePath: world.statePath, redisUrl });
  redis = new Redis(redisUrl);
});

afterAll(async () => {
  redis.disconnect();
  await rm(folder, { recursive: true });
});

test("a replica's payments have the original's states, with the same time to live", async () => {
  const replicas = new PaymentReplicas(SIMULATION, REPLICAS);
  const { states, unnamed } = await findOriginals(world, replicas);
  expect(unnamed).toBe(1);
  const before = await readValkeyMemory(redis);
  const logged: string[] = [];
  const copies = await copyStates({ redis, states, replicas: REPLICAS, log: (line) => logged.push(line) });
  expect(copies).toBe(states.length * (REPLICAS - 1));
  expect((await readValkeyMemory(redis)).keys).toBe(before.keys + copies);
  for (const payment of history) {
    const originals = keysOf(payment);
    for (let replica = 1; replica < REPLICAS; replica += 1) {
      const keys = keysOf(replicas.payment(payment, replica));
      // The terminal, and an issuer there, which replicas share.
      expect(keys.filter((key) => originals.includes(key))).toHaveLength(2);
      const values = await redis.mgetBuffer(keys);
      expect(values).not.toContain(null);
      expect(values).toEqual(await redis.mgetBuffer(originals));
    }
  }
  const [own, copied] = [states[0]?.key ?? "", states[0]?.keyOf(2) ?? ""];
  expect(Math.abs((await redis.ttl(own)) - (await redis.ttl(copied)))).toBeLessThanOrEqual(1);
  expect(await redis.ttl(copied)).toBeGreaterThan(0);
});

test("rejects a copy that already exists", async () => {
  const { states } = await findOriginals(world, new PaymentReplicas(SIMULATION, REPLICAS));
  const plan = { redis, states: states.slice(0, 3), replicas: REPLICAS, log: () => {} };
  await redis.del(...plan.states.flatMap(({ keyOf }) => [keyOf(1), keyOf(2)]));
  await copyStates(plan);
  await expect(copyStates(plan)).rejects.toThrow("3 of 3 states could not be copied");
});

test("estimates the memory of copies slightly above their size in bytes", async () => {
  const { states } = await findOriginals(world, new PaymentReplicas(SIMULATION, 11));
  const bytes = await estimateBytes(redis, states, 11);
  expect(bytes).toBeGreaterThan(states.length * 10 * 200);
  expect(bytes).toBeLessThan(states.length * 10 * 600);
});

test("rejects copies that do not fit into memory", () => {
  const cards = 5_000_000;
  expect(() => requireMemory({ cards, bytes: 8e9, freeBytes: 8.5e9 })).toThrow(
    "--cards: the states of 5000000 cards require 9.1 GB of memory, but this machine has only 8.5 GB free.",
  );
  requireMemory({ cards, bytes: 8e9, freeBytes: 9.5e9 });
});
