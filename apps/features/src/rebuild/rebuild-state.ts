import { asTriplineError } from "@tripline/contracts/error-table";
import type { FeatureSource } from "@tripline/contracts/features/feature-sources";
import { featureSources } from "@tripline/contracts/features/feature-sources";
import type { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { appliedKey } from "@tripline/contracts/redis-keys";
import { TOPICS } from "@tripline/contracts/topics";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { completeKey, stateKeyPrefix } from "@tripline/feature-engine/state/state-key";
import type { LetterOrigin } from "@tripline/kafka/dead-letters/read-origins";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { requestRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import type { ProfileEraser } from "../erasures/profile-eraser.js";
import type { ScanEraser } from "../erasures/scan-eraser.js";
import { GIB, MEMORY_GIB_DEFAULT } from "../snapshot/slices-for.js";
import { AnotherRebuild, requireNotHeld, whileHeld } from "../states/rebuild-hold.js";
import { FEATURES_GROUP } from "../states/state-completeness.js";
import { awaitLake } from "./await-lake.js";
import type { AppliedKeys } from "./await-rest.js";
import { awaitRest, REST_MS_MAX } from "./await-rest.js";
import { findLost } from "./find-lost.js";
import { countForgotten, findResume, requireOnce } from "./find-resume.js";
import { foldLake } from "./fold-lake.js";
import type { FoldedLake } from "./folded-lake.js";
import { StateReplacement } from "./replace-states.js";

export interface RebuildOptions {
  readonly engine: FeatureEngine;
  readonly admin: Pick<KafkaAdmin, "clusterId" | "endOffsets" | "committedOffsets" | "groupMembers">;
  /** An exclusive connection. */
  readonly redis: Redis;
  /** Another separate connection, for the key that pauses the services. */
  readonly holding: Redis;
  readonly topicPrefix: string;
  readonly lake: string;
  /** Snapshot that the service started from (default: none). */
  readonly statePath?: string;
  readonly stateTtlSeconds: number;
  /** Time within which the archive must catch up. */
  readonly waitMs: number;
  /** Time limit for running instances to finish their batches (default: 20 s). */
  readonly restMs?: number;
  /**
   * Erased people, whose states are empty up to the erasure. Requested once the running instances pause, so later
   * erasures wait until the rebuild is over.
   */
  readonly erasures?: () => Promise<readonly Erasure[]>;
  /** Origins of the dead letters of a topic; requested if the lake lacks results. */
  origins(topic: string): Promise<readonly LetterOrigin[]>;
  /** Deletes derived data of erased people. */
  readonly profiles?: Pick<ProfileEraser, "erase">;
  /** Deletes data that only a scan of all keys finds. */
  readonly others?: Pick<ScanEraser, "erase">;
  /** Whether to continue if the result cannot be exact. */
  readonly isPartial: boolean;
  /** Whether to fold the whole lake and ignore its snapshots (default: no). */
  readonly isFromScratch?: boolean;
  /** Whether the run is unattended; if so, features pauses only once the archive has caught up (default: no). */
  readonly isAutomatic?: boolean;
  /** Approximate memory limit for the states; beyond it, they are processed in slices on disk (default: 2 GiB). */
  readonly memoryBytes?: number;
  /** Number of threads that fold slices and share this memory (default: 1). */
  readonly workers?: number;
  readonly onProgress?: RebuildListener;
  /** Receives a sentence about each unusable snapshot. */
  onNote?(sentence: string): void;
}

export type RebuildStep =
  | "wait for the features service"
  | "wait for the archive"
  | "fold the lake"
  | "fold the slices"
  | "find where to resume"
  | "write the states"
  | "publish the snapshot";

/** @param done number of events or slices folded, or of states written */
export type RebuildListener = (step: RebuildStep, done?: number, total?: number) => void;

export interface RebuildReport
  extends Omit<FoldedLake, "states" | "flagged" | "snapshot" | "preparePublication" | "release" | "abandon"> {
  readonly states: number;
  /**
   * Number of states that may lack an event. Payments with such a state are flagged until the longest window has
   * passed.
   */
  readonly flagged: number;
  /** ID of the snapshot from which the fold started. */
  readonly snapshot?: string;
  /** Id of the snapshot that the rebuild wrote. */
  readonly published?: string;
  /** Number of records that will count twice; only with `isPartial`. */
  readonly doubled: number;
}

/**
 * Rebuilds the window states in Redis as if they had never been lost, from the events that were counted according to
 * the lake, and marks them as complete. Instances of the service pause during the rebuild, and then continue with the
 * records that were not counted.
 *
 * @throws TriplineError `state-conflict` if the service counts during the rebuild, or the lake is incomplete;
 *   `deadline-exceeded` if the archive does not catch up; `redis-unavailable`, `kafka-unavailable`,
 *   `database-unavailable`, `not-found`, `state-unreadable`. In that case, the mark is missing or unchanged, and the
 *   rebuild can be repeated.
 */
export async function rebuildState(options: RebuildOptions): Promise<RebuildReport> {
  if (options.isAutomatic === true) {
    await requireNotHeld(options.holding);
    options.onProgress?.("wait for the archive");
    await awaitLakeOf(options);
  }
  const { report, publish, release } = await whileHeld(options.holding, async (held) => {
    if (options.isAutomatic === true) await requireLost(options);
    return rebuild(options, held);
  });
  try {
    // From here on, payments no longer wait.
    return { ...report, ...(await publishBy(publish, options)) };
  } finally {
    await release();
  }
}

/** Another restore may have ended since the worker noticed the loss. */
async function requireLost({ engine, holding }: RebuildOptions): Promise<void> {
  if ((await requestRedis(() => holding.exists(completeKey(engine.entities)))) === 0) return;
  throw new AnotherRebuild("The window states are already complete: another run restored them.", false);
}

interface Rebuilt extends Pick<FoldedLake, "release"> {
  readonly report: RebuildReport;
  readonly publish: (() => Promise<string>) | undefined;
}

async function rebuild(options: RebuildOptions, held: string): Promise<Rebuilt> {
  const { engine, admin, redis, topicPrefix, lake, stateTtlSeconds, isPartial } = options;
  const report: RebuildListener = options.onProgress ?? (() => {});
  const sources = featureSources(engine.spec);
  const keys = await appliedKeys(admin, topicPrefix, sources);
  const replacement = new StateReplacement({
    redis,
    held,
    appliedKeys: [...keys.values()].flatMap((byPartition) => [...byPartition.values()]),
    completeKey: completeKey(engine.entities),
    prefixes: engine.entities.map(stateKeyPrefix),
    stateTtlSeconds,
    onProgress: (done, total) => report("write the states", done, total),
  });
  report("wait for the features service");
  await awaitRest({ admin, keys, restMs: options.restMs ?? REST_MS_MAX, noteCounted: () => replacement.open() });
  const erasures = (await options.erasures?.()) ?? [];
  report("wait for the archive");
  const requireNothingEmitted = await awaitLakeOf(options);
  const committed = await committedOf(admin, sources);
  const { release, abandon, preparePublication, ...folded } = await foldLake({
    engine,
    lake,
    stateTtlSeconds,
    isPartial,
    isFromScratch: options.isFromScratch ?? false,
    memoryBytes: options.memoryBytes ?? MEMORY_GIB_DEFAULT * GIB,
    findLost: () => findLost({ engine, lake, committed, origins: options.origins }),
    onProgress: (events, total) => report("fold the lake", events, total),
    onSlice: (done, total) => report("fold the slices", done, total),
    onNote: (sentence) => options.onNote?.(sentence),
    erasures,
    workers: options.workers ?? 1,
    ...(options.statePath === undefined ? {} : { statePath: options.statePath }),
  });
  try {
    const before = { keys, replacement, erasures, committed, requireNothingEmitted };
    const restored = await replaceBy(folded, options, before);
    return { report: restored, publish: await preparePublication?.(), release };
  } catch (thrown) {
    await abandon?.();
    throw thrown;
  }
}

function awaitLakeOf({ engine, admin, topicPrefix, lake, waitMs }: RebuildOptions): ReturnType<typeof awaitLake> {
  return awaitLake({ admin, topicPrefix, lake, waitMs, sources: featureSources(engine.spec) });
}

/** Facts determined before the fold. */
interface BeforeFold {
  readonly keys: AppliedKeys;
  readonly replacement: StateReplacement;
  readonly erasures: readonly Erasure[];
  readonly committed: ReadonlyMap<FeatureSource, ReadonlyMap<number, number>>;
  requireNothingEmitted(): Promise<void>;
}

async function replaceBy(
  { states, flagged, snapshot, ...folded }: Omit<FoldedLake, "preparePublication" | "release" | "abandon">,
  options: RebuildOptions,
  { keys, replacement, erasures, committed, requireNothingEmitted }: BeforeFold,
): Promise<RebuildReport> {
  const { engine, lake, isPartial } = options;
  options.onProgress?.("find where to resume");
  const applied = new Map<string, number>();
  let doubled = 0;
  for (const [source, ofSource] of committed) {
    const of = { engine, lake, source, committed: ofSource };
    const resume = await findResume(snapshot === undefined ? of : { ...of, snapshot });
    const forgotten = await countForgotten(engine, resume.again, states);
    if (!isPartial) requireOnce(forgotten, source);
    doubled += forgotten;
    for (const [partition, offset] of resume.offsets) {
      const key = keys.get(source)?.get(partition);
      if (key !== undefined && offset >= 0) applied.set(key, offset);
    }
  }
  // Redis has lost the records of erasures, so profiles that Feast or a load has written since then may contain data of
  // erased people.
  for (const { tenant, subject, erasedAtMs } of erasures) {
    await options.profiles?.erase(tenant, subject, erasedAtMs);
  }
  await options.others?.erase(erasures);
  await requireNothingEmitted();
  const untilMs = Date.now() + engine.longestWindowMs;
  const written = await replacement.replace(states, applied, { keys: flagged, untilMs });
  const from = snapshot === undefined ? {} : { snapshot: snapshot.id };
  return { ...folded, states: written, doubled, flagged: flagged.size, ...from };
}

/** The states are already restored, so a failure to write the lake does not count as a failure of the rebuild. */
async function publishBy(publish: Rebuilt["publish"], options: RebuildOptions): Promise<{ published?: string }> {
  if (publish === undefined) return {};
  options.onProgress?.("publish the snapshot");
  try {
    return { published: await publish() };
  } catch (thrown) {
    const { message } = asTriplineError(thrown);
    options.onNote?.(`The states are restored, but the snapshot of them could not be written to the lake: ${message}`);
    return {};
  }
}

/** For each source and partition, the offset from which records are redelivered. */
async function committedOf(
  admin: RebuildOptions["admin"],
  sources: readonly FeatureSource[],
): Promise<ReadonlyMap<FeatureSource, ReadonlyMap<number, number>>> {
  const committed = new Map<FeatureSource, ReadonlyMap<number, number>>();
  for (const source of sources) {
    committed.set(source, await admin.committedOffsets(FEATURES_GROUP, TOPICS[source].name));
  }
  return committed;
}

/** Redis keys of the applied batches, by topic and partition. */
async function appliedKeys(
  admin: RebuildOptions["admin"],
  topicPrefix: string,
  sources: readonly FeatureSource[],
): Promise<AppliedKeys> {
  const clusterId = await admin.clusterId();
  const keys = new Map<FeatureSource, ReadonlyMap<number, string>>();
  for (const source of sources) {
    const { name } = TOPICS[source];
    const partitions = [...(await admin.endOffsets(name)).keys()];
    keys.set(
      source,
      new Map(partitions.map((partition) => [partition, appliedKey(clusterId, topicPrefix + name, partition)])),
    );
  }
  return keys;
}
