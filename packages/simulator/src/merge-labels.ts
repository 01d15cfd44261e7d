import type { Simulation } from "./create-simulation.js";
import { LABEL_DELAY_MAX_MS } from "./draft-payment.js";
import type { SimulatedPayment } from "./simulated-payment.js";

/** A simulated event, in event-time order: a payment or its label. */
export type SimulatedEvent =
  | { readonly kind: "payment"; readonly atMs: number; readonly payment: SimulatedPayment }
  | { readonly kind: "label"; readonly atMs: number; readonly payment: SimulatedPayment };

/**
 * Merges each payment's label into the stream. At equal event times, labels come before payments, in the order of their
 * payments' ids. A heap holds the pending labels, at most those of all payments within the longest label delay (14
 * days), which is a small multiple of the number of cards.
 */
export function* mergeLabels(payments: Iterable<SimulatedPayment>): Generator<SimulatedEvent, void, void> {
  const waiting: SimulatedPayment[] = [];
  for (const payment of payments) {
    for (let due = waiting[0]; due !== undefined && due.labelledAtMs <= payment.occurredAtMs; due = waiting[0]) {
      takeFirst(waiting);
      yield { kind: "label", atMs: due.labelledAtMs, payment: due };
    }
    yield { kind: "payment", atMs: payment.occurredAtMs, payment };
    insert(waiting, payment);
  }
  for (let due = takeFirst(waiting); due !== undefined; due = takeFirst(waiting)) {
    yield { kind: "label", atMs: due.labelledAtMs, payment: due };
  }
}

/**
 * An endless stream of all events from `fromMs`, including labels that are due for earlier payments. Live traffic can
 * therefore continue exactly where a history of events before `fromMs` ended.
 */
export function* eventsFrom(simulation: Simulation, fromMs: number): Generator<SimulatedEvent, void, void> {
  for (const event of mergeLabels(simulation.payments(fromMs - LABEL_DELAY_MAX_MS))) {
    if (event.atMs >= fromMs) yield event;
  }
}

function comesFirst(left: SimulatedPayment, right: SimulatedPayment): boolean {
  if (left.labelledAtMs !== right.labelledAtMs) return left.labelledAtMs < right.labelledAtMs;
  return left.clientTransactionId < right.clientTransactionId;
}

/** Binary heap, earliest label first. */
function insert(heap: SimulatedPayment[], added: SimulatedPayment): void {
  let at = heap.length;
  heap.push(added);
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above];
    if (parent === undefined || !comesFirst(added, parent)) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = added;
}

function takeFirst(heap: SimulatedPayment[]): SimulatedPayment | undefined {
  const first = heap[0];
  const moved = heap.pop();
  if (first === undefined || moved === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    let next = heap[child];
    if (next === undefined) break;
    const right = heap[child + 1];
    if (right !== undefined && comesFirst(right, next)) {
      child += 1;
      next = right;
    }
    if (!comesFirst(next, moved)) break;
    heap[at] = next;
    at = child;
  }
  heap[at] = moved;
  return first;
}
