import type { KnownPayment } from "../client/payment.js";

/**
 * A span of event time in which no card, terminal, device or address occurs twice. All of a slice may be sent at once: its
 * order does not change any feature.
 */
export interface Slice {
  readonly payments: readonly KnownPayment[];
  /** Payments whose labels are reported in this slice. */
  readonly labels: readonly KnownPayment[];
}

interface ReplayEvent {
  readonly atMs: number;
  readonly kind: "label" | "payment";
  readonly payment: KnownPayment;
}

export interface SliceOptions {
  /** Payments to send, in event order. */
  readonly payments: readonly KnownPayment[];
  /** Payments, sent now or decided before, whose labels may fall into the replayed time. */
  readonly labelled: readonly KnownPayment[];
  /** Event time replayed: from (inclusive) to (exclusive), in ms. */
  readonly fromMs: number;
  readonly toMs: number;
}

const EVENTS_PER_SLICE_MAX = 2_000;

/**
 * Splits a replay so that cause stays before effect: a slice ends before the first event of which an entity is already in
 * it. When each slice is decided and applied before the next is sent, every feature sees exactly what was
 * known by then, labels included, as in a run of one event after the other.
 */
export function* replaySlices(options: SliceOptions): Generator<Slice> {
  let payments: KnownPayment[] = [];
  let labels: KnownPayment[] = [];
  let touched = new Set<string>();
  for (const event of eventsInOrder(options)) {
    const entities = entitiesOf(event);
    const full = payments.length + labels.length >= EVENTS_PER_SLICE_MAX;
    if (full || entities.some((entity) => touched.has(entity))) {
      yield { payments, labels };
      payments = [];
      labels = [];
      touched = new Set();
    }
    for (const entity of entities) touched.add(entity);
    (event.kind === "payment" ? payments : labels).push(event.payment);
  }
  if (payments.length + labels.length > 0) yield { payments, labels };
}

/** What an event changes the windows of. A label says nothing of devices and addresses. */
function entitiesOf({ kind, payment }: ReplayEvent): string[] {
  const entities = [`card ${payment.cardNumber}`, `terminal ${payment.terminalId}`];
  if (kind === "label") return entities;
  if (payment.deviceId != null) entities.push(`device ${payment.deviceId}`);
  if (payment.ipAddress != null) entities.push(`ip ${payment.ipAddress}`);
  return entities;
}

/** Payments and labels by event time; at the same time labels first, as everywhere in Tripline. */
function eventsInOrder(options: SliceOptions): ReplayEvent[] {
  const within = (atMs: number): boolean => atMs >= options.fromMs && atMs < options.toMs;
  const events: ReplayEvent[] = [];
  for (const payment of options.labelled) {
    const atMs = payment.labelledAtMs;
    if (atMs !== null && within(atMs)) events.push({ atMs, kind: "label", payment });
  }
  for (const payment of options.payments) {
    if (within(payment.occurredAtMs)) events.push({ atMs: payment.occurredAtMs, kind: "payment", payment });
  }
  const rank = { label: 0, payment: 1 };
  return events.sort((left, right) => left.atMs - right.atMs || rank[left.kind] - rank[right.kind]);
}
