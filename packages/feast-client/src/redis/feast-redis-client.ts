import type { Cluster, Redis } from "ioredis";
import type { Call, CallPolicyOptions } from "../call-policy.js";
import { CallPolicy } from "../call-policy.js";
import { FeastError, messageOf } from "../feast-error.js";
import type {
  CallOptions,
  EntityRow,
  FeatureStatus,
  OnlineFeatureReader,
  OnlineFeatureRow,
  OnlineFeatures,
  OnlineFeaturesRequest,
} from "../online-features.js";
import { checkRequest, unknownEntity } from "../registry/entity-columns.js";
import type { FeatureRegistry } from "../registry/feature-registry.js";
import { RegistryIndex } from "../registry/resolve-features.js";
import { decodeValue } from "../values/decode-value.js";
import { readTimestampMs } from "../values/timestamp.js";
import type { FeastValue } from "../values/value-types.js";
import type { PlannedGroup, ReadPlan } from "./plan-read.js";
import { ReadPlanner } from "./plan-read.js";
import { CommandSender } from "./send-commands.js";
import type { WriteRequest, WriteResult } from "./write-rows.js";
import { RowWriter } from "./write-rows.js";

const UNANSWERED_MAX_DEFAULT = 10_000;
/** Rows whose commands are sent together; more rows take several round trips. */
const ROWS_PER_ROUND_TRIP = 1_000;

export interface FeastRedisOptions extends CallPolicyOptions {
  /** An ioredis connection to the database of Feast's online store. The caller opens and closes it. */
  readonly redis: Redis | Cluster;
  readonly registry: FeatureRegistry;
  /** Feast's `key_ttl_seconds`: how long Redis keeps written rows. Default: forever. */
  readonly keyTtlSeconds?: number;
  /** Maximum number of unanswered commands before calls are rejected as `overloaded`. Default: 10,000. */
  readonly unansweredMax?: number;
  /** The clock for the maximum age of values, in epoch milliseconds. Default: `Date.now`. */
  readonly nowMs?: () => number;
}

/** Reads and writes Feast's online store in Redis directly, without a Feast server. */
export class FeastRedisClient implements OnlineFeatureReader {
  private readonly policy: CallPolicy;
  private readonly index: RegistryIndex;
  private readonly planner: ReadPlanner;
  private readonly sender: CommandSender;
  private readonly writer: RowWriter;
  private readonly nowMs: () => number;

  constructor(options: FeastRedisOptions) {
    this.policy = new CallPolicy(options);
    this.index = new RegistryIndex(options.registry);
    this.planner = new ReadPlanner(this.index);
    this.sender = new CommandSender(options.redis, options.unansweredMax ?? UNANSWERED_MAX_DEFAULT);
    this.writer = new RowWriter(this.index, this.sender, options.keyTtlSeconds ?? 0);
    this.nowMs = options.nowMs ?? Date.now;
  }

  async getOnlineFeatures(request: OnlineFeaturesRequest, options?: CallOptions): Promise<OnlineFeatures> {
    const call = this.policy.startCall(options);
    checkRequest(request);
    const plan = this.planner.plan(request);
    this.refuseUnknownEntities(plan, request.entities);
    const rows: OnlineFeatureRow[] = [];
    for (let start = 0; start < request.entities.length; start += ROWS_PER_ROUND_TRIP) {
      const entities = request.entities.slice(start, start + ROWS_PER_ROUND_TRIP);
      rows.push(...(await this.policy.retry(call, () => this.readRows(plan, entities, start, call))));
    }
    return { featureNames: plan.featureNames, rows };
  }

  /**
   * Writes rows of one feature view like Feast: an older row never overwrites a newer one. Each row is compared and
   * written atomically, together with the feature service vectors that it is part of, so writers do not overwrite each
   * other's changes. Makes only one attempt; after an error, some rows may have been written, and writing the same rows
   * again is harmless.
   *
   * @throws FeastError
   */
  async writeOnlineFeatures(request: WriteRequest, options?: CallOptions): Promise<WriteResult> {
    return this.writer.write(request, this.policy.startCall(options));
  }

  private async readRows(
    plan: ReadPlan,
    entities: readonly EntityRow[],
    firstIndex: number,
    call: Call,
  ): Promise<OnlineFeatureRow[]> {
    const commands = entities.flatMap((row, index) =>
      plan.groups.map(({ key, read }) => read.command(key.encode(row, firstIndex + index))),
    );
    const replies = await this.sender.send(commands, call);
    const nowMs = this.nowMs();
    return entities.map((_row, index) => {
      const first = index * plan.groups.length;
      return readRow(plan, replies.slice(first, first + plan.groups.length), nowMs);
    });
  }

  /** A row may have keys of entities that this request does not need, but no keys that are unknown to all views. */
  private refuseUnknownEntities({ joinKeyNames }: ReadPlan, entities: readonly EntityRow[]): void {
    for (const row of entities) {
      for (const name in row) {
        if (!joinKeyNames.has(name) && !this.index.joinKeys.has(name)) throw unknownEntity(name);
      }
    }
  }
}

function readRow(plan: ReadPlan, replies: readonly unknown[], nowMs: number): OnlineFeatureRow {
  const count = plan.featureNames.length;
  const values = new Array<FeastValue>(count).fill(null);
  const statuses = new Array<FeatureStatus>(count).fill("NOT_FOUND");
  const eventTimestampsMs = new Array<number | null>(count).fill(null);
  plan.groups.forEach((group, index) => {
    const stored = replies[index] as readonly (Buffer | null)[];
    checkReply(group, stored);
    readGroup(group, stored, nowMs, { values, statuses, eventTimestampsMs });
  });
  return { values, statuses, eventTimestampsMs };
}

function readGroup(
  group: PlannedGroup,
  stored: readonly (Buffer | null)[],
  nowMs: number,
  row: { values: FeastValue[]; statuses: FeatureStatus[]; eventTimestampsMs: (number | null)[] },
): void {
  // The features are nearly always from one view, and therefore have the same timestamp.
  let lastIndex = -1;
  let timestampMs: number | null = null;
  for (const { reference, resultIndex, valueIndex, timestampIndex, maxAgeMs } of group.features) {
    const bytes = stored[valueIndex];
    if (bytes === null || bytes === undefined) continue;
    if (timestampIndex !== lastIndex) {
      timestampMs = readTimestamp(stored[timestampIndex] ?? null, reference);
      lastIndex = timestampIndex;
    }
    const value = readValue(bytes, reference);
    const isTooOld = maxAgeMs > 0 && timestampMs !== null && nowMs - timestampMs > maxAgeMs;
    row.values[resultIndex] = value;
    row.eventTimestampsMs[resultIndex] = timestampMs;
    row.statuses[resultIndex] = value === null ? "NULL_VALUE" : isTooOld ? "OUTSIDE_MAX_AGE" : "PRESENT";
  }
}

function readTimestamp(bytes: Buffer | null, reference: string): number | null {
  if (bytes === null) return null;
  try {
    return readTimestampMs(bytes);
  } catch (error) {
    throw malformed(reference, `has a stored event timestamp that cannot be read: it ${messageOf(error)}`, error);
  }
}

function readValue(bytes: Buffer, reference: string): FeastValue {
  try {
    return decodeValue(bytes);
  } catch (error) {
    throw malformed(reference, `has a stored value that cannot be read: it ${messageOf(error)}`, error);
  }
}

function checkReply(group: PlannedGroup, stored: readonly unknown[]): void {
  if (Array.isArray(stored) && stored.length === group.read.fieldCount) return;
  const reference = group.features[0]?.reference ?? "";
  throw malformed(reference, "was read with HMGET, but Redis did not return a list of its fields");
}

function malformed(reference: string, what: string, cause?: unknown): FeastError {
  return new FeastError("malformed-response", `${reference} ${what}.`, reference, { cause });
}
