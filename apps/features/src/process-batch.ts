import type { Attributes, Context } from "@opentelemetry/api";
import { TriplineError } from "@tripline/contracts/error-table";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import { ByteWriter } from "@tripline/feature-engine/byte-writer";
import type { FeatureEngine } from "@tripline/feature-engine/compile-engine";
import type { EventProducer, OutgoingRecord, RecordBatch } from "@tripline/kafka/port";
import { WorkGatherer } from "@tripline/service-kit/gather-work";
import { processSpan, redisSpan, sendSpan } from "@tripline/service-kit/span-options";
import { describeSpan, headersFromContext, withSpans } from "@tripline/service-kit/tracing";
import type { Emission } from "./applied-batch.js";
import { appliedOffset, encodeApplied } from "./applied-batch.js";
import { EMISSION_HEAD_BYTES_MAX, writeEmission } from "./encode-findings.js";
import type { FeatureMetrics } from "./feature-metrics.js";
import type { PartFold } from "./fold-events.js";
import { foldParts } from "./fold-events.js";
import type { EventRecord } from "./parse-event.js";
import { parseEvent } from "./parse-event.js";
import type { PartitionKeys } from "./partition-keys.js";
import type { StateCompleteness } from "./state-completeness.js";
import { FEATURES_GROUP } from "./state-completeness.js";
import type { Snapshot, StateStore } from "./state-store.js";

export interface BatchProcessorOptions {
  readonly engine: FeatureEngine;
  readonly store: StateStore;
  readonly partitions: PartitionKeys;
  readonly completeness: Pick<StateCompleteness, "check">;
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
 * After a conflict the next try comes after a random part of the time that this one took, and of some more such times
 * the more often it happened: writers that meet again and again spread out, whatever their batches cost.
 */
const CONFLICT_WAITS_MAX = 6;

/**
 * Records that are counted together, of whatever partitions: enough that the round trips weigh little, and so few that
 * folding them does not hold up the process for more than a few milliseconds.
 */
export const RECORDS_TOGETHER_MAX = 200;

/** The events of one partition's batch, and what they led to. */
interface Part {
  readonly topic: string;
  readonly appliedKey: string;
  readonly events: readonly EventRecord[];
  readonly contexts: readonly Context[];
  emissions: readonly Emission[];
}

const READ = redisSpan("PIPELINE");
const COMPARE_AND_SET = redisSpan("MULTI");

/**
 * Counts the events of a batch once, whatever crashes in between, and emits the features of its payments and the places
 * of its labels in the order of events. Batches of several partitions that come at about the same time are counted
 * together; one by one, since they share terminals and would meet in conflicts.
 *
 * The partition's last offset and what its last batch emits are stored together with the states. A batch that comes
 * again is not counted again: it emits the stored bytes once more. A writer that lost its partition without knowing
 * finds another offset stored than it expects, and does the same.
 */
export class BatchProcessor {
  readonly #gatherer = new WorkGatherer<Part>({
    doTogether: (parts) => this.#apply(parts),
    sizeOf: (part) => part.events.length,
    sizeMax: RECORDS_TOGETHER_MAX,
    roundsMax: 1,
  });

  constructor(private readonly options: BatchProcessorOptions) {}

  /**
   * @throws TriplineError `message-unreadable` or `invalid-field` before anything was done; `redis-unavailable`,
   *   `kafka-unavailable`, `state-conflict` when the batch has to come again; `state-unreadable`
   */
  async handle(batch: RecordBatch): Promise<void> {
    const { topic } = batch;
    const events = batch.records.map((record) => parseEvent(this.options.engine, record));
    const traces = events.map((event) => event.trace);
    this.options.metrics.batch(topic, events.length);
    const settings = processSpan(topic, batch.partition, events.length, FEATURES_GROUP);
    await withSpans(traces, `process ${topic}`, settings, async (contexts) => {
      for (const [index, event] of events.entries()) {
        describeSpan(contexts[index] ?? event.trace, () => attributesOf(event));
      }
      const appliedKey = await this.options.partitions.keyOf(topic, batch.partition);
      const part: Part = { topic, appliedKey, events, contexts, emissions: [] };
      await this.#gatherer.run(part);
      await this.#publish(events, contexts, part.emissions);
      await this.#reply(events);
    });
  }

  /** Brings the states to the end of the batches and notes what each batch has to emit. */
  async #apply(parts: readonly Part[]): Promise<void> {
    if (new Set(parts.map((part) => part.appliedKey)).size < parts.length) {
      // Two batches of one partition, as after a rebalance: the second one begins where the first one ended.
      for (const part of parts) await this.#apply([part]);
      return;
    }
    const { store, metrics } = this.options;
    const appliedKeys = parts.map((part) => part.appliedKey);
    const contexts = parts.flatMap((part) => part.contexts);
    const keys = keysOf(parts);
    for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
      const startedAt = performance.now();
      const snapshot = await withSpans(contexts, "redis read", READ, () =>
        metrics.timed("redis read", () => store.read(appliedKeys, keys)),
      );
      if (await this.#applyTo(snapshot, parts, contexts)) return;
      for (const part of parts) metrics.conflict(part.topic);
      await this.options.pause(Math.random() * (performance.now() - startedAt) * Math.min(tries, CONFLICT_WAITS_MAX));
    }
    throw new TriplineError("state-conflict", `Other writers changed the states of one batch ${TRIES_MAX} times.`);
  }

  /** One try; false when somebody else wrote in between. */
  async #applyTo(snapshot: Snapshot, parts: readonly Part[], contexts: readonly Context[]): Promise<boolean> {
    const { engine, store, metrics, now, completeness } = this.options;
    const news = await this.#newsOf(snapshot, parts);
    if (news === undefined) return false;
    const counting = news.filter(({ fresh }) => fresh.length > 0);
    if (counting.length > 0) {
      const incomplete = !(await completeness.check(snapshot.complete));
      const context = { nowMs: now(), incomplete };
      const fresh = counting.map((one) => one.fresh);
      const folded = await metrics.timed("fold", () => foldParts(engine, snapshot.states, fresh, context));
      counting.forEach((one, index) => {
        one.fold = folded.parts[index];
      });
      const change = {
        snapshot,
        applied: counting.map(appliedOf),
        states: [...folded.changed].map(([key, value]) => ({ key, value })),
      };
      const written = await withSpans(contexts, "redis compare-and-set", COMPARE_AND_SET, () =>
        metrics.timed("redis compare-and-set", () => store.compareAndSet(change)),
      );
      if (!written) return false;
      for (const { part, fresh: own, fold } of counting) {
        if (fold !== undefined) metrics.folded(part.topic, { ...fold, incomplete: incomplete ? own.length : 0 });
      }
    }
    for (const one of news) {
      one.part.emissions = emissionsOf(one);
      metrics.redelivered(one.part.topic, one.part.events.length - one.fresh.length);
    }
    return true;
  }

  /**
   * What of each part is to be counted, and what the rest of it led to when it was counted; undefined when a stored batch
   * is no longer the one of the snapshot.
   */
  async #newsOf(snapshot: Snapshot, parts: readonly Part[]): Promise<News[] | undefined> {
    const news: News[] = [];
    for (const [index, part] of parts.entries()) {
      const counted = appliedOffset(snapshot.appliedHeads[index]);
      const fresh = part.events.filter((event) => event.offset > counted);
      const isWhole = fresh.length === part.events.length;
      const earlier = isWhole ? [] : await this.#emittedBefore(part.appliedKey, counted, part.events);
      if (earlier === undefined) return undefined;
      news.push({ part, fresh, earlier, fold: undefined });
    }
    return news;
  }

  /**
   * What records of this batch led to when they were counted; undefined when the stored batch is no longer the one that
   * ended at `counted`. Records before the stored batch have been emitted: it began only after that. A rebuild stores a
   * batch without emissions, behind records that the lake shows to have been emitted.
   */
  async #emittedBefore(
    appliedKey: string,
    counted: number,
    events: readonly EventRecord[],
  ): Promise<readonly Emission[] | undefined> {
    const applied = await this.options.store.readApplied(appliedKey);
    if (applied?.offset !== counted) return undefined;
    const offsets = new Set(events.map((event) => event.offset));
    return applied.emissions.filter((emission) => offsets.has(emission.offset));
  }

  async #publish(
    events: readonly EventRecord[],
    contexts: readonly Context[],
    emissions: readonly Emission[],
  ): Promise<void> {
    if (emissions.length === 0) return;
    const works = joinEvents(events, contexts, emissions);
    const { producer, metrics } = this.options;
    const traces = works.map((work) => work.trace);
    const topic = topicOf(works[0]?.event.kind);
    await withSpans(traces, `send ${topic.name}`, sendSpan(topic.name, works.length), (publishing) =>
      metrics.timed("features publish", () =>
        producer.send(works.map(({ event, value }, index) => outgoing(event, value, publishing[index]))),
      ),
    );
  }

  async #reply(events: readonly EventRecord[]): Promise<void> {
    const replies = events.flatMap((event) => {
      const channel = event.headers[HEADERS.replyTo];
      return event.kind === "label" && channel !== undefined ? [{ channel, labelId: event.label.labelId }] : [];
    });
    if (replies.length > 0) await this.options.store.replyApplied(replies);
  }
}

/** All events of a batch are of one kind. */
function topicOf(kind: EventRecord["kind"] | undefined) {
  return kind === "label" ? TOPICS.appliedLabels : TOPICS.features;
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

/** What is to be done about a part. */
interface News {
  readonly part: Part;
  /** Events that were not counted before. */
  readonly fresh: readonly EventRecord[];
  /** What the others led to. */
  readonly earlier: readonly Emission[];
  fold: PartFold | undefined;
}

function emissionsOf({ earlier, fold }: News): readonly Emission[] {
  return fold === undefined ? earlier : [...earlier, ...fold.emissions];
}

/** A batch that brings back some records has to emit those as well, should it have to come again itself. */
function appliedOf(news: News): { key: string; value: Uint8Array } {
  const offset = news.fresh.at(-1)?.offset ?? -1;
  return { key: news.part.appliedKey, value: encodeApplied({ offset, emissions: emissionsOf(news) }) };
}

/** An event with the message that it led to. */
interface Work {
  readonly event: EventRecord;
  readonly trace: Context;
  readonly value: Uint8Array;
}

/** Makes messages of emissions and the events at their offsets. */
function joinEvents(
  events: readonly EventRecord[],
  contexts: readonly Context[],
  emissions: readonly Emission[],
): Work[] {
  const places = new Map(events.map((event, index) => [event.offset, index]));
  const factBytes = events.reduce((bytes, event) => bytes + event.bytes.length, 0);
  const findingsBytes = emissions.reduce((bytes, { findings }) => bytes + findings.length, 0);
  const writer = new ByteWriter(factBytes + findingsBytes + emissions.length * EMISSION_HEAD_BYTES_MAX);
  return emissions.map(({ offset, findings }) => {
    const index = places.get(offset) ?? -1;
    const event = events[index];
    const trace = contexts[index];
    if (event === undefined || trace === undefined) {
      throw new TriplineError("internal", `No event of the batch stands at offset ${offset}.`);
    }
    const start = writer.length;
    writeEmission(writer, event.bytes, findings);
    return { event, trace, value: writer.since(start) };
  });
}

/** A payment's vector goes on to be decided, a label is kept with its place in the order of events. */
function outgoing(event: EventRecord, value: Uint8Array, trace: Context | undefined): OutgoingRecord {
  const topic = topicOf(event.kind);
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
