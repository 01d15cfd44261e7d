import { setTimeout as delay } from "node:timers/promises";
import { Inject, Injectable } from "@nestjs/common";
import type { Attributes, Context } from "@opentelemetry/api";
import { TriplineError } from "@tripline/contracts/error-table";
import { HEADERS } from "@tripline/contracts/headers";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { Unfinished } from "@tripline/kafka/consumer/unfinished";
import type { EventProducer, RecordBatch } from "@tripline/kafka/port";
import { SerialQueue } from "@tripline/kafka/serial-queue";
import { EVENT_PRODUCER } from "@tripline/nest-kit/kafka/kafka.tokens";
import { withProcessSpans } from "@tripline/telemetry/process-spans";
import { redisSpan, sendSpan } from "@tripline/telemetry/span-options";
import { describeSpan, withSpans } from "@tripline/telemetry/tracing";
import { FeatureMetrics } from "../feature-metrics.js";
import { FEATURE_ENGINE } from "../features.tokens.js";
import type { ProfilesOf } from "../profiles/profile-reader.js";
import { ProfileReader } from "../profiles/profile-reader.js";
import type { Emission } from "../states/applied-batch.js";
import { appliedOffset, encodeApplied } from "../states/applied-batch.js";
import { BatchStates } from "../states/batch-states.js";
import { PartitionKeys } from "../states/partition-keys.js";
import { FEATURES_GROUP, StateCompleteness } from "../states/state-completeness.js";
import type { Snapshot } from "../states/state-store.js";
import { StateStore, TURN_MS } from "../states/state-store.js";
import type { OutgoingEvent } from "./encode-events.js";
import { encodeEvents, outgoingRecord, TOPIC_OF } from "./encode-events.js";
import type { PartFold } from "./fold-events.js";
import { foldParts } from "./fold-events.js";
import type { EventRecord } from "./parse-event.js";
import { parseEvent } from "./parse-event.js";

/** The clock and the pauses of a processor, which tests replace. */
export interface ProcessorClock {
  /** Wall clock in milliseconds since the epoch. */
  readonly now: () => number;
  /** Waits before a batch is retried: after a conflict with another writer, or while another writer has the turn. */
  readonly pause: (ms: number) => Promise<void>;
}

/** Maximum number of attempts for a batch that conflicts with other writers, before the consumer backs off. */
const TRIES_MAX = 20;
/**
 * After this many failed attempts, the next attempt takes the turn, so that no writer loses every race. A turn costs each
 * of the other writers an attempt. Therefore, the first attempts only pause, for a random part of the last attempt's
 * duration, multiplied by the number of attempts. This spreads out the writers.
 */
const TRIES_BEFORE_TURN = 5;
/** While another instance has the turn, the pause is derived from the duration of a read, which counts as at least this. */
const PAUSE_MS_MIN = 1;

/**
 * Maximum number of records, from any partitions, that are counted together: enough to make round trips cheap, and few
 * enough that folding them blocks the process for only a few milliseconds.
 */
export const RECORDS_TOGETHER_MAX = 200;
/** One round is counted at a time, so that batches that arrive in the meantime share the next one. */
export const ROUNDS_MAX = 1;

/** The batch of one partition. */
interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly appliedKey: string;
  readonly events: readonly EventRecord[];
  /** Trace contexts, one per event. */
  readonly contexts: readonly Context[];
}

/** The emissions of several batches, one list per batch. */
type BatchEmissions = readonly (readonly Emission[])[];

/** Records at offsets that were already counted, before a check that their partition was not recreated. */
interface Unverified {
  readonly batch: PartitionBatch;
  readonly events: readonly EventRecord[];
}

/** The progress of a batch that may already have been counted in part. */
interface Progress {
  readonly batch: PartitionBatch;
  /** Events that were not counted yet. */
  readonly fresh: readonly EventRecord[];
  /** Emissions of all other events. */
  readonly earlier: readonly Emission[];
}

/** A snapshot of the states, with the profiles from the same read. */
interface ProfiledSnapshot extends Snapshot {
  readonly profilesOf: ProfilesOf;
}

const READ = redisSpan("PIPELINE");
const COMPARE_AND_SET = redisSpan("MULTI");

/**
 * Counts each event exactly once, even if the service crashes at any point. Emits the features of each payment, and the
 * position of each label and payment update in the order of events. Batches of several partitions are counted together,
 * in rounds, because they share terminals and would conflict.
 *
 * A partition's last offset and the output of its last batch are stored together with the states. If a batch is
 * redelivered, it is not counted again; its stored output is emitted again instead. A process that has lost its
 * partition without noticing finds an unexpected offset, and then does the same.
 */
@Injectable()
export class BatchProcessor {
  readonly #rounds = new SerialQueue();
  /**
   * Values of records whose partition was verified because this process counted them or asked Kafka. Values are kept
   * instead of offsets, because records of a recreated topic may have the same offsets.
   */
  readonly #verified = new WeakSet<Uint8Array>();
  /** Used by one round at a time. */
  readonly #states: BatchStates;

  constructor(
    @Inject(FEATURE_ENGINE) private readonly engine: FeatureEngine,
    @Inject(StateStore) private readonly store: StateStore,
    @Inject(PartitionKeys) private readonly partitions: PartitionKeys,
    @Inject(StateCompleteness) private readonly completeness: Pick<StateCompleteness, "check">,
    @Inject(ProfileReader) private readonly profiles: ProfileReader,
    @Inject(EVENT_PRODUCER) private readonly producer: EventProducer,
    @Inject(FeatureMetrics) private readonly metrics: FeatureMetrics,
    private readonly clock: ProcessorClock = { now: Date.now, pause: delay },
  ) {
    this.#states = new BatchStates(engine);
  }

  /**
   * Resolves when the batches are counted; they are published while the next round is counted.
   *
   * @throws TriplineError, here or in `Unfinished`: `message-unreadable` or `invalid-field` before anything is done;
   *   `redis-unavailable`, `kafka-unavailable`, `state-conflict` if the batches must be redelivered; `state-unreadable`
   */
  async handle(incoming: readonly RecordBatch[]): Promise<Unfinished> {
    const parsed = incoming.map(({ topic, partition, records }) => {
      const events = records.map((record) => parseEvent(this.engine, record));
      return { topic, partition, events, traces: events.map((event) => event.trace) };
    });
    for (const { topic, events } of parsed) this.metrics.batch(topic, events.length);
    const counted = Promise.withResolvers<void>();
    // Other partitions must not wait for a broker that does not respond.
    if (!parsed.every(({ topic, partition }) => this.partitions.isChecked(topic, partition))) counted.resolve();
    const finished = withProcessSpans(FEATURES_GROUP, parsed, async (contexts) => {
      const batches = await Promise.all(
        parsed.map(async ({ topic, partition, events }, index): Promise<PartitionBatch> => {
          const appliedKey = await this.partitions.keyOf(topic, partition);
          return { topic, partition, appliedKey, events, contexts: contexts[index] ?? [] };
        }),
      );
      for (const batch of batches) describeEvents(batch);
      const emissions = await this.#countOnce(batches, counted.resolve);
      counted.resolve();
      await this.#publish(
        batches.flatMap(({ events, contexts }, index) => encodeEvents(events, contexts, emissions[index] ?? [])),
      );
      await this.#reply(batches.flatMap((batch) => batch.events));
    });
    await Promise.race([counted.promise, finished]);
    return new Unfinished(finished);
  }

  /**
   * Updates the states up to the end of the batches.
   *
   * @param onAsking called before a request to Kafka
   * @returns the emissions of each batch
   */
  async #countOnce(batches: readonly PartitionBatch[], onAsking: () => void): Promise<BatchEmissions> {
    // Terminates, because the number of unverified records decreases each time.
    for (;;) {
      const { emissions, unverified } = await this.#rounds.run(() => this.#countRound(batches));
      if (unverified.length === 0) return emissions;
      // Done between rounds, so that an unresponsive broker does not block partitions of other brokers.
      onAsking();
      await Promise.all(
        unverified.map(async ({ batch, events }) => {
          await this.partitions.requireHeld(batch.topic, batch.partition);
          for (const event of events) this.#verified.add(event.bytes);
        }),
      );
    }
  }

  /**
   * If there are unverified records, counts nothing, so that the caller asks Kafka and then tries to count the batches
   * again.
   */
  async #countRound(
    batches: readonly PartitionBatch[],
  ): Promise<{ readonly emissions: BatchEmissions; readonly unverified: readonly Unverified[] }> {
    if (new Set(batches.map((batch) => batch.appliedKey)).size < batches.length) {
      // Two batches are from one partition, for example after a rebalance. The second one continues the first.
      const emissions: (readonly Emission[])[] = [];
      for (const batch of batches) {
        const round = await this.#countRound([batch]);
        if (round.unverified.length > 0) return round;
        emissions.push(...round.emissions);
      }
      return { emissions, unverified: [] };
    }
    const { metrics, profiles } = this;
    const entities = profiles.entitiesOf(batches.flatMap((batch) => batch.events));
    const appliedKeys = batches.map((batch) => batch.appliedKey);
    const contexts = batches.flatMap((batch) => batch.contexts);
    const keys = stateKeysOf(batches);
    for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
      const startedAt = performance.now();
      const known = keys.size;
      const takesTurn = tries > TRIES_BEFORE_TURN;
      const snapshot = await this.#afterTurns(() =>
        withSpans(contexts, "redis read", READ, () =>
          metrics.timed("redis read", () =>
            this.store.read(appliedKeys, [...keys], { besides: profiles.commands(entities), takesTurn }),
          ),
        ),
      );
      // Done before anything is counted, because a batch that includes new records would move the stored offset.
      const unverified = this.#unverifiedOf(snapshot, batches);
      if (unverified.length > 0) return { emissions: [], unverified };
      const profilesOf = profiles.rowsOf(entities, snapshot.besides);
      const emissions = await this.#tryCount({ ...snapshot, profilesOf }, batches, contexts, keys);
      if (emissions !== undefined) return { emissions, unverified };
      // The states of cards name further states that payment updates change, which are read next.
      if (keys.size > known) continue;
      for (const batch of batches) metrics.conflict(batch.topic);
      if (tries < TRIES_BEFORE_TURN) await this.clock.pause(Math.random() * (performance.now() - startedAt) * tries);
    }
    throw new TriplineError(
      "state-conflict",
      `Other writers changed the states of a batch ${TRIES_MAX} times while it was processed.`,
    );
  }

  /** Repeats the read while another instance has the turn, but for no longer than one turn can last. */
  async #afterTurns(read: () => Promise<Snapshot>): Promise<Snapshot> {
    const endsAtMs = this.clock.now() + TURN_MS;
    for (let reads = 1; ; reads += 1) {
      const startedAt = performance.now();
      const snapshot = await read();
      if (snapshot.turn !== "other" || this.clock.now() >= endsAtMs) return snapshot;
      await this.clock.pause(Math.random() * Math.max(PAUSE_MS_MIN, performance.now() - startedAt) * reads);
    }
  }

  #unverifiedOf(snapshot: Snapshot, batches: readonly PartitionBatch[]): readonly Unverified[] {
    return batches.flatMap((batch, index) => {
      const counted = appliedOffset(snapshot.appliedHeads[index]);
      const events = batch.events.filter(({ offset, bytes }) => offset <= counted && !this.#verified.has(bytes));
      return events.length > 0 ? [{ batch, events }] : [];
    });
  }

  /**
   * One attempt. Returns undefined if another instance wrote in between, or if more states are needed, whose keys it
   * then adds.
   */
  async #tryCount(
    snapshot: ProfiledSnapshot,
    batches: readonly PartitionBatch[],
    contexts: readonly Context[],
    keys: Set<string>,
  ): Promise<BatchEmissions | undefined> {
    const progress = await this.#progressOf(snapshot, batches);
    if (progress === undefined) return undefined;
    const isNew = progress.some(({ fresh }) => fresh.length > 0);
    // The write also ends the turn, so it is necessary even if no event is new.
    const folds = isNew || snapshot.turn === "own" ? await this.#foldAndWrite(snapshot, progress, contexts, keys) : [];
    if (folds === undefined) return undefined;
    return progress.map(({ batch, fresh, earlier }, index) => {
      this.metrics.redelivered(batch.topic, batch.events.length - fresh.length);
      return [...earlier, ...(folds[index]?.emissions ?? [])];
    });
  }

  /** Undefined if a stored batch has changed since the snapshot. */
  async #progressOf(snapshot: Snapshot, batches: readonly PartitionBatch[]): Promise<readonly Progress[] | undefined> {
    const progress: Progress[] = [];
    for (const [index, batch] of batches.entries()) {
      const counted = appliedOffset(snapshot.appliedHeads[index]);
      const fresh = batch.events.filter((event) => event.offset > counted);
      const isWhole = fresh.length === batch.events.length;
      const earlier = isWhole ? [] : await this.#emittedBefore(batch, counted);
      if (earlier === undefined) return undefined;
      progress.push({ batch, fresh, earlier });
    }
    return progress;
  }

  /**
   * The stored emissions for records of this batch; undefined if the stored batch no longer ends at `counted`. Earlier
   * records need none, because their results were emitted before the stored batch began. A rebuild stores a batch
   * without emissions after the records whose results are in the lake.
   */
  async #emittedBefore(batch: PartitionBatch, counted: number): Promise<readonly Emission[] | undefined> {
    const { appliedKey, events } = batch;
    const applied = await this.store.readApplied(appliedKey);
    if (applied?.offset !== counted) return undefined;
    const offsets = new Set(events.map((event) => event.offset));
    return applied.emissions.filter((emission) => offsets.has(emission.offset));
  }

  /** Folds and writes the events that were not counted yet. Returns undefined in the same cases as `#tryCount`. */
  async #foldAndWrite(
    snapshot: ProfiledSnapshot,
    progress: readonly Progress[],
    contexts: readonly Context[],
    keys: Set<string>,
  ): Promise<readonly PartFold[] | undefined> {
    const { metrics } = this;
    const incomplete = !(await this.completeness.check(snapshot.complete));
    const { flagged, profilesOf } = snapshot;
    const context = { nowMs: this.clock.now(), incomplete, flagged, profilesOf };
    const fresh = progress.map((one) => one.fresh);
    const {
      parts: folds,
      changed,
      missing,
    } = await metrics.timed("fold", () => foldParts(this.#states, snapshot.states, fresh, context));
    if (missing.size > 0) {
      for (const key of missing) keys.add(key);
      return undefined;
    }
    const change = {
      snapshot,
      applied: progress.flatMap((one, index) => appliedOf(one, folds[index]?.emissions ?? [])),
      states: [...changed].map(([key, value]) => ({ key, value })),
    };
    const written = await withSpans(contexts, "redis compare-and-set", COMPARE_AND_SET, () =>
      metrics.timed("redis compare-and-set", () => this.store.compareAndSet(change)),
    );
    if (!written) return undefined;
    for (const event of fresh.flat()) this.#verified.add(event.bytes);
    for (const [index, fold] of folds.entries()) metrics.folded(progress[index]?.batch.topic ?? "", fold);
    return folds;
  }

  async #publish(events: readonly OutgoingEvent[]): Promise<void> {
    const kinds = [...Map.groupBy(events, ({ event }) => event.kind)];
    const sending = kinds.map(([kind, ofKind]) => {
      const topic = TOPIC_OF[kind].name;
      const traces = ofKind.map(({ trace }) => trace);
      return withSpans(traces, `send ${topic}`, sendSpan(topic, ofKind.length), (contexts) =>
        this.metrics.timed("features publish", () =>
          this.producer.send(ofKind.map((one, index) => outgoingRecord(one, contexts[index]))),
        ),
      );
    });
    await Promise.all(sending);
  }

  async #reply(events: readonly EventRecord[]): Promise<void> {
    const replies = events.flatMap((event) => {
      const channel = event.headers[HEADERS.replyTo];
      return event.kind === "label" && channel !== undefined ? [{ channel, labelId: event.label.labelId }] : [];
    });
    if (replies.length > 0) await this.store.replyApplied(replies);
  }
}

function describeEvents({ events, contexts }: PartitionBatch): void {
  for (const [index, event] of events.entries())
    describeSpan(contexts[index] ?? event.trace, () => attributesOf(event));
}

function attributesOf(event: EventRecord): Attributes {
  return {
    "kafka.offset": event.offset,
    ...(event.kind === "payment" ? { "tripline.payment.id": event.transaction.transactionId } : {}),
  };
}

/** Keys of all states that the events name. */
function stateKeysOf(batches: readonly PartitionBatch[]): Set<string> {
  const keys = new Set<string>();
  for (const { events } of batches) {
    for (const event of events) {
      for (const key of event.stateKeys) if (key !== undefined) keys.add(key);
    }
  }
  return keys;
}

/**
 * The data to store for a batch with new events. Includes the emissions of its redelivered records, which are needed if
 * the batch itself is redelivered.
 */
function appliedOf({ batch, fresh, earlier }: Progress, emissions: readonly Emission[]) {
  const offset = fresh.at(-1)?.offset;
  if (offset === undefined) return [];
  return [{ key: batch.appliedKey, value: encodeApplied({ offset, emissions: [...earlier, ...emissions] }) }];
}
