import { currencyDecimals } from "@tripline/contracts/currency";
import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { labelFeature, runOf, sum, thousandths, usualOf } from "./brute-force-amounts.js";
import type { OracleFields } from "./brute-force-filters.js";
import { codeOf, isIncluded, isSelectedUpdate, wholeOf, withFilter, withSelection } from "./brute-force-filters.js";
import { hasTiles, isRunKind, isUpdateKind, streamOf } from "./brute-force-kinds.js";
import { keepsVerdicts, withoutReplaced } from "./brute-force-labels.js";
import { partnersOf } from "./brute-force-partners.js";
import { distanceKm, meanPlace, vectorOf } from "./brute-force-places.js";
import type { OracleProfile } from "./brute-force-profiles.js";
import { profileFeature } from "./brute-force-profiles.js";
import { reportedEntities } from "./brute-force-updates.js";

/*
 * The tests' oracle: computes features directly from a list of all events, with the same tile rule and without state.
 * Deliberately slow and simple. It uses no code of the engine.
 */

export interface OracleEvent {
  readonly kind: "payment" | "label" | "update";
  readonly id: string;
  /**
   * Ids by entity name; absent for entities that the event does not name. Labels name only card and terminal, payment
   * updates only the card.
   */
  readonly entities: Readonly<Record<string, string>>;
  readonly atMs: number;
  /** For a label: when its payment took place. Default: when the label was reported. */
  readonly occurredAtMs?: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly fraud: boolean;
  /** For a label that replaces one with the opposite verdict: when the replaced label was reported. */
  readonly replacedAtMs?: number;
  readonly latitude: number | undefined;
  readonly longitude: number | undefined;
  /** For a payment update or a label: the id of its payment. */
  readonly about?: string;
  /** For a payment or payment update: other fields that filters read. */
  readonly fields?: OracleFields;
  /** For a payment: the profiles read for it, by entity. */
  readonly profiles?: Readonly<Record<string, OracleProfile>>;
}

export type OracleResult = "duplicate" | { readonly values: number[] | undefined; readonly tooLate: boolean };

type Seen = (entity: string) => readonly OracleEvent[];

interface Window {
  readonly width: number;
  readonly tile: number;
}

const DAY_MS = 86_400_000;

/** The result of every event, in the order of arrival. */
export function bruteForce(spec: FeatureSpec, events: readonly OracleEvent[]): OracleResult[] {
  const counted: OracleEvent[] = [];
  const [main = ""] = Object.keys(spec.entities);
  const unfiltered = withFilter(spec, undefined);
  late = new Map();
  return events.map((given) => {
    const event = given.kind === "payment" ? given : { ...given, entities: reportedEntities(spec, given, counted) };
    const seen = new Map<string, OracleEvent[]>();
    const seenBy: Seen = (entity) => {
      const own = event.entities[entity];
      const found = seen.get(entity) ?? counted.filter(({ entities }) => own !== undefined && entities[entity] === own);
      seen.set(entity, found);
      return found;
    };
    const repeated = seenBy(main)
      .slice(-16)
      .some((other) => other.id === event.id);
    if (repeated) return "duplicate";
    if (event.kind === "label") judge(unfiltered, event, seenBy);
    const tooLate =
      event.kind === "update"
        ? Object.keys(event.entities).some((entity) => isUpdateTooLate(spec, entity, event, seenBy(entity)))
        : Object.keys(event.entities).some((entity) => isTooLate(unfiltered, entity, event, seenBy(entity)));
    const values =
      event.kind === "payment" ? spec.features.map((feature) => featureOf(spec, feature, event, seenBy)) : undefined;
    counted.push(event);
    return { values, tooLate };
  });
}

function featureOf(spec: FeatureSpec, feature: Feature, event: OracleEvent, seenBy: Seen): number {
  const date = new Date(event.atMs);
  switch (feature.kind) {
    case "amount":
      return event.amountMinor / 10 ** currencyDecimals(event.currency);
    case "hour_of_day":
      return date.getUTCHours();
    case "day_of_week":
      return date.getUTCDay() || 7;
    case "is_night":
      return date.getUTCHours() <= 6 ? 1 : 0;
    case "is_weekend":
      return [0, 6].includes(date.getUTCDay()) ? 1 : 0;
    case "category":
      return codeOf(feature.field, { ...event.fields, currency: event.currency });
    case "profile":
      return profileFeature(spec, feature, event);
    default:
      if (!(feature.entity in event.entities)) return feature.default;
      return isUpdateKind(feature.kind)
        ? updateFeature(spec, feature, event, seenBy(feature.entity))
        : entityFeature(withFilter(spec, feature.where), feature, event, seenBy);
  }
}

/** The updates that a feature counts. */
function selected(feature: Feature, events: readonly OracleEvent[]): OracleEvent[] {
  return events.filter((event) => event.kind === "update" && isSelected(feature, event));
}

function isSelected({ kind, where }: Feature, event: OracleEvent): boolean {
  return isSelectedUpdate(kind, where, {
    ...event.fields,
    amount: event.amountMinor === 0 ? undefined : thousandths(event) / 1000,
  });
}

function updateFeature(spec: FeatureSpec, feature: Feature, event: OracleEvent, seen: readonly OracleEvent[]): number {
  if (!("window" in feature)) throw new Error(`${feature.kind} has no window`);
  const own = withSelection(spec, feature);
  const past = inWindow(own, feature.entity, feature.window, "update", event, selected(feature, seen));
  if (feature.kind === "update_count") return past.length;
  if (feature.kind === "update_sum") return sum(past.map(thousandths)) / 1000;
  const declined = past.filter(({ fields }) => fields?.kind === "declined").length;
  return past.length === 0 ? feature.default : declined / past.length;
}

/** Whether the update is older than the windows of all features that select it. */
function isUpdateTooLate(spec: FeatureSpec, entity: string, event: OracleEvent, seen: readonly OracleEvent[]): boolean {
  const own = spec.features.filter((feature) => "entity" in feature && feature.entity === entity);
  const features = own.filter((feature) => isUpdateKind(feature.kind) && isSelected(feature, event));
  const late = features.map((feature) =>
    isTooLate(withSelection(spec, feature), entity, event, selected(feature, seen)),
  );
  return late.length > 0 && late.every((one) => one);
}

function entityFeature(
  spec: FeatureSpec,
  feature: Exclude<Extract<Feature, { entity: string }>, { kind: "profile" }>,
  event: OracleEvent,
  seenBy: Seen,
): number {
  const seen = seenBy(feature.entity).filter(
    (other) => other.kind === "label" || (other.kind === "payment" && passes(feature, other)),
  );
  if ("of" in feature) return partnerFeature(spec, feature, event, seen);
  const payments = seen.filter((other) => other.kind === "payment");
  if (isRunKind(feature.kind)) return runFeature(feature, event, seen);
  if (feature.kind === "ratio_to_usual" || feature.kind === "unusual_count" || feature.kind === "unusual_max") {
    return usualFeature(spec, feature, event, countedOnly(spec, feature.entity, payments));
  }
  if (!("window" in feature)) {
    if (feature.kind === "seconds_since_last") {
      const newest = Math.max(...payments.map((other) => other.atMs));
      return secondsSince(spec, newest, event.atMs) ?? feature.default;
    }
    if (feature.kind === "days_since_first_fraud") {
      const first = Math.min(...seen.flatMap((other) => (other.kind === "label" && other.fraud ? [other.atMs] : [])));
      return first <= event.atMs ? (event.atMs - first) / DAY_MS : feature.default;
    }
    if (feature.kind === "distance_from_last") return lastDistance(spec, feature, event, payments);
    const home = meanPlace(countedOnly(spec, feature.entity, payments));
    return home === undefined ? feature.default : (distanceKm(home, event) ?? feature.default);
  }
  const stream = streamOf(feature.kind);
  const past = inWindow(spec, feature.entity, feature.window, stream, event, seen);
  return stream === "label" ? labelFeature(feature, past) : amountFeature(feature, past, event);
}

function passes({ where }: Feature, event: OracleEvent): boolean {
  const { currency, entities, fields } = event;
  return isIncluded(where, { ...fields, currency, terminal_id: entities.terminal, amount: thousandths(event) / 1000 });
}

/** Measured from the location of the newest counted payment; if times are equal, from the payment that arrived last. */
function lastDistance(
  spec: FeatureSpec,
  feature: Extract<Feature, { entity: string }>,
  event: OracleEvent,
  payments: readonly OracleEvent[],
): number {
  const newestMs = Math.max(...payments.map((other) => other.atMs));
  const last = countedOnly(spec, feature.entity, payments).findLast((other) => other.atMs === newestMs);
  if (last === undefined || secondsSince(spec, newestMs, event.atMs) === undefined) return feature.default;
  const from = vectorOf(last);
  return from === undefined ? feature.default : (distanceKm(from, event) ?? feature.default);
}

/** Labels whose payment was unusual for the judge entity when the label was reported. */
const explained = new WeakSet<OracleEvent>();

function judge(spec: FeatureSpec, label: OracleEvent, seenBy: Seen): void {
  const [entity] = spec.features.flatMap((feature) => ("explained_by" in feature ? (feature.explained_by ?? []) : []));
  if (entity === undefined) return;
  const payments = countedOnly(
    spec,
    entity,
    seenBy(entity).filter(({ kind }) => kind === "payment"),
  );
  const { unusual } = usualOf(payments.map(amountOf), longest(spec));
  if (unusual.some(({ atMs }) => atMs === (label.occurredAtMs ?? label.atMs))) explained.add(label);
}

function amountOf(payment: OracleEvent) {
  return { atMs: payment.atMs, thousandths: thousandths(payment) };
}

function runFeature(feature: Feature, event: OracleEvent, seen: readonly OracleEvent[]): number {
  const isJudged = "explained_by" in feature && feature.explained_by !== undefined;
  const labels = seen.filter((other) => other.kind === "label" && !(isJudged && other.fraud && explained.has(other)));
  const labelled = labels.map(({ atMs, occurredAtMs = atMs, fraud }) => ({ occurredAtMs, fraud }));
  const { genuineMs, frauds } = runOf(labelled);
  if (feature.kind === "run_count") return frauds.length;
  const began =
    frauds.length === 0 ? Number.NEGATIVE_INFINITY : Math.min(...frauds.map((payment) => payment.occurredAtMs));
  const sinceMs = event.atMs - (feature.kind === "days_since_last_genuine" ? genuineMs : began);
  return sinceMs >= 0 && sinceMs < Number.POSITIVE_INFINITY ? sinceMs / DAY_MS : feature.default;
}

function usualFeature(
  spec: FeatureSpec,
  feature: Extract<Feature, { entity: string }>,
  event: OracleEvent,
  payments: readonly OracleEvent[],
): number {
  const { count, sum, unusual } = usualOf(payments.map(amountOf), longest(spec));
  if (!("window" in feature)) return count === 0 ? feature.default : (thousandths(event) * count) / sum;
  const fromMs = event.atMs - windowOf(spec, feature.window).width;
  const within = unusual.filter(({ atMs }) => atMs > fromMs && atMs <= event.atMs);
  return feature.kind === "unusual_count" ? within.length : Math.max(0, ...within.map(({ ratio }) => ratio));
}

function amountFeature(feature: Feature, past: readonly OracleEvent[], event: OracleEvent): number {
  const own = thousandths(event);
  const before = past.map(thousandths);
  const all = passes(feature, event) ? [...before, own] : before;
  switch (feature.kind) {
    case "count":
      return all.length;
    case "sum":
      return sum(all) / 1000;
    case "mean":
      return all.length === 0 ? feature.default : sum(all) / 1000 / all.length;
    case "max":
      return all.length === 0 ? feature.default : Math.max(...all) / 1000;
    case "ratio_to_mean":
      return sum(before) === 0 ? feature.default : (own * before.length) / sum(before);
    default: {
      if (before.length < 2) return feature.default;
      const mean = sum(before) / before.length;
      const deviation = Math.sqrt(sum(before.map((value) => (value - mean) ** 2)) / (before.length - 1));
      if (feature.kind === "std") return deviation / 1000;
      return new Set(before).size === 1 ? feature.default : (own - mean) / deviation;
    }
  }
}

function partnerFeature(
  spec: FeatureSpec,
  feature: Extract<Feature, { of: string }>,
  event: OracleEvent,
  seen: readonly OracleEvent[],
): number {
  const horizon = longest(spec);
  const partnerOf = (other: OracleEvent) => other.entities[feature.of];
  const ownPartner = partnerOf(event);
  const payments = seen.filter(({ kind }) => kind === "payment");
  const counted = new Set(countedOnly(spec, feature.entity, payments));
  const known = seen.filter((other) => other.kind === "label" || counted.has(other));
  const table = partnersOf(known, partnerOf, horizon);
  if (ownPartner === undefined && !["distinct", "neighbours"].includes(feature.kind)) return feature.default;
  const pair = table.find((row) => row.partner === partnerOf(event) && row.lastMs > event.atMs - horizon);
  switch (feature.kind) {
    case "pair_is_new":
      return pair === undefined ? 1 : 0;
    case "pair_count":
      return (pair?.count ?? 0) + (passes(feature, event) ? 1 : 0);
    case "pair_seconds_since_last":
      return secondsSince(spec, pair?.lastMs ?? Number.NEGATIVE_INFINITY, event.atMs) ?? feature.default;
    case "distinct": {
      const { width } = windowOf(spec, feature.window);
      const recent = table.filter((row) => row.lastMs > event.atMs - width);
      const own = ownPartner !== undefined && passes(feature, event) ? [ownPartner] : [];
      return new Set([...recent.map((row) => row.partner), ...own]).size;
    }
    case "neighbours": {
      const others = table.filter((row) => row.partner !== partnerOf(event));
      const { width } = windowOf(spec, feature.window);
      return others.filter((row) => row.lastMs > event.atMs - width && (feature.counts === "all" || row.fraud)).length;
    }
  }
}

function secondsSince(spec: FeatureSpec, lastMs: number, atMs: number): number | undefined {
  return lastMs <= atMs && atMs - lastMs <= longest(spec) ? (atMs - lastMs) / 1000 : undefined;
}

/**
 * Whether an event was too late when it arrived, by spec and entity. Without this cache, the oracle's time would grow
 * with the cube of the number of events.
 */
let late = new Map<FeatureSpec, Map<string, Map<OracleEvent, boolean>>>();

/**
 * Events that were not too late when they arrived. `payments` are all earlier payments that pass the spec's filter.
 */
function countedOnly(spec: FeatureSpec, entity: string, payments: readonly OracleEvent[]): OracleEvent[] {
  const ofSpec = late.get(spec) ?? new Map<string, Map<OracleEvent, boolean>>();
  late.set(spec, ofSpec);
  const known = ofSpec.get(entity) ?? new Map<OracleEvent, boolean>();
  ofSpec.set(entity, known);
  return payments.filter((event, index) => {
    const isLate = known.get(event) ?? isTooLate(spec, entity, event, payments.slice(0, index));
    known.set(event, isLate);
    return !isLate;
  });
}

function inWindow(
  spec: FeatureSpec,
  entity: string,
  windowName: string,
  stream: OracleEvent["kind"],
  event: OracleEvent,
  seen: readonly OracleEvent[],
): OracleEvent[] {
  const window = windowOf(spec, windowName);
  const same = seen.filter((other) => other.kind === stream);
  const tile = (atMs: number) => Math.floor(atMs / window.tile);
  const newest = tile(Math.max(...same.map((other) => other.atMs)));
  const oldest = Math.max(
    tile(event.atMs - window.width),
    newest - widestOnTile(spec, entity, stream, window.tile) / window.tile,
  );
  const standing = stream === "label" ? withoutReplaced(same, tile, keepsVerdicts(spec, entity, window.tile)) : same;
  return standing.filter((other) => tile(other.atMs) >= oldest && tile(other.atMs) <= tile(event.atMs));
}

function isTooLate(spec: FeatureSpec, entity: string, event: OracleEvent, seen: readonly OracleEvent[]): boolean {
  const times = seen.filter((other) => other.kind === event.kind).map((other) => other.atMs);
  const newestMs = Math.max(event.atMs, ...times);
  const windows = windowsOf(spec, entity, event.kind);
  if (windows.length === 0) return false;
  const remembers = spec.features.some((feature) => "of" in feature && feature.entity === entity);
  if (event.kind === "payment" && remembers && event.atMs > newestMs - longest(spec)) return false;
  return windows.every(({ tile }) => {
    const oldest = Math.floor(newestMs / tile) - widestOnTile(spec, entity, event.kind, tile) / tile;
    return Math.floor(event.atMs / tile) < oldest;
  });
}

/** Caches `windowsOf` by entity and stream, because recomputing it took half of the oracle's time. */
const found = new WeakMap<FeatureSpec, Map<string, readonly Window[]>>();

/** Distinct windows over tiles, because distinct partners are counted without tiles. */
function windowsOf(spec: FeatureSpec, entity: string, stream: OracleEvent["kind"]): readonly Window[] {
  const known = found.get(spec) ?? new Map<string, readonly Window[]>();
  found.set(spec, known);
  const key = `${entity} ${stream}`;
  const windows =
    known.get(key) ??
    spec.features.flatMap((feature) => {
      if (!("window" in feature) || feature.entity !== entity || !hasTiles(feature.kind)) return [];
      return streamOf(feature.kind) === stream ? [windowOf(spec, feature.window)] : [];
    });
  known.set(key, [...new Set(windows)]);
  return windows;
}

/** Windows with the same tile width share their tiles, so the widest window determines how long tiles are kept. */
function widestOnTile(spec: FeatureSpec, entity: string, stream: OracleEvent["kind"], tile: number): number {
  const widths = windowsOf(spec, entity, stream).flatMap((window) => (window.tile === tile ? [window.width] : []));
  return Math.max(...widths);
}

function windowOf(spec: FeatureSpec, name: string): Window {
  const window = spec.windows[name];
  if (window === undefined) throw new Error(`no window ${name}`);
  return window;
}

function longest(spec: FeatureSpec): number {
  return Math.max(...wholeOf(spec).features.map((f) => ("window" in f ? windowOf(spec, f.window).width : 0)));
}
