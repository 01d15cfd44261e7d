import type { Feature, FeatureSpec, KeyField } from "@tripline/contracts/feature-spec";
import {
  countsFrauds,
  isLabelFeature,
  isLabelled,
  isRunFeature,
  isUpdateFeature,
  keyColumn,
  keyFields,
  overTiles,
  UNUSUAL_KINDS,
} from "@tripline/contracts/feature-spec";
import { filterKey } from "@tripline/contracts/payment-filter";
import { planFilters } from "./payment-filters.js";
import type { UpdateSelection } from "./payment-updates.js";
import { selectUpdates } from "./payment-updates.js";

/** The layout of one ring of tiles. Windows with the same tile width share a ring. */
export interface RingPlan {
  readonly tileMs: number;
  /** How many tiles before the newest tile the widest window of this ring covers: width / tile. */
  readonly tilesBack: number;
  /** Whether the sum is needed: of thousandths for payments, or of frauds for labels. The count is always kept. */
  readonly sum: boolean;
  readonly max: boolean;
  /** Whether the sum of squared thousandths is needed. */
  readonly squares: boolean;
}

/** One window over one ring, with the index of its aggregate among those of the same entity and stream. */
export interface WindowPlan {
  readonly ring: number;
  readonly tilesBack: number;
}

/** The state that an entity keeps for one stream (payments or labels). */
export interface StreamPlan {
  readonly rings: readonly RingPlan[];
  readonly windows: readonly WindowPlan[];
  /** Index in `windows` by the window's name in the spec. */
  readonly windowIndex: ReadonlyMap<string, number>;
}

/** The state that an entity keeps about its partners, such as the terminals of a card. */
export interface PartnerPlan {
  /** Index of the partners' entity in the spec. */
  readonly entity: number;
  /** Widths in milliseconds of the windows over which distinct partners are counted. */
  readonly widthsMs: readonly number[];
  /** Index in `widthsMs` by the window's name in the spec. */
  readonly windowIndex: ReadonlyMap<string, number>;
  /** Whether the state remembers which partners had a confirmed fraud. */
  readonly frauds: boolean;
}

/** The state that an entity keeps about unusual amounts. */
export interface UsualPlan {
  /** Widths in milliseconds of the windows over which unusual payments are counted. */
  readonly widthsMs: readonly number[];
  /** Index in `widthsMs` by the window's name in the spec. */
  readonly windowIndex: ReadonlyMap<string, number>;
}

/** The state that an entity keeps about frauds since its last genuine payment. */
export interface RunPlan {
  /** Index of the judge entity in the spec; -1 for none. Frauds that its unusual payments explain do not count. */
  readonly explainedBy: number;
}

export interface EntityPlan {
  readonly name: string;
  /** Name of the column for its ids, and the fields of an event that form the id: one, or several joined with `/`. */
  readonly key: string;
  readonly fields: readonly KeyField[];
  /** Whether payments may lack this entity. */
  readonly optional: boolean;
  /** Whether labels can name this entity. */
  readonly isLabelled: boolean;
  readonly payments: StreamPlan;
  readonly labels: StreamPlan;
  readonly partners: PartnerPlan | undefined;
  /** Whether the mean location of payments is kept. */
  readonly home: boolean;
  /** Whether the location of the newest payment is kept. */
  readonly lastPlace: boolean;
  readonly usual: UsualPlan | undefined;
  readonly run: RunPlan | undefined;
  /** Whether the time of the first confirmed fraud is kept. */
  readonly firstFraud: boolean;
  /**
   * Whether the ids of the last events are kept to detect duplicates. Only the entity whose id is the record key of the
   * topics needs these ids, because all duplicates of an event have the same key.
   */
  readonly recentIds: boolean;
  /** The parts kept for each filter, in the order of the spec's filters. */
  readonly slices: readonly SlicePlan[];
  /** The state kept of updates of the entity's payments. */
  readonly updates: readonly UpdatePlan[];
  /** For the card: the other entities that updates and labels of its payments reach, by their index in the spec. */
  readonly remembered: readonly number[];
  /** Index of the partners' entity in the spec, for the entity and its slices; -1 if neither has partners. */
  readonly partnerEntity: number;
  /** Hash of the layout: a state that was written under a different plan cannot be read. */
  readonly fingerprint: number;
}

/** The state that an entity keeps about the payment updates that one or more features select. */
export interface UpdatePlan extends UpdateSelection {
  readonly stream: StreamPlan;
}

/** The parts of a state that payments change. */
export type PaymentParts = Pick<EntityPlan, "payments" | "partners" | "home" | "lastPlace" | "usual">;

/** The state kept about the payments that match one filter: the same parts as for all payments, without labels. */
export interface SlicePlan extends EntityPlan {
  /** Index among the filters of the spec. */
  readonly filter: number;
}

/** Derives the minimal state of each entity from the features. In the order of the spec. */
export function planEntities(spec: FeatureSpec): EntityPlan[] {
  const names = Object.keys(spec.entities);
  const filters = planFilters(spec).map(({ key }) => key);
  const horizonMs = longestWindowMs(spec);
  const reported = Object.entries(spec.entities).flatMap(([name, { key }], index) => {
    const counts = spec.features.some(
      (feature) =>
        (isUpdateFeature(feature) || (isLabelFeature(feature) && !isLabelled(key))) && feature.entity === name,
    );
    return counts && index > 0 ? [index] : [];
  });
  return Object.entries(spec.entities).map(([name, { key, optional }], index) => {
    const named = { name, key: keyColumn(key), fields: keyFields(key), optional, isLabelled: isLabelled(key) };
    const every = spec.features.filter((feature) => "entity" in feature && feature.entity === name);
    const updates = planUpdates(spec, every.filter(isUpdateFeature));
    const all = every.filter((feature) => !isUpdateFeature(feature));
    const own = all.filter(({ where }) => where === undefined);
    const explains = spec.features.some((feature) => isRunFeature(feature) && feature.explained_by === name);
    const parts = {
      ...planPayments(spec, own, names, explains),
      labels: planStream(spec, own, true),
      run: planRun(own, names),
      firstFraud: own.some((feature) => feature.kind === "days_since_first_fraud"),
      recentIds: index === 0,
    };
    const remembered = index === 0 ? reported : [];
    const slices = filters.flatMap((filter, place): SlicePlan[] => {
      const some = all.filter(({ where }) => where !== undefined && filterKey(where) === filter);
      if (some.length === 0) return [];
      const kept = { ...planPayments(spec, some, names, false), ...NO_LABELS };
      const partnerEntity = kept.partners?.entity ?? -1;
      return [{ ...named, ...kept, filter: place, slices: [], partnerEntity, fingerprint: 0 }];
    });
    const partnerEntity = Math.max(parts.partners?.entity ?? -1, ...slices.map((slice) => slice.partnerEntity));
    const fingerprint = fingerprintOf(parts, horizonMs, slices, filters, updates, remembered);
    return { ...named, ...parts, slices, updates, remembered, partnerEntity, fingerprint };
  });
}

/** Features that select the same updates share their tiles. */
function planUpdates(spec: FeatureSpec, features: readonly Feature[]): UpdatePlan[] {
  const bySelection = Map.groupBy(features, (feature) => selectUpdates(feature).key);
  return [...bySelection.values()].flatMap((same) =>
    same.slice(0, 1).map((first) => ({ ...selectUpdates(first), stream: planStream(spec, same, false) })),
  );
}

function planPayments(
  spec: FeatureSpec,
  features: readonly Feature[],
  names: readonly string[],
  explains: boolean,
): PaymentParts {
  return {
    payments: planStream(spec, features, false),
    partners: planPartners(spec, features, names),
    home: features.some((feature) => feature.kind === "distance_from_home"),
    lastPlace: features.some((feature) => feature.kind === "distance_from_last"),
    usual: planUsual(spec, features, explains),
  };
}

/** Labels do not contain the fields of their payments, so they match no filter. */
const NO_LABELS = {
  updates: [],
  remembered: [],
  labels: { rings: [], windows: [], windowIndex: new Map<string, number>() },
  run: undefined,
  firstFraud: false,
  recentIds: false,
} as const;

/** Whether labels reach this entity only through the card, because they do not name it. */
export function isFound(plan: EntityPlan): boolean {
  return isFoundBy(plan, true);
}

/** Whether labels with this verdict reach the entity through the card. */
export function isFoundBy({ isLabelled, labels, run, firstFraud, partners }: EntityPlan, fraud: boolean): boolean {
  if (isLabelled) return false;
  const countsGenuine = labels.rings.length > 0 || run !== undefined;
  return countsGenuine || (fraud && (firstFraud || partners?.frauds === true));
}

/** Index of the judge entity, which explains frauds of another; -1 for none. The spec has at most one. */
export function judgeOf(plans: readonly Pick<EntityPlan, "run">[]): number {
  return Math.max(-1, ...plans.map(({ run }) => run?.explainedBy ?? -1));
}

/** Widest window of the spec in milliseconds; 0 if no feature has a window. */
export function longestWindowMs(spec: FeatureSpec): number {
  return spec.features.reduce((longest, feature) => {
    const width = "window" in feature ? spec.windows[feature.window]?.width : undefined;
    return Math.max(longest, width ?? 0);
  }, 0);
}

function planStream(spec: FeatureSpec, features: readonly Feature[], labels: boolean): StreamPlan {
  const rings: RingPlan[] = [];
  const windows: WindowPlan[] = [];
  const windowIndex = new Map<string, number>();
  for (const feature of features) {
    if (!overTiles(feature) || isLabelFeature(feature) !== labels) continue;
    const window = spec.windows[feature.window];
    if (window === undefined) continue;
    const need = ringOf(feature, window.tile, window.width / window.tile);
    const ring = rings.findIndex((candidate) => candidate.tileMs === window.tile);
    const known = rings[ring];
    if (known === undefined) rings.push(need);
    else rings[ring] = widen(known, need);
    if (!windowIndex.has(feature.window)) {
      windowIndex.set(feature.window, windows.length);
      windows.push({ ring: known === undefined ? rings.length - 1 : ring, tilesBack: need.tilesBack });
    }
  }
  return { rings, windows, windowIndex };
}

function ringOf({ kind }: Feature, tileMs: number, tilesBack: number): RingPlan {
  const squares = kind === "std" || kind === "z_score";
  const sum =
    squares ||
    [
      "sum",
      "mean",
      "ratio_to_mean",
      "fraud_count",
      "fraud_rate",
      "fraud_risk",
      "update_sum",
      "declined_share",
    ].includes(kind);
  return { tileMs, tilesBack, sum, max: kind === "max", squares };
}

function widen(one: RingPlan, other: RingPlan): RingPlan {
  return {
    tileMs: one.tileMs,
    tilesBack: Math.max(one.tilesBack, other.tilesBack),
    sum: one.sum || other.sum,
    max: one.max || other.max,
    squares: one.squares || other.squares,
  };
}

function planPartners(
  spec: FeatureSpec,
  features: readonly Feature[],
  names: readonly string[],
): PartnerPlan | undefined {
  const widthsMs: number[] = [];
  const windowIndex = new Map<string, number>();
  let entity = -1;
  for (const feature of features) {
    if (!("of" in feature)) continue;
    entity = names.indexOf(feature.of);
    if (!("window" in feature) || windowIndex.has(feature.window)) continue;
    windowIndex.set(feature.window, widthsMs.length);
    widthsMs.push(spec.windows[feature.window]?.width ?? 0);
  }
  return entity < 0 ? undefined : { entity, widthsMs, windowIndex, frauds: features.some(countsFrauds) };
}

function planUsual(spec: FeatureSpec, features: readonly Feature[], explains: boolean): UsualPlan | undefined {
  const windows = features.flatMap((feature) =>
    "window" in feature && (UNUSUAL_KINDS as readonly string[]).includes(feature.kind) ? [feature.window] : [],
  );
  const isAsked = features.some(({ kind }) => kind === "ratio_to_usual");
  if (windows.length === 0 && !isAsked && !explains) return undefined;
  const names = [...new Set(windows)];
  return {
    widthsMs: names.map((name) => spec.windows[name]?.width ?? 0),
    windowIndex: new Map(names.map((name, index) => [name, index])),
  };
}

function planRun(features: readonly Feature[], names: readonly string[]): RunPlan | undefined {
  const feature = features.find(isRunFeature);
  return feature && { explainedBy: feature.explained_by === undefined ? -1 : names.indexOf(feature.explained_by) };
}

/** Hash of the layout of all entities of a spec, 32 bits. */
export function layoutFingerprint(plans: readonly Pick<EntityPlan, "fingerprint">[]): number {
  return hashOf(plans.map((plan) => plan.fingerprint).join());
}

/**
 * Version of the layout of a stored state, see state-codec.ts. It is part of every fingerprint and therefore of the
 * state keys: after an upgrade, states with the old layout are not found, and features are flagged until the states are
 * rebuilt.
 */
export const STATE_VERSION = 3;

function fingerprintOf(
  parts: PaymentParts & Pick<EntityPlan, "labels" | "run" | "firstFraud" | "recentIds">,
  horizonMs: number,
  slices: readonly SlicePlan[],
  filters: readonly string[],
  updates: readonly UpdatePlan[],
  remembered: readonly number[],
): number {
  const { payments, labels, partners, home, lastPlace, usual, run, firstFraud, recentIds } = parts;
  const own = [home, lastPlace, usual !== undefined, run?.explainedBy ?? null, firstFraud, recentIds];
  const counted = partners?.frauds === true ? ["frauds"] : [];
  const kept = [STATE_VERSION, payments.rings, labels.rings, partners?.entity ?? -1, ...own, horizonMs, ...counted];
  const sliced = slices.map((slice) => {
    const places = [slice.home, slice.lastPlace, slice.usual !== undefined];
    return [filters[slice.filter], slice.payments.rings, slice.partners?.entity ?? -1, ...places];
  });
  const updated = updates.map(({ key, stream }) => [key, stream.rings]);
  return hashOf(JSON.stringify([...kept, ...sliced, ...updated, ...remembered]));
}

/** FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
