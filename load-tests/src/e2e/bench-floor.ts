import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { ModelSession } from "@tripline/scoring/models/model-session";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import type { Redis } from "ioredis";
import type { BenchContext } from "../harness/bench-context.js";
import { ownCpu, redisCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { samplesOf } from "../harness/run-contestants.js";
import { ratiosOf } from "../harness/spread.js";
import { askFloor, startFloorServer } from "./floor/floor-http.js";
import { kafkaFloor } from "./floor/measure-kafka-floor.js";
import type { World } from "./world/prepare-world.js";
import { prepareWorld } from "./world/prepare-world.js";

const ROUNDS = 5;
/** Payments that are handled together, as at about nine tenths of the highest rate. */
export const BATCH = 50;
const HTTP_REQUESTS = 20_000;
const REDIS_BATCHES = 400;
const MODEL_BATCHES = 400;
const SHORT_BY = 20;
/** Window states of a payment, and their size: a card's, a terminal's, and mostly a device's and an address's. */
const STATES = 4;
const STATE_BYTES = 400;

/** The part of a decision's cost that no build on Kafka, Redis and HTTP can avoid. */
export const floorPart: BenchPart = {
  name: "floor",
  title: `the cost that cannot be avoided: bare HTTP, Kafka in large batches, two Redis round trips and one inference per ${BATCH} payments`,
  run: runFloor,
};

async function runFloor(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const world = await prepareWorld(context, isShort);
  const { produce, fetch } = await kafkaFloor(context, isShort ? 1 / SHORT_BY : 1);
  const contestants = [
    askFloor(await startFloorServer(context, world), { name: "http", requests: repeats(context, HTTP_REQUESTS) }),
    produce,
    fetch,
    await redisFloor(context),
    await modelFloor(context, world),
  ];
  const measured = await context.measure(contestants, {
    roundsDefault: isShort ? 1 : ROUNDS,
    warmUpRounds: isShort ? 0 : 2,
  });
  const us = (name: string) => samplesOf(measured, name, "cpu_us_per_op");
  // Three topics are written on the way, and two of them read.
  const floorUs = us("http").map((http, round) => {
    const at = (name: string) => us(name)[round] ?? Number.NaN;
    return http + 3 * at("produce") + 2 * at("fetch") + at("redis") + at("model");
  });
  const ofSystem = context.found.get("cpu_us_per_decision");
  return {
    contestants: measured,
    summary: {
      floor_us: floorUs,
      ...(ofSystem === undefined ? {} : { floor_ratio: ratiosOf(ofSystem, floorUs) }),
    },
    notes: [
      "floor_us: http + 3 × produce + 2 × fetch + redis + model, CPU of all processes.",
      "produce and fetch: kafkajs with the encoding of packages/kafka, 500 records of a vector's size per request, broker included; redis: MGET and MSET of four states a payment; model: a row on one inference thread.",
    ],
  };
}

function repeats({ flags }: BenchContext, count: number): number {
  return flags.short === true ? Math.max(1, Math.round(count / SHORT_BY)) : count;
}

async function redisFloor(context: BenchContext): Promise<Contestant> {
  const { client } = await context.redis();
  const batches = repeats(context, REDIS_BATCHES);
  return {
    name: "redis",
    meters: [ownCpu(), redisCpu(client)],
    async run() {
      for (let batch = 0; batch < batches; batch += 1) await readAndWrite(client, batch);
      return { operations: batches * BATCH };
    },
  };
}

const VALUE = Buffer.alloc(STATE_BYTES, 7);
const KEY_SPREAD = 100;

async function readAndWrite(client: Redis, batch: number): Promise<void> {
  const keys = Array.from({ length: BATCH * STATES }, (_, index) => `floor:${batch % KEY_SPREAD}:${index}`);
  await client.mgetBuffer(keys);
  await client.mset(keys.flatMap((key) => [key, VALUE]));
}

async function modelFloor(context: BenchContext, world: World): Promise<Contestant> {
  const version = await openRegistry(world.registryUrl).resolve(MODEL_NAME, "champion");
  const options = { workers: 1, providers: ["trees", "cpu"], requireGpu: false, isExplained: false } as const;
  const session = await ModelSession.open(version, { ...options, providers: [...options.providers] });
  context.defer(() => session.close());
  const width = currentFeatureSpec().features.length;
  const batches = repeats(context, MODEL_BATCHES);
  return {
    name: "model",
    meters: [ownCpu()],
    async run() {
      for (let batch = 0; batch < batches; batch += 1) {
        await session.run(Float32Array.from({ length: BATCH * width }, Math.random), BATCH, false);
      }
      return { operations: batches * BATCH };
    },
  };
}
