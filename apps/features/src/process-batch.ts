import { setTimeout as delay } from "node:timers/promises";
import type { Context } from "@opentelemetry/api";
import { SpanKind } from "@opentelemetry/api";
import { TriplineError } from "@tripline/contracts/error-table";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import type { FeatureEngine } from "@tripline/feature-engine/compile-engine";
import type { EventProducer, OutgoingRecord, RecordBatch } from "@tripline/kafka/port";
import { headersFromContext, withSpans } from "@tripline/service-kit/tracing";
import type { Emission } from "./applied-batch.js";
import { appliedOffset, encodeApplied } from "./applied-batch.js";
import type { FeatureMetrics } from "./feature-metrics.js";
import { foldEvents } from "./fold-events.js";
import type { EventRecord, PaymentRecord } from "./parse-event.js";
import { parseEvent } from "./parse-event.js";
import type { PartitionKeys } from "./partition-keys.js";
import type { Snapshot, StateStore } from "./state-store.js";
import { Turns } from "./take-turns.js";

export interface BatchProcessorOptions {
  readonly engine: FeatureEngine;
  readonly store: StateStore;
  readonly partitions: PartitionKeys;
  readonly producer: EventProducer;
  readonly metrics: FeatureMetrics;
  /** Wall clock in milliseconds since the epoch. */
  readonly now: () => number;
}

/** Tries of one batch against other writers before the consumer has to back off. */
const TRIES_MAX = 20;
/** Longest random wait after a conflict, for each try so far. */
const CONFLICT_WAIT_MS = 2;

const CLIENT = { kind: SpanKind.CLIENT, attributes: { "db.system.name": "redis" } } as const;
const PRODUCER = {
  kind: SpanKind.PRODUCER,
  attributes: { "messaging.system": "kafka", "messaging.destination.name": TOPICS.features.name },
} as const;

/**
 * Counts the events of a batch once, whatever crashes in between, and emits the features of its payments.
 *
 * The partition's last offset and what its last batch emits are stored together with the states. A batch that comes
 * again is not counted again: it emits the stored bytes once more. A writer that lost its partition without knowing
 * finds another offset stored than it expects, and does the same.
 */
export class BatchProcessor {
  readonly #turns = new Turns();

  constructor(private readonly options: BatchProcessorOptions) {}

  /**
   * @throws TriplineError `message-unreadable` or `invalid-field` before anything was done; `redis-unavailable`,
   *   `kafka-unavailable`, `state-conflict` when the batch has to come again; `state-unreadable`
   */
  async handle(batch: RecordBatch): Promise<void> {
    const events = batch.records.map(parseEvent);
    const traces = events.map((event) => event.trace);
    this.options.metrics.batch(batch.topic, events.length);
    await withSpans(traces, `${batch.topic} process`, consumerOf(batch.topic), async (contexts) => {
      const appliedKey = await this.options.partitions.keyOf(batch.topic, batch.partition);
      const emissions = await this.#turns.run(() => this.#apply(batch.topic, appliedKey, events, contexts));
      await this.#publish(events, contexts, emissions);
      await this.#reply(events);
    });
  }

  /** Brings the states to the end of the batch and returns what the batch has to emit. */
  async #apply(
    topic: string,
    appliedKey: string,
    events: readonly EventRecord[],
    contexts: readonly Context[],
  ): Promise<readonly Emission[]> {
    const { store, metrics } = this.options;
    const keys = [...new Set(events.flatMap((event) => [event.cardKey, event.terminalKey]))];
    for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
      const snapshot = await withSpans(contexts, "redis read", CLIENT, () =>
        metrics.timed("redis read", () => store.read(appliedKey, keys)),
      );
      const emissions = await this.#applyTo(snapshot, topic, appliedKey, events, contexts);
      if (emissions !== undefined) return emissions;
      metrics.conflict(topic);
      await delay(Math.random() * CONFLICT_WAIT_MS * tries);
    }
    throw new TriplineError("state-conflict", `Other writers changed the states of one batch ${TRIES_MAX} times.`);
  }

  /** One try; undefined when somebody else wrote in between. */
  async #applyTo(
    snapshot: Snapshot,
    topic: string,
    appliedKey: string,
    events: readonly EventRecord[],
    contexts: readonly Context[],
  ): Promise<readonly Emission[] | undefined> {
    const { engine, store, metrics, now } = this.options;
    const counted = appliedOffset(snapshot.appliedHead);
    const fresh = events.filter((event) => event.offset > counted);
    const earlier = fresh.length < events.length ? await this.#emittedBefore(appliedKey, counted, events) : [];
    if (earlier === undefined) return undefined;
    const last = fresh.at(-1);
    if (last === undefined) {
      metrics.redelivered(topic, events.length);
      return earlier;
    }
    const fold = await metrics.timed("fold", () => foldEvents(engine, snapshot.states, fresh, now()));
    // A batch that brings back some records has to emit those as well, should it have to come again itself.
    const emissions = [...earlier, ...fold.emissions];
    const change = {
      appliedKey,
      appliedHead: snapshot.appliedHead,
      applied: encodeApplied({ offset: last.offset, emissions }),
      states: [...fold.changed].map(([key, after]) => ({ key, before: snapshot.states.get(key) ?? null, after })),
    };
    const written = await withSpans(contexts, "redis compare-and-set", CLIENT, () =>
      metrics.timed("redis compare-and-set", () => store.compareAndSet(change)),
    );
    if (!written) return undefined;
    metrics.redelivered(topic, events.length - fresh.length);
    metrics.folded(topic, fold);
    return emissions;
  }

  /**
   * What records of this batch led to when they were counted; undefined when the stored batch is no longer the one that
   * ended at `counted`. Records before the stored batch have been emitted: it began only after that.
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
    const places = new Map(events.map((event, index) => [event.offset, index]));
    const works = emissions.map((emission) => {
      const index = places.get(emission.offset) ?? -1;
      const event = events[index];
      const trace = contexts[index];
      if (event?.kind !== "payment" || trace === undefined) {
        throw new TriplineError("internal", `No payment of the batch stands at offset ${emission.offset}.`);
      }
      return { event, trace, value: emission.value };
    });
    const { producer, metrics } = this.options;
    const traces = works.map((work) => work.trace);
    await withSpans(traces, "features publish", PRODUCER, (publishing) =>
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

function consumerOf(topic: string) {
  return {
    kind: SpanKind.CONSUMER,
    attributes: { "messaging.system": "kafka", "messaging.destination.name": topic },
  } as const;
}

function outgoing(event: PaymentRecord, value: Uint8Array, trace: Context | undefined): OutgoingRecord {
  const { deadline, replyTo } = HEADERS;
  const passedOn = Object.entries(event.headers).filter(([name]) => name === deadline || name === replyTo);
  return {
    topic: TOPICS.features.name,
    key: event.transaction.cardToken,
    value,
    headers: {
      ...Object.fromEntries(passedOn),
      [HEADERS.schema]: TOPICS.features.schema,
      [HEADERS.tenant]: event.transaction.tenant,
      ...(trace === undefined ? {} : headersFromContext(trace)),
    },
  };
}
