import type { KnownPayment } from "../client/payment.js";

/**
 * A span of event time in which no card, terminal, device, e-mail or network address occurs twice. The events of a
 * slice can be sent in parallel, because their order does not change any feature.
 */
export interface Slice {
  readonly payments: readonly KnownPayment[];
  /** Payments with labels due in this slice. */
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
  /** Payments, either to be sent now or already decided, whose labels may be due in the replayed period. */
  readonly labelled: readonly KnownPayment[];
  /** Replayed event time: from (inclusive) to (exclusive), in ms. */
  readonly fromMs: number;
  readonly toMs: number;
}

const EVENTS_PER_SLICE_MAX = 2_000;

/**
 * Splits a replay so that causes come before their effects: a slice ends before the first event with an entity that the
 * slice already contains. If each slice is decided and applied before the next one is sent, every feature is computed
 * from exactly what was known at its time, including labels, as if events were sent one by one.
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

/** The entities whose windows an event changes. A label has neither a device nor addresses. */
function entitiesOf({ kind, payment }: ReplayEvent): string[] {
  const entities = [`card ${payment.cardToken ?? payment.cardNumber}`];
  if (payment.terminalId != null) entities.push(`terminal ${payment.terminalId}`);
  if (kind === "label") return entities;
  if (payment.deviceId != null) entities.push(`device ${payment.deviceId}`);
  if (payment.email != null) entities.push(`email ${payment.email}`);
  if (payment.ipAddress != null) entities.push(`ip ${payment.ipAddress}`);
  return entities;
}

/** Payments and labels by event time; at equal times, labels come first, as everywhere in Tripline. */
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
