import { PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { UpdateEvent } from "../payment-updates.js";
import type { EntityPlan, StreamPlan } from "../plan-entities.js";
import type { EntityState, StreamState } from "../state/entity-state.js";
import { NEVER_MS } from "../state/entity-state.js";
import { addLabel } from "../state/fraud-run.js";
import { addPlace, keepPlace } from "../state/home-place.js";
import { addPartner, markFraud } from "../state/partner-table.js";
import { addToRing, takeFromRing } from "../state/tile-ring.js";
import { addAmount } from "../state/usual-amount.js";

/** The data of a payment that is counted in the state of an entity. */
export interface PaymentCount {
  readonly atMs: number;
  /** In thousandths of the major unit. */
  readonly amount: number;
  /** `NO_PARTNER` if the payment names none. */
  readonly partnerHash: number;
  /** In degrees. */
  readonly latitude: number | undefined;
  readonly longitude: number | undefined;
  /** For each filter of the spec: 1 if the payment matches it. */
  readonly passes: Uint8Array;
}

/** Counts a payment. @returns false if the payment is older than every window of the entity and was not counted */
export function countPayment(plan: EntityPlan, state: EntityState, payment: PaymentCount, horizonMs: number): boolean {
  state.sequence += 1;
  for (let index = 0; index < plan.slices.length; index += 1) {
    const [slicePlan, slice] = [plan.slices[index], state.slices[index]];
    if (slicePlan === undefined || slice === undefined || payment.passes[slicePlan.filter] !== 1) continue;
    countIn(slicePlan, slice, payment, horizonMs);
  }
  return countIn(plan, state, payment, horizonMs);
}

function countIn(plan: EntityPlan, state: EntityState, payment: PaymentCount, horizonMs: number): boolean {
  const { atMs, latitude, longitude } = payment;
  const { partners, home, lastPlace, usual } = state;
  let counted = countEvent(plan.payments, state.payments, atMs, payment.amount);
  // Partners are remembered for the longest window of the spec, which may be longer than this entity's own.
  const expiredMs = state.payments.newestMs - horizonMs;
  if (partners !== undefined && addPartner(partners, payment.partnerHash, atMs, expiredMs)) counted = true;
  if (!counted) return false;
  if (usual !== undefined) addAmount(usual, atMs, payment.amount, expiredMs);
  if (home !== undefined && latitude !== undefined && longitude !== undefined) addPlace(home, latitude, longitude);
  if (lastPlace !== undefined && atMs === state.payments.newestMs) keepPlace(lastPlace, latitude, longitude);
  return true;
}

/** The data of a label that is counted in the state of an entity. */
export interface LabelCount {
  /** When it was reported. */
  readonly atMs: number;
  /** When the payment took place. */
  readonly occurredAtMs: number;
  readonly fraud: boolean;
  /** Whether the judge entity explains this fraud. */
  readonly explained: boolean;
  /** `NO_PARTNER` if the label does not name a partner. */
  readonly partnerHash: number;
  /** When the payment's earlier label with the opposite verdict was reported. */
  readonly replacedAtMs: number | undefined;
}

/**
 * Counts a label at the time when it was reported, and removes the label that it replaces from the windows. The
 * replaced label remains in a run of frauds and in the time of the first fraud, which do not store individual frauds.
 *
 * @returns like `countPayment`
 */
export function countLabel(plan: EntityPlan, state: EntityState, label: LabelCount): boolean {
  const { atMs, occurredAtMs, fraud, replacedAtMs } = label;
  state.sequence += 1;
  if (state.run !== undefined && plan.run !== undefined) {
    addLabel(state.run, occurredAtMs, fraud, plan.run.explainedBy >= 0 && label.explained);
  }
  if (fraud && plan.firstFraud && (state.firstFraudMs === NEVER_MS || atMs < state.firstFraudMs)) {
    state.firstFraudMs = atMs;
  }
  if (fraud && plan.partners?.frauds === true && state.partners !== undefined) {
    markFraud(state.partners, label.partnerHash);
  }
  if (replacedAtMs !== undefined) takeBack(plan.labels, state.labels, replacedAtMs, fraud ? 0 : 1);
  return countEvent(plan.labels, state.labels, atMs, fraud ? 1 : 0);
}

/**
 * Counts a payment update at the time when it happened.
 *
 * @param thousandths the amount of the update; 0 if it has none
 * @returns false if the update is older than every window of every feature that selects it
 */
export function countUpdate(plan: EntityPlan, state: EntityState, update: UpdateEvent, thousandths: number): boolean {
  state.sequence += 1;
  let isSelected = false;
  let isCounted = false;
  for (const [index, { passes, adds, stream }] of plan.updates.entries()) {
    const own = state.updates[index];
    if (own === undefined || !passes(update, thousandths)) continue;
    isSelected = true;
    const amount = adds === "amounts" ? thousandths : update.kind === PaymentUpdateKind.DECLINED ? 1 : 0;
    if (countEvent(stream, own, update.updatedAtMs, amount)) isCounted = true;
  }
  return isCounted || !isSelected;
}

function takeBack(plan: StreamPlan, stream: StreamState, atMs: number, amount: 0 | 1): void {
  for (const [index, { tileMs, sum }] of plan.rings.entries()) {
    const tiles = stream.rings[index];
    if (tiles !== undefined) takeFromRing(tiles, Math.floor(atMs / tileMs), amount, sum);
  }
}

/** Returns false if no ring of the stream reaches back to `atMs`. */
function countEvent(plan: StreamPlan, stream: StreamState, atMs: number, amount: number): boolean {
  if (atMs > stream.newestMs) stream.newestMs = atMs;
  let counted = plan.rings.length === 0;
  for (let index = 0; index < plan.rings.length; index += 1) {
    const ring = plan.rings[index];
    const tiles = stream.rings[index];
    if (ring === undefined || tiles === undefined) continue;
    const oldest = Math.floor(stream.newestMs / ring.tileMs) - ring.tilesBack;
    if (addToRing(tiles, Math.floor(atMs / ring.tileMs), oldest, amount, ring.squares)) counted = true;
  }
  return counted;
}
