import type { EntityPlan, StreamPlan } from "../plan-entities.js";
import type { FraudRun } from "./fraud-run.js";
import { noRun } from "./fraud-run.js";
import type { HomePlace, LastPlace } from "./home-place.js";
import { noHome, noPlace } from "./home-place.js";
import { NEVER_MS } from "./no-time.js";
import type { PartnerTable } from "./partner-table.js";
import { noPartners } from "./partner-table.js";
import { RecentIds } from "./recent-ids.js";
import { RecentPayments } from "./recent-payments.js";
import type { TileRing } from "./tile-ring.js";
import { clearRing, emptyRing } from "./tile-ring.js";
import type { UsualAmount } from "./usual-amount.js";
import { noUsualAmount } from "./usual-amount.js";

export { NEVER_MS };

/** State of one stream (payments or labels) of one entity. */
export interface StreamState {
  /** Newest event time seen, in milliseconds since the epoch; `NEVER_MS` before the first. */
  newestMs: number;
  /** One per `RingPlan` of the stream, in the same order. */
  readonly rings: TileRing[];
}

/** Decoded window state of one card, terminal or other entity. Mutable, so that a batch of events needs no copies. */
export interface EntityState {
  /** Number of events that this state has counted or rejected as too late. Every change increments it. */
  sequence: number;
  readonly payments: StreamState;
  readonly labels: StreamState;
  readonly recentIds: RecentIds | undefined;
  readonly partners: PartnerTable | undefined;
  readonly home: HomePlace | undefined;
  readonly lastPlace: LastPlace | undefined;
  readonly usual: UsualAmount | undefined;
  readonly run: FraudRun | undefined;
  /** When the first fraud was confirmed; `NEVER_MS` if there is none or the plan does not need it. */
  firstFraudMs: number;
  /** One per slice of the plan, in the same order. Their `sequence` is not used. */
  readonly slices: readonly EntityState[];
  /** One per `UpdatePlan`, in the same order. */
  readonly updates: readonly StreamState[];
  /** Used only for a card, if other entities count updates of its payments. */
  readonly recentPayments: RecentPayments | undefined;
}

export function emptyState(plan: EntityPlan): EntityState {
  return {
    sequence: 0,
    payments: emptyStream(plan.payments),
    labels: emptyStream(plan.labels),
    recentIds: plan.recentIds ? new RecentIds() : undefined,
    partners: plan.partners === undefined ? undefined : noPartners(),
    home: plan.home ? noHome() : undefined,
    lastPlace: plan.lastPlace ? noPlace() : undefined,
    usual: plan.usual === undefined ? undefined : noUsualAmount(),
    run: plan.run === undefined ? undefined : noRun(),
    firstFraudMs: NEVER_MS,
    slices: plan.slices.map(emptyState),
    updates: plan.updates.map(({ stream }) => emptyStream(stream)),
    recentPayments: plan.remembered.length > 0 ? new RecentPayments() : undefined,
  };
}

/** Empties a state but keeps its memory, so that another state can be decoded into it. */
export function clearState(state: EntityState): void {
  state.sequence = 0;
  clearStream(state.payments);
  clearStream(state.labels);
  state.recentIds?.clear();
  if (state.partners !== undefined) state.partners.used = 0;
  if (state.home !== undefined) state.home.count = state.home.x = state.home.y = state.home.z = 0;
  if (state.lastPlace !== undefined) state.lastPlace.north = state.lastPlace.east = 0;
  if (state.usual !== undefined) state.usual.count = state.usual.sum = state.usual.used = 0;
  if (state.run !== undefined) Object.assign(state.run, noRun());
  state.firstFraudMs = NEVER_MS;
  for (const slice of state.slices) clearState(slice);
  for (const stream of state.updates) clearStream(stream);
  state.recentPayments?.clear();
}

function clearStream(stream: StreamState): void {
  stream.newestMs = NEVER_MS;
  for (const ring of stream.rings) clearRing(ring);
}

function emptyStream(plan: StreamPlan): StreamState {
  return { newestMs: NEVER_MS, rings: plan.rings.map(emptyRing) };
}
