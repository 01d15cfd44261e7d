import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { profileColumnTypes, profileView } from "@tripline/contracts/profile-tables";
import { TOPICS } from "@tripline/contracts/topics";
import { FeastRedisClient } from "@tripline/feast-client/redis";
import { planProfiles } from "@tripline/feature-engine/profiles";
import { Redis } from "ioredis";
import type { BenchContext } from "../harness/bench-context.js";
import { ownCpu, redisCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { samplesOf } from "../harness/run-contestants.js";
import {
  BATCH,
  CARDS,
  cardAt,
  MEASURED_BATCHES,
  processorOn,
  ROUNDS,
  recordAt,
  START_MS,
  TERMINALS,
  terminalAt,
  WARM_BATCHES,
} from "./bench-window-update.js";

const PROJECT = "bench";
const ROWS_TOGETHER = 1_000;

/**
 * The cost that Feast profiles add to the part `window`. The same payments are processed alternately with and without
 * profiles.
 */
export const profilesPart: BenchPart = {
  name: "profiles",
  title: "the same path with and without the profiles of card and terminal from Feast",
  run: runProfiles,
};

async function runProfiles(context: BenchContext): Promise<PartOutcome> {
  const redis = await context.redis();
  await writeProfiles(redis.client);
  const contestants = ["without", "with"].map((name, partition): Contestant => {
    const connection = new Redis(redis.url);
    context.defer(async () => connection.disconnect());
    // Each contestant has its own tenant and therefore its own states, of the same size.
    const processor = processorOn(
      connection,
      name === "with" ? { tenant: name, project: PROJECT, profiles: ["card", "terminal"] } : undefined,
    );
    const topic = TOPICS.transactions.name;
    let offset = 0;
    const makeBatches = (count: number) =>
      Array.from({ length: count }, () => Array.from({ length: BATCH }, () => recordAt(offset++, name, partition)));
    let batches = makeBatches(0);
    return {
      name,
      meters: [ownCpu(), redisCpu(redis.client)],
      prepare: async () => {
        batches = makeBatches(MEASURED_BATCHES);
      },
      run: async () => {
        for (const records of batches) await processor.handle([{ topic, partition, records }]);
        return { operations: MEASURED_BATCHES * BATCH };
      },
    };
  });
  const warmUpRounds = WARM_BATCHES / MEASURED_BATCHES;
  const measured = await context.measure(contestants, { roundsDefault: ROUNDS, warmUpRounds });
  const added = (figure: string) => {
    const without = samplesOf(measured, "without", figure);
    return samplesOf(measured, "with", figure).map((value, round) => value - (without[round] ?? 0));
  };
  return {
    contestants: measured,
    summary: {
      profile_us_per_tx: added("node_cpu_us_per_op"),
      profile_redis_us_per_tx: added("redis_cpu_us_per_op"),
    },
    notes: [
      "profile_us_per_tx: additional CPU time of Node per payment with both profiles, round by round; profile_redis_us_per_tx: the same for Valkey.",
      "The profiles are read in the same round trip as the states, which a test of apps/features verifies.",
    ],
  };
}

/** Writes a profile of every card and terminal, with all columns, in Feast's layout. */
async function writeProfiles(redis: Redis): Promise<void> {
  const ids: Readonly<Record<string, string[]>> = {
    card: Array.from({ length: CARDS }, (_, card) => cardAt(card)),
    terminal: Array.from({ length: TERMINALS }, (_, terminal) => terminalAt(terminal)),
  };
  for (const { name, key } of planProfiles(currentFeatureSpec())) {
    const view = {
      name: profileView(name),
      joinKeys: { [key]: "STRING" as const },
      features: profileColumnTypes(name),
    };
    const client = new FeastRedisClient({ redis, registry: { project: PROJECT, featureViews: [view] } });
    const own = ids[name] ?? [];
    for (let start = 0; start < own.length; start += ROWS_TOGETHER) {
      const rows = own.slice(start, start + ROWS_TOGETHER).map((id, row) => ({
        entity: { [key]: id },
        features: Object.fromEntries(
          Object.keys(view.features).map((column, index) => [column, 1 + ((row + index) % 80)]),
        ),
        eventTimestampMs: START_MS,
      }));
      await client.writeOnlineFeatures({ featureView: view.name, rows });
    }
  }
}
