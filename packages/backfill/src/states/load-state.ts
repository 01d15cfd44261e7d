import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { FEATURE_SOURCES } from "@tripline/contracts/features/feature-sources";
import { appliedKey } from "@tripline/contracts/redis-keys";
import { TOPICS } from "@tripline/contracts/topics";
import { layoutFingerprint, planEntities } from "@tripline/feature-engine/plan-entities";
import { completeKey, STATE_TTL_DAYS_DEFAULT } from "@tripline/feature-engine/state/state-key";
import type { KafkaAdmin } from "@tripline/kafka/port";
import { Redis } from "ioredis";
import { requireStateKey } from "./state-key.js";
import type { SnapshotEntry, SnapshotHeader } from "./state-snapshot.js";
import { readSnapshot, verifySnapshot } from "./state-snapshot.js";

export interface LoadStateOptions {
  readonly statePath: string;
  readonly redisUrl: string;
  readonly spec?: FeatureSpec;
  /** Days (wall clock) after which an unused state expires in Redis. */
  readonly ttlDays?: number;
  /**
   * The feature service's Kafka cluster. Omit it only if Kafka was recreated together with this Redis, so that no
   * events have been processed yet.
   */
  readonly kafka?: CountedKafka;
  /** The installation's token key. States whose tokens were created with another key are rejected. */
  readonly cardTokenKey?: Uint8Array;
  /** Load the snapshot even if the service has already processed events that the snapshot does not contain. */
  readonly isPartial?: boolean;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** Maximum wait for a connection to Redis, in ms. Default: 2,000. */
  readonly answerMsMax?: number;
}

/** Shows which events the feature service has already processed. */
export interface CountedKafka {
  readonly admin: Pick<KafkaAdmin, "clusterId" | "endOffsets" | "committedOffsets" | "groupMembers">;
  readonly topicPrefix: string;
}

/** States per pipeline; the next pipeline is sent after the reply to the previous one. */
const STATES_PER_PIPELINE = 1000;

const DAY_SECONDS = 86_400;
const ANSWER_MS_MAX_DEFAULT = 2_000;

/** Consumer group of the feature service, and the topics that it consumes. */
const FEATURES_GROUP = "features";

const COUNTED_TOPICS = FEATURE_SOURCES.map((source) => TOPICS[source].name);

/**
 * Writes the window states of a snapshot to the keys that the feature service reads, replaces existing states, and
 * marks the result as complete. The history behind a snapshot was never on Kafka, so the snapshot contains no event
 * that the service has processed. A snapshot is valid only as an initial state: loading it later would silently discard
 * the events that the service had already processed.
 *
 * @returns the number of states
 * @throws TriplineError `state-unreadable` for a damaged snapshot or a snapshot of another feature spec;
 *   `state-conflict`, before any write, if the tokens were created with another key, or the service has processed
 *   events or is running; `state-conflict`, without marking the states as complete, if the service started during the
 *   load; `redis-unavailable`, `kafka-unavailable`
 */
export async function loadState(options: LoadStateOptions): Promise<{ states: number }> {
  const { statePath, onProgress, answerMsMax = ANSWER_MS_MAX_DEFAULT } = options;
  const header = await verifySnapshot(statePath);
  if (options.cardTokenKey !== undefined) await requireStateKey(statePath, options.cardTokenKey);
  const spec = options.spec ?? currentFeatureSpec();
  requireSameWindows(statePath, header, spec);
  const ttlSeconds = Math.round((options.ttlDays ?? STATE_TTL_DAYS_DEFAULT) * DAY_SECONDS);
  const redis = new Redis(options.redisUrl, {
    lazyConnect: true,
    maxRetriesPerRequest: 1,
    connectTimeout: answerMsMax,
  });
  // Without a listener, ioredis prints every connection error; the failed command already reports the error.
  redis.on("error", () => {});
  const mark = completeKey(planEntities(spec));
  const requireNew = async () => {
    if (options.kafka !== undefined) await requireNothingCounted(redis, options.kafka, options.isPartial === true);
  };
  try {
    await requireNew();
    await asked(redis.del(mark));
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
    await requireNew();
    await asked(redis.set(mark, new Date().toISOString()));
    onProgress?.({ done: header.entries, total: header.entries });
    return { states: header.entries };
  } finally {
    redis.disconnect();
  }
}

async function requireNothingCounted(redis: Redis, kafka: CountedKafka, isPartial: boolean): Promise<void> {
  const { admin } = kafka;
  if (!isPartial && (await hasCounted(redis, kafka))) {
    throw new TriplineError(
      "state-conflict",
      "The features service has counted payments or labels that are not in this snapshot, and they would be missing " +
        "from the states. Run `tripline rebuild-state` instead, which restores everything that was counted. If the archive " +
        "does not contain them, accept the gap with --partial.",
    );
  }
  const members = await admin.groupMembers(FEATURES_GROUP);
  if (members === 0) return;
  throw new TriplineError(
    "state-conflict",
    `Stop the features service first: ${members} of its instances are running (a killed instance counts as running for ten ` +
      "more seconds).",
  );
}

/**
 * Kafka shows what was processed for as long as it keeps the group's offsets; Redis also shows it, unless it has lost
 * data.
 */
async function hasCounted(redis: Redis, { admin, topicPrefix }: CountedKafka): Promise<boolean> {
  const cluster = await admin.clusterId();
  for (const topic of COUNTED_TOPICS) {
    const committed = await admin.committedOffsets(FEATURES_GROUP, topic);
    if ([...committed.values()].some((offset) => offset > 0)) return true;
    const partitions = [...(await admin.endOffsets(topic)).keys()];
    const keys = partitions.map((partition) => appliedKey(cluster, topicPrefix + topic, partition));
    if (keys.length > 0 && (await asked(redis.exists(...keys))) > 0) return true;
  }
  return false;
}

async function writeStates(redis: Redis, states: readonly SnapshotEntry[], ttlSeconds: number): Promise<void> {
  if (states.length === 0) return;
  const pipeline = redis.pipeline();
  for (const [key, value] of states) pipeline.set(key, Buffer.from(value), "EX", ttlSeconds);
  const replies = await asked(pipeline.exec());
  const failed = replies?.find(([error]) => error !== null)?.[0];
  if (failed) throw unavailable(failed);
}

function requireSameWindows(path: string, header: SnapshotHeader, spec: FeatureSpec): void {
  if (header.fingerprint === layoutFingerprint(planEntities(spec))) return;
  throw new TriplineError(
    "state-unreadable",
    `${path} was created for feature spec ${header.specVersion} with different windows; run \`tripline backfill\` again.`,
  );
}

function asked<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    throw unavailable(error);
  });
}

function unavailable(error: unknown): TriplineError {
  const reason = error instanceof Error ? error.message : String(error);
  return new TriplineError("redis-unavailable", `The states could not be written: ${reason}`, [], { cause: error });
}
