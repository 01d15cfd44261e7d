import { freemem } from "node:os";
import { below, seedRandom } from "@tripline/simulator/seed-random";
import type { Redis } from "ioredis";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import { readValkeyMemory } from "../harness/read-valkey-memory.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Measured } from "../harness/run-contestants.js";
import { ratioOf, samplesOf } from "../harness/run-contestants.js";
import { printNumber, spreadOf } from "../harness/spread.js";
import type { PaymentStream, RequestSource } from "./arrivals/payment-stream.js";
import {
  closedRate,
  loadContestant,
  ROUND_MS,
  SHORT_ROUND_MS,
  sharedSystem,
  streamOn,
  waitSecondsOf,
  warmUp,
} from "./bench-load.js";
import type { BenchSystem } from "./system/read-services.js";
import { prepareWorld, worldCards } from "./world/prepare-world.js";
import { PaymentReplicas } from "./world/replicate-payments.js";
import type { Original } from "./world/replicate-states.js";
import { copyStates, estimateBytes, findOriginals, raiseMemoryLimit, requireMemory } from "./world/replicate-states.js";

const ROUNDS = 5;
const CARDS = 5_000_000;
const SHORT_CARDS = 3_000;
const CLOSED_SHARE = 0.5;
/** A random number stream that the simulation does not use. */
const REPLICA_STREAM = 1_000;
const MB_BYTES = 1e6;

/**
 * Measures whether a decision costs the same with far more cards. The same payments are sent at the same rate, either
 * only with the world's cards, or with random replicas of them, whose states are also in Valkey.
 */
export const cardsPart: BenchPart = {
  name: "cards",
  title: "cost of a decision with the world's cards vs. many times as many cards, at the same rate",
  onlyWhenNamed: true,
  sharesSystem: true,
  async check(context) {
    replicasOf(context);
  },
  run: runCards,
};

/** Number of replicas, including the world itself. @throws BenchError for too few */
function replicasOf({ flags }: BenchContext): number {
  const isShort = flags.short === true;
  const cards = typeof flags.cards === "number" ? flags.cards : isShort ? SHORT_CARDS : CARDS;
  const own = worldCards(isShort);
  if (cards >= 2 * own) return Math.round(cards / own);
  throw new BenchError(`--cards must be at least ${2 * own}, which is twice the number of cards in the world.`);
}

async function runCards(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const world = await prepareWorld(context, isShort);
  const replicas = new PaymentReplicas(world.simulation, replicasOf(context));
  const originals = await findOriginals(world, replicas);
  const system = await sharedSystem(context, world);
  const { client: redis } = await context.redis();
  const population = { redis, states: originals.states, replicas, cards: world.simulation.cards * replicas.count };
  const expectedBytes = await requireRoom(population);
  const stream = streamOn(system, world, waitSecondsOf(context));
  await warmUp(context, system, stream);
  const ratePerSecond = await rateOf(context, system, stream);
  const plan = { system, ratePerSecond, durationMs: isShort ? SHORT_ROUND_MS : ROUND_MS };
  const options = { roundsDefault: isShort ? 1 : ROUNDS };
  const before = await context.measure([loadContestant({ ...plan, name: "few before", stream })], options);
  const notes = await loadReplicas(context, population, expectedBytes);
  const many = drawReplicas(stream, replicas, world.simulation.seed);
  const after = await context.measure(
    [loadContestant({ ...plan, name: "few", stream }), loadContestant({ ...plan, name: "many", stream: many })],
    { ...options, warmUpRounds: 1 },
  );
  return outcomeOf(
    [...before, ...after],
    [
      `${world.simulation.cards} cards of the world in ${replicas.count} replicas, so ${population.cards} cards; ${printNumber(ratePerSecond)} payments per second.`,
      ...notes,
      `${originals.unnamed} states of the world have no replicas, because no payment of its history names their card, device or address.`,
    ],
  );
}

interface Population {
  readonly redis: Redis;
  readonly states: readonly Original[];
  readonly replicas: PaymentReplicas;
  /** Number of cards in all replicas. */
  readonly cards: number;
}

/** @returns the required memory of the copies in bytes @throws BenchError if there is too little free memory */
async function requireRoom({ redis, states, replicas, cards }: Population): Promise<number> {
  const bytes = await estimateBytes(redis, states, replicas.count);
  // MemAvailable on Linux, which includes reclaimable page cache.
  requireMemory({ cards, bytes, freeBytes: freemem() });
  return bytes;
}

async function rateOf(context: BenchContext, system: BenchSystem, stream: PaymentStream): Promise<number> {
  const { rate } = context.flags;
  return typeof rate === "number" ? rate : CLOSED_SHARE * (await closedRate(context, system, stream));
}

/** @returns sentences about Valkey's memory and keys before and now */
async function loadReplicas(
  context: BenchContext,
  { redis, states, replicas }: Population,
  expectedBytes: number,
): Promise<string[]> {
  const before = await readValkeyMemory(redis);
  await raiseMemoryLimit(redis, expectedBytes);
  const startedAt = performance.now();
  const copies = await copyStates({ redis, states, replicas: replicas.count, log: context.log });
  const seconds = (performance.now() - startedAt) / 1_000;
  const after = await readValkeyMemory(redis);
  context.log(`  ${copies} states copied in ${printNumber(seconds)} s`);
  const [usedBefore, usedAfter, expected] = [before.usedBytes, after.usedBytes, expectedBytes].map((each) =>
    printNumber(each / MB_BYTES),
  );
  return [
    `Valkey held ${usedBefore} MB in ${before.keys} keys, and ${usedAfter} MB in ${after.keys} keys with the replicas; ${expected} MB more were expected.`,
  ];
}

/** Each payment uses the card of a random replica. */
function drawReplicas(stream: PaymentStream, replicas: PaymentReplicas, seed: number): RequestSource {
  const random = seedRandom(seed, REPLICA_STREAM, 0, 0);
  return {
    take: (count) => stream.take(count, (payment) => replicas.payment(payment, below(random, replicas.count))),
  };
}

function outcomeOf(measured: readonly Measured[], notes: readonly string[]): PartOutcome {
  const many = samplesOf(measured, "many", "cpu_us_per_op");
  const fewBefore = spreadOf(samplesOf(measured, "few before", "cpu_us_per_op")).median;
  return {
    contestants: measured,
    summary: {
      cards_cpu_ratio: ratioOf(measured, "cpu_us_per_op", "many", "few"),
      cards_cpu_before_ratio: many.map((value) => value / fewBefore),
    },
    notes: [...notes, ...NOTES],
  };
}

const NOTES = [
  "few before: the world's cards, before the replicas are loaded. few and many alternate with all states loaded: in few, the world's cards pay; in many, a random replica makes each payment.",
  "cards_cpu_ratio: CPU time of a decision, many divided by few, round by round; cards_cpu_before_ratio: many divided by the median of few before.",
  "Replicas share the terminals. Their states are copies of the originals at load time. During the rounds, the states of few change, and those of many hardly change.",
];
