import { currencyDecimals } from "@tripline/contracts/currency";
import { TriplineError } from "@tripline/contracts/error-table";
import type { EntityName, FeatureSpec } from "@tripline/contracts/feature-spec";
import type { Label, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { ByteWriter } from "./byte-writer.js";
import type { PaymentView } from "./compile-feature.js";
import { compileFeature } from "./compile-feature.js";
import type { EntityState, StreamState } from "./entity-state.js";
import type { StreamPlan } from "./plan-entities.js";
import { longestWindowMs, planEntity } from "./plan-entities.js";
import type { IdHash } from "./recent-ids.js";
import { hashId } from "./recent-ids.js";
import { decodeState, encodeState } from "./state-codec.js";
import type { Aggregate } from "./tile-ring.js";
import { addToRing, aggregateRing } from "./tile-ring.js";

/** The fields of a payment that features are made of. */
export type PaymentEvent = Pick<Transaction, "transactionId" | "amountMinor" | "currency" | "occurredAtMs">;
/** The fields of a label that features are made of. */
export type LabelEvent = Pick<Label, "labelId" | "labelledAtMs" | "fraud">;

/** `duplicate`: an event with this id was counted before, and nothing has changed. */
export type PaymentResult =
  | { readonly duplicate: true }
  | {
      readonly duplicate: false;
      /** In the order of the spec; always finite. */
      readonly values: number[];
      /** True when the event is older than all windows of the card or of the terminal, which did not count it. */
      readonly tooLate: boolean;
    };

export type LabelResult = { readonly duplicate: true } | { readonly duplicate: false; readonly tooLate: boolean };

/** The features of one spec as code. Not to be shared between threads: calls use buffers of the engine. */
export interface FeatureEngine {
  readonly spec: FeatureSpec;
  readonly longestWindowMs: number;
  /** Hash of what the states of an entity keep; states of another fingerprint are unreadable. */
  fingerprint(entity: EntityName): number;
  /** @throws TriplineError `state-unreadable` */
  decodeState(entity: EntityName, bytes: Uint8Array | null): EntityState;
  encodeState(entity: EntityName, state: EntityState): Uint8Array;
  /**
   * The features of a payment as known when it took place, which then becomes part of both states.
   *
   * @throws TriplineError `invalid-field` for an amount or a time that cannot be counted, before anything changes.
   */
  applyPayment(card: EntityState, terminal: EntityState, payment: PaymentEvent): PaymentResult;
  /**
   * Makes a label part of both states, at the time at which it became known.
   *
   * @throws TriplineError `invalid-field` for a time that cannot be counted, before anything changes.
   */
  applyLabel(card: EntityState, terminal: EntityState, label: LabelEvent): LabelResult;
}

/** Latest time of ECMAScript dates, https://tc39.es/ecma262/#sec-time-values-and-time-range */
const TIME_MAX_MS = 8.64e15;

/** Compiles a spec once; the result is used for every event. */
export function compileEngine(spec: FeatureSpec): FeatureEngine {
  const plans = { card: planEntity(spec, "card"), terminal: planEntity(spec, "terminal") };
  const horizonMs = longestWindowMs(spec);
  const features = spec.features.map((feature) => compileFeature(feature, plans, horizonMs));
  const view: PaymentView = {
    atMs: 0,
    amount: 0,
    thousandths: 0,
    card: { payments: aggregatesOf(plans.card.payments), labels: aggregatesOf(plans.card.labels), lastPaymentMs: 0 },
    terminal: {
      payments: aggregatesOf(plans.terminal.payments),
      labels: aggregatesOf(plans.terminal.labels),
      lastPaymentMs: 0,
    },
  };
  const writer = new ByteWriter();
  const id: IdHash = { high: 0, low: 0 };

  const look = (entity: EntityName, state: EntityState): void => {
    const { payments, labels } = plans[entity];
    lookBack(payments, state.payments, view.atMs, view[entity].payments);
    lookBack(labels, state.labels, view.atMs, view[entity].labels);
    view[entity].lastPaymentMs = state.payments.newestMs;
  };

  const count = (
    entity: EntityName,
    stream: "payments" | "labels",
    state: EntityState,
    atMs: number,
    amount: number,
  ) => {
    state.sequence += 1;
    state.recentIds.add(id);
    return countEvent(plans[entity][stream], state[stream], atMs, amount);
  };

  return {
    spec,
    longestWindowMs: horizonMs,
    fingerprint: (entity) => plans[entity].fingerprint,
    decodeState: (entity, bytes) => decodeState(plans[entity], bytes),
    encodeState: (entity, state) => encodeState(plans[entity], state, writer),

    applyPayment(card, terminal, payment) {
      requireInteger("/amount_minor", payment.amountMinor, Number.MAX_SAFE_INTEGER / 1000);
      requireInteger("/occurred_at_ms", payment.occurredAtMs, TIME_MAX_MS);
      hashId(payment.transactionId, id);
      if (card.recentIds.has(id) || terminal.recentIds.has(id)) return { duplicate: true };
      const decimals = currencyDecimals(payment.currency);
      view.atMs = payment.occurredAtMs;
      view.amount = payment.amountMinor / 10 ** decimals;
      view.thousandths = toThousandths(payment.amountMinor, decimals);
      look("card", card);
      look("terminal", terminal);
      const values = features.map((feature) => feature(view));
      const onCard = count("card", "payments", card, view.atMs, view.thousandths);
      const onTerminal = count("terminal", "payments", terminal, view.atMs, view.thousandths);
      return { duplicate: false, values, tooLate: !(onCard && onTerminal) };
    },

    applyLabel(card, terminal, label) {
      requireInteger("/labelled_at_ms", label.labelledAtMs, TIME_MAX_MS);
      hashId(label.labelId, id);
      if (card.recentIds.has(id) || terminal.recentIds.has(id)) return { duplicate: true };
      const fraud = label.fraud ? 1 : 0;
      const onCard = count("card", "labels", card, label.labelledAtMs, fraud);
      const onTerminal = count("terminal", "labels", terminal, label.labelledAtMs, fraud);
      return { duplicate: false, tooLate: !(onCard && onTerminal) };
    },
  };
}

/** Amounts are summed as integers, so that sums are exact and do not depend on the order of the events. */
function toThousandths(amountMinor: number, decimals: number): number {
  return decimals <= 3 ? amountMinor * 10 ** (3 - decimals) : Math.round(amountMinor / 10 ** (decimals - 3));
}

function aggregatesOf(plan: StreamPlan): Aggregate[] {
  return plan.windows.map(() => ({ count: 0, sum: 0, max: 0 }));
}

/** Fills `into` with what each window of a stream holds for a payment at `atMs`, before it is counted itself. */
function lookBack(plan: StreamPlan, stream: StreamState, atMs: number, into: readonly Aggregate[]): void {
  for (let index = 0; index < plan.windows.length; index += 1) {
    const window = plan.windows[index];
    const ring = window && plan.rings[window.ring];
    const tiles = window && stream.rings[window.ring];
    const aggregate = into[index];
    if (!(ring && tiles && aggregate)) continue;
    const head = Math.floor(atMs / ring.tileMs);
    aggregateRing(tiles, head - window.tilesBack, head, aggregate);
  }
}

/** Returns false when no ring of the stream reaches back to `atMs`. */
function countEvent(plan: StreamPlan, stream: StreamState, atMs: number, amount: number): boolean {
  if (atMs > stream.newestMs) stream.newestMs = atMs;
  let counted = plan.rings.length === 0;
  for (let index = 0; index < plan.rings.length; index += 1) {
    const ring = plan.rings[index];
    const tiles = stream.rings[index];
    if (ring === undefined || tiles === undefined) continue;
    const oldest = Math.floor(stream.newestMs / ring.tileMs) - ring.tilesBack;
    if (addToRing(tiles, Math.floor(atMs / ring.tileMs), oldest, amount)) counted = true;
  }
  return counted;
}

function requireInteger(pointer: string, value: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= 0 && value <= max) return;
  throw new TriplineError("invalid-field", `${pointer} must be a whole number from 0 to ${Math.floor(max)}.`, [
    { pointer, detail: `is ${value}` },
  ]);
}
