import { setTimeout as delay } from "node:timers/promises";
import type { SimulatedEvent } from "@tripline/simulator/merge-labels";
import type { KnownPayment } from "@tripline/system/client/payment";
import type { TriplineClient } from "@tripline/system/client/tripline-client";
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
  /** Ids (`txn_…`) of accepted payments. */
  readonly accepted: Set<string>;
  readonly onFirstDecision: () => void;
}

export interface TrafficPosition {
  eventTimeMs: number;
}

const WAIT_SECONDS = 0.5;
const IN_FLIGHT_MAX = 1_000;
const TICK_MS = 5;
const RAMP_SECONDS = 10;
const LABEL_BATCH_MAX = 2_000;
const LABEL_EVERY_MS = 500;

/**
 * Sends payments at a steady rate with `Prefer: wait`, and each payment's label once event time has reached it. Returns when
 * the signal fires, the payments end or event time reaches its end; nothing is in flight by then.
 */
export async function playTraffic(options: TrafficOptions, position: TrafficPosition): Promise<void> {
  const inFlight = new Set<Promise<void>>();
  const labels: KnownPayment[] = [];
  const startedAt = performance.now();
  let sent = 0;
  let labelsSentAt = startedAt;
  const track = (work: Promise<void>): void => {
    inFlight.add(work);
    void work.finally(() => inFlight.delete(work));
  };
  for (const { kind, atMs, payment } of options.events) {
    if (atMs >= options.untilMs) break;
    position.eventTimeMs = atMs;
    if (kind === "label") {
      labels.push(payment);
      if (labels.length < LABEL_BATCH_MAX && performance.now() - labelsSentAt < LABEL_EVERY_MS) continue;
      labelsSentAt = performance.now();
      track(sendLabels(options, labels.splice(0)));
      continue;
    }
    while (!options.signal.aborted && isAhead(sent, startedAt, options.ratePerSecond, inFlight.size)) await tick();
    if (options.signal.aborted) break;
    sent += 1;
    track(sendOne(options, payment));
  }
  await Promise.all(inFlight);
}

function isAhead(sent: number, startedAt: number, ratePerSecond: number, inFlight: number): boolean {
  const elapsedSeconds = (performance.now() - startedAt) / 1_000;
  return sent >= paymentsDue(elapsedSeconds, ratePerSecond) || inFlight >= IN_FLIGHT_MAX;
}

/** Cold services need a gentle start: the rate rises linearly from zero over `RAMP_SECONDS`. */
export function paymentsDue(elapsedSeconds: number, ratePerSecond: number): number {
  if (elapsedSeconds < RAMP_SECONDS) return (ratePerSecond * elapsedSeconds ** 2) / (2 * RAMP_SECONDS);
  return ratePerSecond * (elapsedSeconds - RAMP_SECONDS / 2);
}

async function tick(): Promise<void> {
  await delay(TICK_MS);
}

async function sendOne(options: TrafficOptions, payment: KnownPayment): Promise<void> {
  const startedAt = performance.now();
  try {
    const result = await options.client.send(payment, WAIT_SECONDS);
    if (result.id !== undefined) options.accepted.add(result.id);
    options.tally.answer(payment, result, performance.now() - startedAt);
    if (result.decision !== undefined) options.onFirstDecision();
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
