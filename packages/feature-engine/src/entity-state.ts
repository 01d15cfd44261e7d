import type { HomePlace } from "./home-place.js";
import { noHome } from "./home-place.js";
import type { PartnerTable } from "./partner-table.js";
import type { EntityPlan, StreamPlan } from "./plan-entities.js";
import { RecentIds } from "./recent-ids.js";
import type { TileRing } from "./tile-ring.js";
import { emptyRing } from "./tile-ring.js";

/** No event of that stream was seen yet. */
export const NEVER_MS = -1;

/** What is kept of one stream (payments or labels) of one entity. */
export interface StreamState {
  /** Newest event time seen, in milliseconds since the epoch; `NEVER_MS` before the first. */
  newestMs: number;
  /** One per `RingPlan` of the stream, in the same order. */
  readonly rings: TileRing[];
}

/** Decoded window state of one card, terminal or other entity. Mutable, so that a batch folds without copying. */
export interface EntityState {
  /** How many events this state has counted or found too late. It grows by one with every change. */
  sequence: number;
  readonly payments: StreamState;
  readonly labels: StreamState;
  readonly recentIds: RecentIds | undefined;
  readonly partners: PartnerTable | undefined;
  readonly home: HomePlace | undefined;
  /** When the first fraud became known; `NEVER_MS` where none did, or where the plan does not ask for it. */
  firstFraudMs: number;
}

export function emptyState(plan: EntityPlan): EntityState {
  return {
    sequence: 0,
    payments: emptyStream(plan.payments),
    labels: emptyStream(plan.labels),
    recentIds: plan.recentIds ? new RecentIds() : undefined,
    partners: plan.partners === undefined ? undefined : { rows: [] },
    home: plan.home ? noHome() : undefined,
    firstFraudMs: NEVER_MS,
  };
}

function emptyStream(plan: StreamPlan): StreamState {
  return { newestMs: NEVER_MS, rings: plan.rings.map(emptyRing) };
}
