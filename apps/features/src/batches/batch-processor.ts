import type { Attributes, Context } from "@opentelemetry/api";
import { TriplineError } from "@tripline/contracts/error-table";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import type { FeatureEngine } from "@tripline/feature-engine/online/compile-engine";
import { ByteWriter } from "@tripline/feature-engine/state/byte-writer";
import type { EventProducer, OutgoingRecord, RecordBatch } from "@tripline/kafka/port";
import { SerialQueue } from "@tripline/kafka/serial-queue";
import { withProcessSpans } from "@tripline/telemetry/process-spans";
import { redisSpan, sendSpan } from "@tripline/telemetry/span-options";
import { describeSpan, headersFromContext, withSpans } from "@tripline/telemetry/tracing";
import type { FeatureMetrics } from "../feature-metrics.js";
import type { ProfileReader, ProfilesOf } from "../profiles/profile-reader.js";
import type { Emission } from "../states/applied-batch.js";
import { appliedOffset, encodeApplied } from "../states/applied-batch.js";
import type { PartitionKeys } from "../states/partition-keys.js";
import type { StateCompleteness } from "../states/state-completeness.js";
import { FEATURES_GROUP } from "../states/state-completeness.js";
import type { Snapshot, StateStore } from "../states/state-store.js";
import { EMISSION_HEAD_BYTES_MAX, writeEmission } from "./encode-findings.js";
import type { PartFold } from "./fold-events.js";
import { foldParts } from "./fold-events.js";
import type { EventRecord } from "./parse-event.js";
import { parseEvent } from "./parse-event.js";

export interface BatchProcessorOptions {
  readonly engine: FeatureEngine;
  readonly store: StateStore;
  readonly partitions: PartitionKeys;
  readonly completeness: Pick<StateCompleteness, "check">;
  /** Reads the profiles in the round trip of the states. */
  readonly profiles: ProfileReader;
  readonly producer: EventProducer;
  readonly metrics: FeatureMetrics;
  /** Wall clock in milliseconds since the epoch. */
  readonly now: () => number;
  /** Waits before a batch that met another writer is tried again. */
  readonly pause: (ms: number) => Promise<void>;
}

/** Tries of one batch against other writers before the consumer has to back off. */
const TRIES_MAX = 20;
/**
 * After a conflict the next try waits for a random part of the time that this one took, times the number of conflicts:
 * writers that keep meeting spread out, whatever their batches cost.
 */
const CONFLICT_WAITS_MAX = 6;

/**
 * Records that are counted together, of any partitions: enough that round trips cost little, and so few that folding
 * them blocks the process for a few milliseconds at most.
 */
export const RECORDS_TOGETHER_MAX = 200;
/** While what one round emits is published, the next one is counted. */
export const ROUNDS_MAX = 2;

/** The events of one partition's batch. */
interface Part {
  readonly topic: string;
  readonly partition: number;
  readonly appliedKey: string;
  readonly events: readonly EventRecord[];
  /** One per event. */
  readonly contexts: readonly Context[];
}

/** Records that were counted before, of which it is not known yet whether their partition is the one that was counted. */
interface Doubt {
  readonly part: Part;
  readonly events: readonly EventRecord[];
}

/** What each part has to emit. With doubts, the parts have to be applied again once Kafka was asked. */
interface Outcome {
  readonly emissions: readonly (readonly Emission[])[];
  readonly doubts: readonly Doubt[];
}

/** A snapshot with the profiles that were read beside it. */
interface ProfiledSnapshot extends Snapshot {
  readonly profilesOf: ProfilesOf;
}

const READ = redisSpan("PIPELINE");
const COMPARE_AND_SET = redisSpan("MULTI");

/**
 * Counts the events of batches once, even if the service crashes at any point, and emits the features of its payments and
 * the places of its labels in the order of events. Batches of several partitions are counted together, one round after
 * the other, because they share terminals and would conflict.
 *
 * A partition's last offset and what its last batch emits are stored together with the states. A re-delivered batch is
 * not counted again: it emits the stored bytes once more. A writer that lost its partition without knowing finds another
 * stored offset than it expects, and does the same.
 */
export class BatchProcessor {
  readonly #turns = new SerialQueue();
  /**
   * Values of records that are known to be of the partition that was counted: this process has counted them, or has asked.
   * Not their offsets: records of a topic that was created again may have the same ones.
   */
  readonly #held = new WeakSet<Uint8Array>();

  constructor(private readonly options: BatchProcessorOptions) {}

  /**
   * @throws TriplineError `message-unreadable` or `invalid-field` before anything was done; `redis-unavailable`,
   *   `kafka-unavailable`, `state-conflict` when the batches have to come again; `state-unreadable`
   */
  async handle(batches: readonly RecordBatch[]): Promise<void> {
    const { engine, metrics, partitions } = this.options;
    const parsed = batches.map(({ topic, partition, records }) => {
      const events = records.map((record) => parseEvent(engine, record));
      return { topic, partition, events, traces: events.map((event) => event.trace) };
    });
    for (const { topic, events } of parsed) metrics.batch(topic, events.length);
    await withProcessSpans(FEATURES_GROUP, parsed, async (contexts) => {
      const asking = parsed.map(async ({ topic, partition, events }, index): Promise<Part> => {
        const appliedKey = await partitions.keyOf(topic, partition);
        return { topic, partition, appliedKey, events, contexts: contexts[index] ?? [] };
      });
      const parts = await Promise.all(asking);
      for (const part of parts) describeEvents(part);
      const emissions = await this.#applyHeld(parts);
      await this.#publish(parts.flatMap((part, index) => joinEvents(part, emissions[index] ?? [])));
      await this.#reply(parts.flatMap((part) => part.events));
    });
  }

  /** Brings the states to the end of the batches. @returns what each of them has to emit */
  async #applyHeld(parts: readonly Part[]): Promise<readonly (readonly Emission[])[]> {
    // Ends, because there are fewer doubtful records every time.
    for (;;) {
      const { emissions, doubts } = await this.#turns.run(() => this.#apply(parts));
      if (doubts.length === 0) return emissions;
      // Between turns: one broker that does not answer must not hold up the partitions of the others.
      await Promise.all(doubts.map((doubt) => this.#ask(doubt)));
    }
  }

  async #ask({ part, events }: Doubt): Promise<void> {
    await this.options.partitions.requireHeld(part.topic, part.partition);
    for (const event of events) this.#held.add(event.bytes);
  }

  async #apply(parts: readonly Part[]): Promise<Outcome> {
    if (new Set(parts.map((part) => part.appliedKey)).size < parts.length) {
      // Two batches of one partition, as after a rebalance: the second one begins where the first one ended.
      const emissions: (readonly Emission[])[] = [];
      for (const part of parts) {
        const outcome = await this.#apply([part]);
        if (outcome.doubts.length > 0) return outcome;
        emissions.push(...outcome.emissions);
      }
      return { emissions, doubts: [] };
    }
    const { store, metrics, profiles } = this.options;
    const entities = profiles.entitiesOf(parts.flatMap((part) => part.events));
    const appliedKeys = parts.map((part) => part.appliedKey);
    const contexts = parts.flatMap((part) => part.contexts);
    const keys = keysOf(parts);
    for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
      const startedAt = performance.now();
      const snapshot = await withSpans(contexts, "redis read", READ, () =>
        metrics.timed("redis read", () => store.read(appliedKeys, keys, profiles.commands(entities))),
      );
      const profilesOf = profiles.rowsOf(entities, snapshot.besides);
      // Before anything is counted: a batch with new records as well would move the stored offset.
      const doubts = this.#doubtsOf(snapshot, parts);
      if (doubts.length > 0) return { emissions: [], doubts };
      const emissions = await this.#applyTo({ ...snapshot, profilesOf }, parts, contexts);
      if (emissions !== undefined) return { emissions, doubts };
      for (const part of parts) metrics.conflict(part.topic);
      await this.options.pause(Math.random() * (performance.now() - startedAt) * Math.min(tries, CONFLICT_WAITS_MAX));
    }
    throw new TriplineError("state-conflict", `Other writers changed the states of one batch ${TRIES_MAX} times.`);
  }

  /** One try; undefined when somebody else wrote in between. */
  async #applyTo(
    snapshot: ProfiledSnapshot,
    parts: readonly Part[],
    contexts: readonly Context[],
  ): Promise<readonly (readonly Emission[])[] | undefined> {
    const progress = await this.#progressOf(snapshot, parts);
    if (progress === undefined) return undefined;
    const isNew = progress.some(({ fresh }) => fresh.length > 0);
    const folds = isNew ? await this.#count(snapshot, progress, contexts) : [];
    if (folds === undefined) return undefined;
    return progress.map(({ part, fresh, earlier }, index) => {
      this.options.metrics.redelivered(part.topic, part.events.length - fresh.length);
      return [...earlier, ...(folds[index]?.emissions ?? [])];
    });
  }

  /** Folds what was not counted before and writes it; undefined when somebody else wrote in between. */
  async #count(
    snapshot: ProfiledSnapshot,
    progress: readonly Progress[],
    contexts: readonly Context[],
  ): Promise<readonly PartFold[] | undefined> {
    const { engine, store, metrics, now, completeness } = this.options;
    const incomplete = !(await completeness.check(snapshot.complete));
    const context = { nowMs: now(), incomplete, flagged: snapshot.flagged, profilesOf: snapshot.profilesOf };
    const fresh = progress.map((one) => one.fresh);
    const { parts: folds, changed } = await metrics.timed("fold", () =>
      foldParts(engine, snapshot.states, fresh, context),
    );
    const change = {
      snapshot,
      applied: progress.flatMap((one, index) => appliedOf(one, folds[index]?.emissions ?? [])),
      states: [...changed].map(([key, value]) => ({ key, value })),
    };
    const written = await withSpans(contexts, "redis compare-and-set", COMPARE_AND_SET, () =>
      metrics.timed("redis compare-and-set", () => store.compareAndSet(change)),
    );
    if (!written) return undefined;
    for (const event of fresh.flat()) this.#held.add(event.bytes);
    for (const [index, fold] of folds.entries()) {
      const topic = progress[index]?.part.topic ?? "";
      metrics.folded(topic, fold);
    }
    return folds;
  }

  #doubtsOf(snapshot: Snapshot, parts: readonly Part[]): readonly Doubt[] {
    return parts.flatMap((part, index) => {
      const counted = appliedOffset(snapshot.appliedHeads[index]);
      const events = part.events.filter(({ offset, bytes }) => offset <= counted && !this.#held.has(bytes));
      return events.length > 0 ? [{ part, events }] : [];
    });
  }

  /**
   * The events of each part that are still to be counted, and what its other events led to when they were counted;
   * undefined when a stored batch is no longer the one of the snapshot.
   */
  async #progressOf(snapshot: Snapshot, parts: readonly Part[]): Promise<readonly Progress[] | undefined> {
    const progress: Progress[] = [];
    for (const [index, part] of parts.entries()) {
      const counted = appliedOffset(snapshot.appliedHeads[index]);
      const fresh = part.events.filter((event) => event.offset > counted);
      const isWhole = fresh.length === part.events.length;
      const earlier = isWhole ? [] : await this.#emittedBefore(part, counted);
      if (earlier === undefined) return undefined;
      progress.push({ part, fresh, earlier });
    }
    return progress;
  }

  /**
   * What records of this batch led to when they were counted; undefined when the stored batch is no longer the one that
   * ended at `counted`. Records before the stored batch have been emitted: it began only after that. A rebuild stores a
   * batch without emissions, behind records that the lake shows to have been emitted.
   */
  async #emittedBefore(part: Part, counted: number): Promise<readonly Emission[] | undefined> {
    const { appliedKey, events } = part;
    const applied = await this.options.store.readApplied(appliedKey);
    if (applied?.offset !== counted) return undefined;
    const offsets = new Set(events.map((event) => event.offset));
    return applied.emissions.filter((emission) => offsets.has(emission.offset));
  }

  async #publish(works: readonly Work[]): Promise<void> {
    const { producer, metrics } = this.options;
    const kinds = [...Map.groupBy(works, ({ event }) => event.kind)];
    const sending = kinds.map(([kind, ofKind]) => {
      const topic = TOPIC_OF[kind].name;
      const traces = ofKind.map((work) => work.trace);
      return withSpans(traces, `send ${topic}`, sendSpan(topic, ofKind.length), (publishing) =>
        metrics.timed("features publish", () =>
          producer.send(ofKind.map(({ event, value }, index) => outgoing(event, value, publishing[index]))),
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
    if (replies.length > 0) await this.options.store.replyApplied(replies);
  }
}

/** The topic on which the result of an event is published. */
const TOPIC_OF = { payment: TOPICS.features, label: TOPICS.appliedLabels } as const;

function describeEvents({ events, contexts }: Part): void {
  for (const [index, event] of events.entries())
    describeSpan(contexts[index] ?? event.trace, () => attributesOf(event));
}

function attributesOf(event: EventRecord): Attributes {
  return {
    "kafka.offset": event.offset,
    ...(event.kind === "payment" ? { "tripline.payment.id": event.transaction.transactionId } : {}),
  };
}

/** Keys of all states that the events name, each once. */
function keysOf(parts: readonly Part[]): string[] {
  const keys = new Set<string>();
  for (const { events } of parts) {
    for (const event of events) {
      for (const key of event.stateKeys) if (key !== undefined) keys.add(key);
    }
  }
  return [...keys];
}

/** How far a part was counted before. */
interface Progress {
  readonly part: Part;
  /** Events that were not counted before. */
  readonly fresh: readonly EventRecord[];
  /** What the others led to. */
  readonly earlier: readonly Emission[];
}

/**
 * What to store of a part that has new events. A batch with re-delivered records has to emit those as well, if it is
 * re-delivered itself.
 */
function appliedOf({ part, fresh, earlier }: Progress, emissions: readonly Emission[]) {
  const offset = fresh.at(-1)?.offset;
  if (offset === undefined) return [];
  return [{ key: part.appliedKey, value: encodeApplied({ offset, emissions: [...earlier, ...emissions] }) }];
}

/** An event with the message that it led to. */
interface Work {
  readonly event: EventRecord;
  readonly trace: Context;
  readonly value: Uint8Array;
}

/** Makes messages of emissions and the events at their offsets. */
function joinEvents({ events, contexts }: Part, emissions: readonly Emission[]): Work[] {
  const places = new Map(events.map((event, index) => [event.offset, index]));
  const factBytes = events.reduce((bytes, event) => bytes + event.bytes.length, 0);
  const findingsBytes = emissions.reduce((bytes, { findings }) => bytes + findings.length, 0);
  const writer = new ByteWriter(factBytes + findingsBytes + emissions.length * EMISSION_HEAD_BYTES_MAX);
  return emissions.map(({ offset, findings }) => {
    const index = places.get(offset) ?? -1;
    const event = events[index];
    const trace = contexts[index];
    if (event === undefined || trace === undefined) {
      throw new TriplineError("internal", `The batch has no event at offset ${offset}.`);
    }
    const start = writer.length;
    writeEmission(writer, event.bytes, findings);
    return { event, trace, value: writer.since(start) };
  });
}

/** A payment's vector is sent to decisions, a label is kept with its place in the order of events. */
function outgoing(event: EventRecord, value: Uint8Array, trace: Context | undefined): OutgoingRecord {
  const topic = TOPIC_OF[event.kind];
  const fact = event.kind === "payment" ? event.transaction : event.label;
  const headers = trace === undefined ? {} : headersFromContext(trace);
  headers[HEADERS.schema] = topic.schema;
  headers[HEADERS.tenant] = fact.tenant;
  if (event.kind === "payment") passOn(event.headers, headers);
  return { topic: topic.name, key: fact.cardToken, value, headers };
}

/** Copies the headers of a payment that say who waits for its decision, and how long. */
function passOn(from: Readonly<Record<string, string>>, to: Record<string, string>): void {
  for (const name of [HEADERS.deadline, HEADERS.replyTo]) {
    const value = from[name];
    if (value !== undefined) to[name] = value;
  }
}
