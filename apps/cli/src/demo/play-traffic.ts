import { setTimeout as delay } from "node:timers/promises";
import type { PaymentUpdate } from "@tripline/client";
import type { SimulatedEvent } from "@tripline/simulator/merge-labels";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import type { KnownPayment } from "@tripline/system/client/payment";
import type { TriplineClient } from "@tripline/system/client/tripline-client";
import { answersTo, refundOf } from "./simulated-issuer.js";
import type { Tally } from "./tally.js";

export interface TrafficOptions {
  readonly client: TriplineClient;
  /** Payments and their labels, in event order. */
  readonly events: Iterable<SimulatedEvent>;
  /** Payments per second after the start, independent of response times (an open model), so that queueing is visible. */
  readonly ratePerSecond: number;
  readonly tally: Tally;
  readonly signal: AbortSignal;
  /** End of the event time, in ms. */
  readonly untilMs: number;
  /** IDs (`txn_…`) of accepted payments. */
  readonly accepted: Set<string>;
  readonly onFirstDecision: () => void;
  /** Whether to send the simulated issuer's answers as well. Needs the `payment-updates:write` scope. */
  readonly hasIssuer: boolean;
}

export interface TrafficPosition {
  eventTimeMs: number;
}

const WAIT_SECONDS = 0.5;
const IN_FLIGHT_MAX = 1_000;
const TICK_MS = 5;
const RAMP_SECONDS = 10;
const BATCH_MAX = 2_000;
const BATCH_EVERY_MS = 500;

/** Collects events into batches. A batch is due when it is full or after half a second. */
class Gathered<T> {
  #items: T[] = [];
  #sentAt = performance.now();

  add(...items: readonly T[]): void {
    this.#items.push(...items);
  }

  /** @returns the events to send now */
  due(): readonly T[] {
    if (this.#items.length < BATCH_MAX && performance.now() - this.#sentAt < BATCH_EVERY_MS) return [];
    this.#sentAt = performance.now();
    return this.rest();
  }

  rest(): readonly T[] {
    return this.#items.splice(0);
  }
}

/**
 * Sends payments at a steady rate with `Prefer: wait`, their labels when event time reaches them, and the issuer's answers after
 * each decision. Returns when the signal fires, the payments end or event time reaches its end. By then, nothing is in flight.
 */
export async function playTraffic(options: TrafficOptions, position: TrafficPosition): Promise<void> {
  const inFlight = new Set<Promise<void>>();
  const labels = new Gathered<KnownPayment>();
  const updates = new Gathered<PaymentUpdate>();
  const startedAt = performance.now();
  let sent = 0;
  const track = (work: Promise<void>): void => {
    inFlight.add(work);
    void work.finally(() => inFlight.delete(work));
  };
  for (const { kind, atMs, payment } of options.events) {
    if (atMs >= options.untilMs) break;
    position.eventTimeMs = atMs;
    if (kind === "label") {
      labels.add(payment);
      if (options.hasIssuer) updates.add(...refundOf(payment));
      track(sendLabels(options, labels.due()));
      continue;
    }
    track(sendUpdates(options, updates.due()));
    while (!options.signal.aborted && isAhead(sent, startedAt, options.ratePerSecond, inFlight.size)) await tick();
    if (options.signal.aborted) break;
    sent += 1;
    track(sendOne(options, payment, updates));
  }
  await Promise.all(inFlight);
  await sendUpdates(options, updates.rest());
}

function isAhead(sent: number, startedAt: number, ratePerSecond: number, inFlight: number): boolean {
  const elapsedSeconds = (performance.now() - startedAt) / 1_000;
  return sent >= paymentsDue(elapsedSeconds, ratePerSecond) || inFlight >= IN_FLIGHT_MAX;
}

/** Cold services need a gentle start, so the rate rises linearly from zero over `RAMP_SECONDS`. */
export function paymentsDue(elapsedSeconds: number, ratePerSecond: number): number {
  if (elapsedSeconds < RAMP_SECONDS) return (ratePerSecond * elapsedSeconds ** 2) / (2 * RAMP_SECONDS);
  return ratePerSecond * (elapsedSeconds - RAMP_SECONDS / 2);
}

async function tick(): Promise<void> {
  await delay(TICK_MS);
}

async function sendOne(
  options: TrafficOptions,
  payment: SimulatedPayment,
  updates: Gathered<PaymentUpdate>,
): Promise<void> {
  const startedAt = performance.now();
  try {
    const result = await options.client.send(payment, WAIT_SECONDS);
    if (result.id !== undefined) options.accepted.add(result.id);
    options.tally.answer(payment, result, performance.now() - startedAt);
    if (result.decision === undefined) return;
    options.onFirstDecision();
    if (options.hasIssuer) updates.add(...answersTo(payment, result.decision.outcome));
  } catch {
    options.tally.failed("connection");
  }
}

async function sendLabels(options: TrafficOptions, due: readonly KnownPayment[]): Promise<void> {
  try {
    if (due.length > 0) await options.client.sendLabels(due);
  } catch {
    options.tally.failed("labels");
  }
}

async function sendUpdates(options: TrafficOptions, due: readonly PaymentUpdate[]): Promise<void> {
  try {
    if (due.length > 0) await options.client.sendUpdates(due);
  } catch {
    options.tally.failed("payment-updates");
  }
}
