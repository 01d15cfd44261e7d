import type { EntityPlan, StreamPlan } from "../plan-entities.js";
import type { EntityState, StreamState } from "../state/entity-state.js";
import { NEVER_MS } from "../state/entity-state.js";
import { distanceFromHomeKm, distanceFromLastKm } from "../state/home-place.js";
import { countFrauds, countPartners, findPartner, NO_PARTNER } from "../state/partner-table.js";
import type { Aggregate } from "../state/tile-ring.js";
import { aggregateRing, emptyAggregate } from "../state/tile-ring.js";
import { countUnusual, largestRatio } from "../state/usual-amount.js";
import type { EntityView } from "./compile-feature.js";

/** The properties of a payment that matter to one of its entities. */
export interface Encounter {
  /** For each filter of the spec: 1 if the payment matches it. */
  readonly passes: Uint8Array;
  readonly partnerHash: number;
  readonly latitude: number | undefined;
  readonly longitude: number | undefined;
}

export function emptyView(plan: EntityPlan): EntityView {
  return {
    payments: plan.payments.windows.map(emptyAggregate),
    labels: plan.labels.windows.map(emptyAggregate),
    lastPaymentMs: NEVER_MS,
    firstFraudMs: NEVER_MS,
    partners: (plan.partners?.widthsMs ?? []).map(() => 0),
    hasPartner: false,
    frauds: (plan.partners?.widthsMs ?? []).map(() => 0),
    pairLastMs: NEVER_MS,
    pairCount: 0,
    homeKm: undefined,
    lastKm: undefined,
    usualCount: 0,
    usualSum: 0,
    unusual: (plan.usual?.widthsMs ?? []).map(() => 0),
    largest: (plan.usual?.widthsMs ?? []).map(() => 0),
    genuineMs: NEVER_MS,
    runBeganMs: NEVER_MS,
    runCount: 0,
    slices: plan.slices.map(emptyView),
    updates: plan.updates.map(({ stream }) => stream.windows.map(emptyAggregate)),
  };
}

/**
 * Fills `view` with the history of an entity up to `atMs`.
 *
 * @param encounter of the payment that is about to be counted; undefined when reading the entity alone
 */
export function viewEntity(
  plan: EntityPlan,
  state: EntityState,
  atMs: number,
  horizonMs: number,
  encounter: Encounter | undefined,
  view: EntityView,
): void {
  viewPayments(plan, state, atMs, horizonMs, encounter, encounter === undefined ? 0 : 1, view);
  lookBack(plan.labels, state.labels, atMs, view.labels);
  view.firstFraudMs = state.firstFraudMs;
  viewRun(state, view);
  for (let index = 0; index < plan.slices.length; index += 1) {
    const [slicePlan, slice, sliceView] = [plan.slices[index], state.slices[index], view.slices[index]];
    if (slicePlan === undefined || slice === undefined || sliceView === undefined) continue;
    const own = encounter?.passes[slicePlan.filter] === 1 ? 1 : 0;
    viewPayments(slicePlan, slice, atMs, horizonMs, encounter, own, sliceView);
  }
  for (let index = 0; index < plan.updates.length; index += 1) {
    const [updates, stream, into] = [plan.updates[index], state.updates[index], view.updates[index]];
    if (updates !== undefined && stream !== undefined && into !== undefined)
      lookBack(updates.stream, stream, atMs, into);
  }
}

/** @param own 1 if the encountered payment is itself counted */
function viewPayments(
  plan: EntityPlan,
  state: EntityState,
  atMs: number,
  horizonMs: number,
  encounter: Encounter | undefined,
  own: 0 | 1,
  view: EntityView,
): void {
  lookBack(plan.payments, state.payments, atMs, view.payments);
  view.lastPaymentMs = state.payments.newestMs;
  viewPartners(plan, state, atMs, horizonMs, encounter, own, view);
  viewPlaces(state, atMs, horizonMs, encounter, view);
  viewUsual(plan, state, atMs, view);
}

function viewPlaces(
  { home, lastPlace, payments }: EntityState,
  atMs: number,
  horizonMs: number,
  encounter: Encounter | undefined,
  view: EntityView,
): void {
  view.homeKm = undefined;
  view.lastKm = undefined;
  if (encounter?.latitude === undefined || encounter.longitude === undefined) return;
  const { latitude, longitude } = encounter;
  if (home !== undefined) view.homeKm = distanceFromHomeKm(home, latitude, longitude);
  // As with the time since the last payment: if this payment is out of order, the last known payment may be newer.
  const isRecent = payments.newestMs <= atMs && atMs - payments.newestMs <= horizonMs;
  if (lastPlace !== undefined && isRecent) view.lastKm = distanceFromLastKm(lastPlace, latitude, longitude);
}

function viewUsual(plan: EntityPlan, { usual }: EntityState, atMs: number, view: EntityView): void {
  if (usual === undefined || plan.usual === undefined) return;
  view.usualCount = usual.count;
  view.usualSum = usual.sum;
  const { widthsMs } = plan.usual;
  for (let index = 0; index < widthsMs.length; index += 1) {
    const afterMs = atMs - (widthsMs[index] ?? 0);
    view.unusual[index] = countUnusual(usual, afterMs, atMs);
    view.largest[index] = largestRatio(usual, afterMs, atMs);
  }
}

function viewRun({ run }: EntityState, view: EntityView): void {
  if (run === undefined) return;
  view.genuineMs = run.genuineMs;
  view.runBeganMs = run.beganMs;
  view.runCount = run.count;
}

function viewPartners(
  plan: EntityPlan,
  { partners }: EntityState,
  atMs: number,
  horizonMs: number,
  encounter: Encounter | undefined,
  own: 0 | 1,
  view: EntityView,
): void {
  if (partners === undefined || plan.partners === undefined) return;
  const hash = encounter?.partnerHash ?? NO_PARTNER;
  view.hasPartner = hash !== NO_PARTNER;
  const at = view.hasPartner ? findPartner(partners, hash, atMs - horizonMs) : -1;
  view.pairLastMs = at < 0 ? NEVER_MS : (partners.rows[at + 1] ?? NEVER_MS);
  view.pairCount = at < 0 ? 0 : (partners.rows[at + 2] ?? 0);
  const { widthsMs } = plan.partners;
  for (let index = 0; index < widthsMs.length; index += 1) {
    const afterMs = atMs - (widthsMs[index] ?? 0);
    const isAnother = view.hasPartner && (at < 0 || view.pairLastMs <= afterMs);
    view.partners[index] = countPartners(partners, afterMs) + (isAnother ? own : 0);
    if (plan.partners.frauds) view.frauds[index] = countFrauds(partners, afterMs, hash);
  }
}

/** Fills `into` with the aggregate of each window of a stream at `atMs`. */
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
