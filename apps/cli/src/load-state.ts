import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { layoutFingerprint, planEntities } from "@tripline/feature-engine/plan-entities";
import { completeKey, STATE_TTL_DAYS_DEFAULT } from "@tripline/feature-engine/state-key";
import { Command, InvalidArgumentError } from "commander";
import { Redis } from "ioredis";
import type { SnapshotEntry, SnapshotHeader } from "./state-snapshot.js";
import { readSnapshot, verifySnapshot } from "./state-snapshot.js";

export interface LoadStateOptions {
  readonly statePath: string;
  readonly redisUrl: string;
  readonly spec?: FeatureSpec;
  /** Days of wall clock after which Redis forgets a state that nothing touches. */
  readonly ttlDays?: number;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** States per pipeline; the reply of one is awaited before the next is sent. */
const STATES_PER_PIPELINE = 1000;
const DAY_SECONDS = 86_400;

/**
 * Puts the window states of a snapshot where the features service looks for them, over whatever is there, and marks them
 * as complete. Meant for a Redis that no features service writes to at that time: a state that goes back in time would
 * lose events.
 *
 * @returns the number of states
 * @throws TriplineError `state-unreadable` for a damaged snapshot or one of another feature spec, before anything is
 * written; `redis-unavailable`
 */
export async function loadState(options: LoadStateOptions): Promise<{ states: number }> {
  const { statePath, onProgress } = options;
  const header = await verifySnapshot(statePath);
  const spec = options.spec ?? currentFeatureSpec();
  requireSameWindows(statePath, header, spec);
  const ttlSeconds = Math.round((options.ttlDays ?? STATE_TTL_DAYS_DEFAULT) * DAY_SECONDS);
  const redis = new Redis(options.redisUrl, { lazyConnect: true, maxRetriesPerRequest: 1, connectTimeout: 2_000 });
  // Without a listener ioredis prints every connection fault; the failed command says it well enough.
  redis.on("error", () => {});
  try {
    let batch: SnapshotEntry[] = [];
    let done = 0;
    for await (const entry of readSnapshot(statePath, () => {})) {
      batch.push(entry);
      if (batch.length < STATES_PER_PIPELINE) continue;
      await writeStates(redis, batch, ttlSeconds);
      done += batch.length;
      batch = [];
      onProgress?.({ done, total: header.entries });
    }
    await writeStates(redis, batch, ttlSeconds);
    await redis.set(completeKey(planEntities(spec)), new Date().toISOString()).catch((error: unknown) => {
      throw unavailable(error);
    });
    onProgress?.({ done: header.entries, total: header.entries });
    return { states: header.entries };
  } finally {
    redis.disconnect();
  }
}

/** `tripline load-state`: a snapshot of window states into Redis. */
export function loadStateCommand(): Command {
  return new Command("load-state")
    .description("put the window states that `tripline backfill --state` wrote into Redis")
    .requiredOption("--state <file>", "the snapshot")
    .requiredOption("--redis <url>", "where the features service keeps its state, for instance redis://127.0.0.1:6379")
    .option("--ttl-days <days>", "days after which an untouched state is forgotten", parseDays)
    .action(async (options: { state: string; redis: string; ttlDays?: number }) => {
      const { states } = await loadState({
        statePath: options.state,
        redisUrl: options.redis,
        ...(options.ttlDays === undefined ? {} : { ttlDays: options.ttlDays }),
      });
      process.stdout.write(`${states} states loaded\n`);
    });
}

async function writeStates(redis: Redis, states: readonly SnapshotEntry[], ttlSeconds: number): Promise<void> {
  if (states.length === 0) return;
  const pipeline = redis.pipeline();
  for (const [key, value] of states) pipeline.set(key, Buffer.from(value), "EX", ttlSeconds);
  const replies = await pipeline.exec().catch((error: unknown) => {
    throw unavailable(error);
  });
  const failed = replies?.find(([error]) => error !== null)?.[0];
  if (failed) throw unavailable(failed);
}

function requireSameWindows(path: string, header: SnapshotHeader, spec: FeatureSpec): void {
  if (header.fingerprint === layoutFingerprint(planEntities(spec))) return;
  throw new TriplineError(
    "state-unreadable",
    `${path} was made for feature spec ${header.specVersion} with other windows; run \`tripline backfill\` again.`,
  );
}

function unavailable(error: unknown): TriplineError {
  const reason = error instanceof Error ? error.message : String(error);
  return new TriplineError("redis-unavailable", `The states could not be written: ${reason}`, [], { cause: error });
}

function parseDays(text: string): number {
  const days = Number(text);
  if (!(days > 0)) throw new InvalidArgumentError("must be a number of days above 0");
  return days;
}
