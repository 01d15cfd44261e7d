import { rm } from "node:fs/promises";
import { join } from "node:path";
import { rebuildState } from "@tripline/features/rebuild/rebuild-state";
import { GIB } from "@tripline/features/snapshot/slices-for";
import { takeSnapshot } from "@tripline/features/snapshot/take-snapshot";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import { InvalidArgumentError, Option } from "commander";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import type { Benchmark, PartOutcome } from "../harness/run-benchmark.js";
import { MadeLake } from "./made-lake.js";

const ENTITIES_DEFAULT = 20_000;
const ENTITIES_MAX = 50_000_000;
const MEMORY_GIB_DEFAULT = 2;
const STATE_TTL_DAYS = 45;
const DAY_S = 86_400;
const KB_PER_MB = 1_024;
/** Timeout for Valkey while it is busy with writes. */
const ANSWER_MS = 30_000;
/** Events before the snapshot in the younger lake; the older one has ten times as many. */
const OLD_EVENTS = 500;
const AGE = 10;
/** Events after the snapshot, as a share of the entities. */
const NEW_SHARE = 0.05;
const NEW_EVENTS_MAX = 200_000;

/** Measures a snapshot of generated states and their restore after a loss of Redis. */
export const recoveryBenchmark: Benchmark = {
  name: "recovery",
  description: "a snapshot of generated window states, and their restore into an empty Valkey",
  options: [
    new Option("--entities <count>", "states to generate").argParser(parseEntities).default(ENTITIES_DEFAULT),
    new Option("--memory <gib>", "STATE_MEMORY_GIB of both programs").argParser(parseGib).default(MEMORY_GIB_DEFAULT),
  ],
  parts: [
    {
      name: "recovery",
      title:
        "a snapshot that continues an earlier one, and a rebuild from it, for a lake and for a lake with ten times its history",
      run: runRecovery,
    },
  ],
  line: ["entities", "snapshot_s", "restore_per_s", "rss_mb", "first_answer_s", "last_answer_s", "age_ratio"],
};

async function runRecovery(context: BenchContext): Promise<PartOutcome> {
  const entities = Number(context.flags.entities);
  const memoryBytes = Number(context.flags.memory) * GIB;
  const newEvents = Math.min(NEW_EVENTS_MAX, Math.ceil(entities * NEW_SHARE));
  const lakes: MadeLake[] = [];
  for (const oldEvents of [OLD_EVENTS, OLD_EVENTS * AGE]) {
    context.log(
      `  making a lake with ${oldEvents} events, a snapshot of ${entities} states and ${newEvents} later events`,
    );
    const lake = new MadeLake(join(context.folder, `lake-${oldEvents}`));
    await lake.fill({ entities, oldEvents, newEvents });
    lakes.push(lake);
  }
  const [younger, older] = lakes;
  if (younger === undefined || older === undefined) throw new BenchError("no lake was made");
  const snapshotS = await timed(() => snapshotOf(younger, memoryBytes));
  context.log(`  snapshot: ${snapshotS.toFixed(1)} s`);
  const youngS: number[] = [];
  const ratios: number[] = [];
  const rounds = context.roundsOr(1);
  for (let round = 0; round < rounds; round += 1) {
    const young = await timed(() => restore(context, younger, memoryBytes));
    const old = await timed(() => restore(context, older, memoryBytes));
    context.log(`  restore: ${young.toFixed(1)} s, from the older lake: ${old.toFixed(1)} s`);
    youngS.push(young);
    ratios.push(old / young);
  }
  return {
    contestants: [],
    summary: {
      entities: [younger.states],
      snapshot_s: [snapshotS],
      restore_per_s: youngS.map((seconds) => younger.states / seconds),
      rss_mb: [process.resourceUsage().maxRSS / KB_PER_MB],
      age_ratio: ratios,
    },
    notes: [
      "rss_mb: the maximum of this process, which also generates the states.",
      "first_answer_s and last_answer_s are not measured, because features responds only after the whole rebuild.",
      `age_ratio: restore time from the older lake, with ${AGE} times as many events before the snapshot, divided by restore time from the younger one.`,
    ],
  };
}

/** Takes a snapshot and removes it, so that each restore starts from the generated snapshot. */
async function snapshotOf({ engine, lake }: MadeLake, memoryBytes: number): Promise<void> {
  const { id } = await takeSnapshot({
    engine,
    lake,
    stateTtlSeconds: STATE_TTL_DAYS * DAY_S,
    memoryBytes,
    retention: { kept: 2, ageMsMax: Number.MAX_SAFE_INTEGER },
    readMark: async () => "complete",
    erasures: async () => [],
    onNote: refuse,
  });
  await rm(join(lake, "_snapshots", id), { recursive: true });
}

async function restore(context: BenchContext, made: MadeLake, memoryBytes: number): Promise<void> {
  const { url, client } = await context.redis();
  await client.flushall();
  const [redis, holding] = [connectRedis(url, undefined, ANSWER_MS), connectRedis(url, undefined, ANSWER_MS)];
  try {
    await Promise.all([awaitRedis(redis), awaitRedis(holding)]);
    const { states, published } = await rebuildState({
      engine: made.engine,
      admin: made.admin,
      redis,
      holding,
      topicPrefix: "",
      lake: made.lake,
      stateTtlSeconds: STATE_TTL_DAYS * DAY_S,
      waitMs: 0,
      origins: async () => [],
      isPartial: false,
      memoryBytes,
      onNote: refuse,
    });
    if (states !== made.states) throw new BenchError(`${states} states were restored, not ${made.states}.`);
    if (published !== undefined) await rm(join(made.lake, "_snapshots", published), { recursive: true });
  } finally {
    redis.disconnect();
    holding.disconnect();
  }
}

function refuse(sentence: string): never {
  throw new BenchError(sentence);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1_000;
}

function parseEntities(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1_000 && count <= ENTITIES_MAX) return count;
  throw new InvalidArgumentError(`It must be a whole number from 1000 to ${ENTITIES_MAX}.`);
}

function parseGib(text: string): number {
  const gib = Number(text);
  if (gib > 0 && gib <= 1_024) return gib;
  throw new InvalidArgumentError("It must be a number of GiB up to 1024.");
}
