import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { Decision } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import type { EventProducer } from "@tripline/kafka/port";
import type { Logger } from "@tripline/telemetry/logger";
import { redisSpan, sendSpan } from "@tripline/telemetry/span-options";
import { headersFromContext, withSpan } from "@tripline/telemetry/tracing";
import type { IngestionMetrics } from "../ingestion-metrics.js";
import { keyRecord } from "../personal/seal-personal.js";
import { FairShares } from "../replies/fair-shares.js";
import type { Reply, ReplyGroup, ReplyWaiters } from "../replies/reply-waiters.js";
import type { IntakeTopic } from "./intake-topics.js";
import type { PreparedEvent } from "./prepare-event.js";
import { nameOf } from "./prepare-event.js";
import type { RequestReservations, RequestState } from "./reserve-requests.js";

/** Result of one event. `isReplay` means that the event was accepted before and that this is the stored response. */
export type Outcome =
  | { readonly state: "answered"; readonly reply: Reply; readonly isReplay: boolean }
  | { readonly state: "pending"; readonly isReplay: boolean }
  | { readonly state: "refused"; readonly error: TriplineError };

export interface AcceptRequest {
  readonly tenant: string;
  /** Events of one topic with distinct IDs, in the order in which they are produced. */
  readonly events: readonly PreparedEvent[];
  /** Only allowed with a single event. */
  readonly idempotencyKey?: string | undefined;
  /** How long the caller waits for results, counted from `receivedAtMs`; 0 if it does not. */
  readonly waitMs: number;
  readonly receivedAtMs: number;
}

export interface EventIntakeOptions {
  readonly reservations: RequestReservations;
  readonly producer: EventProducer;
  readonly replies: ReplyWaiters;
  readonly metrics: IngestionMetrics;
  readonly logger: Logger;
  readonly pendingRecordsMax: number;
  /** Deadline for events whose caller does not wait. */
  readonly deadlineMsDefault: number;
  lookUp(ids: readonly string[]): Promise<ReadonlyMap<string, Decision>>;
}

/** The state of one event in `accept`. */
interface Entry {
  readonly event: PreparedEvent;
  readonly state: RequestState;
  outcome?: Outcome;
}

interface Admitted {
  readonly entries: readonly Entry[];
  /** Resolves once a retry on any instance would find that these events were accepted. Never rejects. */
  readonly marked: Promise<void> | undefined;
}

/** Accepts validated events: reserves them, produces them to Kafka, and waits for results. */
export class EventIntake {
  readonly #pending = new FairShares();

  constructor(private readonly options: EventIntakeOptions) {}

  /**
   * @returns one outcome per event
   * @throws TriplineError, before anything is accepted: `redis-unavailable`, `queue-full`, `too-many-requests`,
   *   `shutting-down`. Later failures, in Kafka, become outcomes of the affected events.
   */
  async accept(request: AcceptRequest): Promise<Outcome[]> {
    const { events } = request;
    const [first] = events;
    if (first === undefined) return [];
    const group = this.listen(request, first.topic === "transactions");
    try {
      const { entries, marked } = await this.admit(request, group);
      const outcomes =
        group === undefined
          ? entries.map((entry) => entry.outcome ?? pending(entry))
          : await this.collect(request, entries, group);
      await marked;
      return outcomes;
    } finally {
      group?.close();
    }
  }

  /**
   * Returns the reason for rejecting a request whose token and body have not been read; undefined to accept it.
   *
   * @param tenant undefined if the token has not been seen before
   */
  fullFor(isWaiting: boolean, tenant: string | undefined): "queue-full" | "too-many-requests" | undefined {
    const { pendingRecordsMax: max } = this.options;
    const hasRoom = tenant === undefined ? this.#pending.sum < max : this.#pending.hasRoom(tenant, 1, max);
    if (!hasRoom) return "queue-full";
    return isWaiting && this.options.replies.isTooMany(tenant) ? "too-many-requests" : undefined;
  }

  private requirePending(tenant: string, count: number): void {
    if (this.#pending.hasRoom(tenant, count, this.options.pendingRecordsMax)) return;
    throw new TriplineError(
      "queue-full",
      `Too many events (${this.#pending.sum}) are being written to Kafka. Try again later.`,
    );
  }

  /** Resolves when every event is in Kafka or has an outcome. */
  private async admit(request: AcceptRequest, group: ReplyGroup | undefined): Promise<Admitted> {
    const { events, tenant } = request;
    this.requirePending(tenant, events.length);
    this.#pending.add(tenant, events.length);
    try {
      const entries = await this.reserve(request);
      const known = entries.filter(({ event, state }) => event.topic === "transactions" && isKnown(state));
      if (known.length > 0) await this.recall(known, group);
      const accepted = await this.produce(request, entries);
      for (const { event, outcome } of entries) if (outcome !== undefined) group?.settle(event.id);
      if (accepted.length === 0) return { entries, marked: undefined };
      // If the caller waits for the decision, the mark is not urgent.
      return { entries, marked: this.remember(tenant, accepted, "accepted", group === undefined) };
    } finally {
      this.#pending.add(tenant, -events.length);
    }
  }

  /** Starts to listen before the events are produced, so that no result is missed. */
  private listen({ tenant, events, waitMs, receivedAtMs }: AcceptRequest, canLookUp: boolean): ReplyGroup | undefined {
    if (waitMs <= 0) return undefined;
    const ids = events.map((event) => event.id);
    return this.options.replies.open(ids, receivedAtMs + waitMs - Date.now(), canLookUp, tenant);
  }

  private async reserve({ tenant, events, idempotencyKey }: AcceptRequest): Promise<Entry[]> {
    const states = await withSpan("redis reserve", redisSpan("SET"), () =>
      this.options.reservations.reserve(tenant, events, idempotencyKey),
    );
    return events.map((event, index) => {
      const state = states[index] ?? "conflict";
      if (state === "conflict") return { event, state, outcome: { state: "refused", error: conflict(event) } };
      if (state === "applied")
        return { event, state, outcome: { state: "answered", reply: "label-applied", isReplay: true } };
      return { event, state };
    });
  }

  /** Finds existing decisions on earlier attempts of these payments. */
  private async recall(known: readonly Entry[], group: ReplyGroup | undefined): Promise<void> {
    const decisions = await this.options.lookUp(known.map(({ event }) => event.id));
    const undecided: string[] = [];
    for (const entry of known) {
      const reply = decisions.get(entry.event.id);
      if (reply !== undefined) entry.outcome = { state: "answered", reply, isReplay: true };
      else if (entry.state === "accepted") undecided.push(entry.event.id);
    }
    group?.watch(undecided);
  }

  /** @returns the events that this call has sent to Kafka */
  private async produce(request: AcceptRequest, entries: readonly Entry[]): Promise<readonly PreparedEvent[]> {
    const due = entries.filter((entry) => isDue(entry, request.waitMs > 0));
    if (due.length === 0) return [];
    const events = due.map(({ event }) => event);
    const topic = events[0]?.topic ?? "transactions";
    try {
      await this.publish(request, topic, events);
    } catch (thrown) {
      const error = asProduceError(thrown);
      this.options.logger.warn({ err: thrown, events: events.length }, "could not write events to Kafka");
      for (const entry of due) entry.outcome = { state: "refused", error };
      return [];
    }
    this.options.metrics.accepted(topic, events.length, Date.now() - request.receivedAtMs);
    return events;
  }

  private async publish(request: AcceptRequest, of: IntakeTopic, events: readonly PreparedEvent[]): Promise<void> {
    const { name: topic, schema } = TOPICS[of];
    const { replies, producer, deadlineMsDefault } = this.options;
    const { tenant, waitMs, receivedAtMs } = request;
    await withSpan(`send ${topic}`, sendSpan(topic, events.length), async (_span, context) => {
      const headers = {
        ...headersFromContext(context),
        [HEADERS.schema]: schema,
        [HEADERS.tenant]: tenant,
        [HEADERS.deadline]: String(Math.round(receivedAtMs + (waitMs > 0 ? waitMs : deadlineMsDefault))),
        ...(waitMs > 0 ? { [HEADERS.replyTo]: replies.channel } : {}),
      };
      const newKeys = events.flatMap(({ newKey }) => (newKey === undefined ? [] : [newKey]));
      // Sent in one request, so that sealed data never exists without its key.
      await producer.send([
        ...newKeys.map(keyRecord),
        ...events.map(({ key, value, attributes }) => ({
          topic,
          key,
          value,
          headers: attributes === undefined ? headers : { ...headers, [HEADERS.attributes]: attributes },
        })),
      ]);
      for (const newKey of newKeys) newKey.stored();
    });
  }

  private async collect(request: AcceptRequest, entries: readonly Entry[], group: ReplyGroup): Promise<Outcome[]> {
    const startedAtMs = Date.now();
    const name = entries[0]?.event.topic === "labels" ? "wait for label" : "wait for decision";
    const answers = await withSpan(name, {}, () => group.answers());
    this.options.metrics.waited(Date.now() - startedAtMs);
    const applied = entries.filter(({ event }) => answers.get(event.id) === "label-applied").map(({ event }) => event);
    if (applied.length > 0) await this.remember(request.tenant, applied, "applied", true);
    return entries.map((entry) => {
      const reply = answers.get(entry.event.id);
      if (entry.outcome !== undefined) return entry.outcome;
      return reply === undefined ? pending(entry) : { state: "answered", reply, isReplay: entry.state === "accepted" };
    });
  }

  /**
   * A failure does not make the request fail, because a lost mark can only cause a duplicate record, which consumers
   * ignore.
   */
  private async remember(
    tenant: string,
    events: readonly PreparedEvent[],
    state: "accepted" | "applied",
    isUrgent: boolean,
  ): Promise<void> {
    try {
      await this.options.reservations.mark(tenant, events, state, isUrgent);
    } catch (error) {
      this.options.logger.warn(
        { err: error, events: events.length, state },
        "could not record that events were accepted",
      );
    }
  }
}

function pending({ state }: Entry): Outcome {
  return { state: "pending", isReplay: state === "accepted" };
}

function isKnown(state: RequestState): boolean {
  return state === "reserved" || state === "accepted";
}

/**
 * Whether to produce an event: it may not have reached Kafka, or it is a label whose caller waits until it is applied.
 */
function isDue({ event, state, outcome }: Entry, isWaiting: boolean): boolean {
  if (outcome !== undefined) return false;
  return state !== "accepted" || (event.topic === "labels" && isWaiting);
}

function conflict(event: PreparedEvent): TriplineError {
  const detail =
    `A different request was already sent with this ${nameOf(event)} or Idempotency-Key. Retry a request unchanged, or use new ` +
    "IDs for a new request.";
  return new TriplineError("idempotency-conflict", detail);
}

/** The error without the brokers' addresses. */
function asProduceError(thrown: unknown): TriplineError {
  const error = asTriplineError(thrown);
  if (error.code !== "kafka-unavailable") return error;
  const detail = "Kafka is unavailable. Send the same request again; it will be accepted only once.";
  return new TriplineError("kafka-unavailable", detail, [], { cause: thrown });
}
