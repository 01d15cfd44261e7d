import type { EntityName, Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { LABEL_KINDS, WINDOW_KINDS } from "@tripline/contracts/feature-spec";

/** What one ring of tiles keeps. Windows that share a tile width share a ring. */
export interface RingPlan {
  readonly tileMs: number;
  /** Tiles behind the newest one that the widest window of this ring reaches: width / tile. */
  readonly tilesBack: number;
  /** Whether the sum is needed: of thousandths for payments, of frauds for labels. The count always is. */
  readonly sum: boolean;
  readonly max: boolean;
}

/** One window over one ring, with the place of its aggregate among those of its entity and stream. */
export interface WindowPlan {
  readonly ring: number;
  readonly tilesBack: number;
}

/** What an entity keeps of one stream (payments or labels). */
export interface StreamPlan {
  readonly rings: readonly RingPlan[];
  readonly windows: readonly WindowPlan[];
  /** Position in `windows` by the window's name in the spec. */
  readonly windowIndex: ReadonlyMap<string, number>;
}

export interface EntityPlan {
  readonly payments: StreamPlan;
  readonly labels: StreamPlan;
  /** Hash of what is kept: a state written under another plan is not readable under this one. */
  readonly fingerprint: number;
}

/** Derives from the features which tiles an entity has to keep, and nothing more. */
export function planEntity(spec: FeatureSpec, entity: EntityName): EntityPlan {
  const payments = planStream(spec, entity, WINDOW_KINDS);
  const labels = planStream(spec, entity, LABEL_KINDS);
  return { payments, labels, fingerprint: fingerprintOf([payments, labels]) };
}

/** Widest window of the spec in milliseconds; 0 where no feature has a window. */
export function longestWindowMs(spec: FeatureSpec): number {
  return spec.features.reduce((longest, feature) => {
    const width = "window" in feature ? spec.windows[feature.window]?.width : undefined;
    return Math.max(longest, width ?? 0);
  }, 0);
}

function planStream(spec: FeatureSpec, entity: EntityName, kinds: readonly string[]): StreamPlan {
  const rings: RingPlan[] = [];
  const windows: WindowPlan[] = [];
  const windowIndex = new Map<string, number>();
  for (const feature of spec.features) {
    if (!("window" in feature) || feature.entity !== entity || !kinds.includes(feature.kind)) continue;
    const window = spec.windows[feature.window];
    if (window === undefined) continue;
    const tilesBack = window.width / window.tile;
    const ring = rings.findIndex((candidate) => candidate.tileMs === window.tile);
    const need = { tileMs: window.tile, tilesBack, sum: needsSum(feature), max: feature.kind === "max" };
    const known = rings[ring];
    if (known === undefined) rings.push(need);
    else rings[ring] = widen(known, need);
    if (!windowIndex.has(feature.window)) {
      windowIndex.set(feature.window, windows.length);
      windows.push({ ring: known === undefined ? rings.length - 1 : ring, tilesBack });
    }
  }
  return { rings, windows, windowIndex };
}

function widen(one: RingPlan, other: RingPlan): RingPlan {
  return {
    tileMs: one.tileMs,
    tilesBack: Math.max(one.tilesBack, other.tilesBack),
    sum: one.sum || other.sum,
    max: one.max || other.max,
  };
}

function needsSum(feature: Feature): boolean {
  return ["sum", "mean", "ratio_to_mean", "fraud_count", "fraud_rate"].includes(feature.kind);
}

/** FNV-1a over a description of the plan (http://www.isthe.com/chongo/tech/comp/fnv/), 32 bits. */
function fingerprintOf(streams: readonly StreamPlan[]): number {
  const text = JSON.stringify(streams.map((stream) => stream.rings));
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
