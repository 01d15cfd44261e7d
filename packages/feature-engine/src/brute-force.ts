import { currencyDecimals } from "@tripline/contracts/currency";
import type { EntityName, Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { LABEL_KINDS, WINDOW_KINDS } from "@tripline/contracts/feature-spec";

/*
 * The oracle of the tests: features straight from a list of all events, with the same rule for tiles and no state.
 * Slow and plain on purpose. No code of the engine is used here.
 */

export interface OracleEvent {
  readonly kind: "payment" | "label";
  readonly id: string;
  readonly card: string;
  readonly terminal: string;
  readonly atMs: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly fraud: boolean;
}

export type OracleResult = "duplicate" | { readonly values: number[] | undefined; readonly tooLate: boolean };

/** Answers for every event in the order of arrival. */
export function bruteForce(spec: FeatureSpec, events: readonly OracleEvent[]): OracleResult[] {
  const counted: OracleEvent[] = [];
  return events.map((event) => {
    const seenBy = (entity: EntityName) => counted.filter((other) => other[entity] === event[entity]);
    const repeated = (entity: EntityName) =>
      seenBy(entity)
        .slice(-16)
        .some((other) => other.id === event.id);
    if (repeated("card") || repeated("terminal")) return "duplicate";
    const tooLate = (["card", "terminal"] as const).some((entity) => isTooLate(spec, entity, event, seenBy(entity)));
    const values =
      event.kind === "payment" ? spec.features.map((feature) => featureOf(spec, feature, event, seenBy)) : undefined;
    counted.push(event);
    return { values, tooLate };
  });
}

function featureOf(
  spec: FeatureSpec,
  feature: Feature,
  event: OracleEvent,
  seenBy: (entity: EntityName) => OracleEvent[],
): number {
  const date = new Date(event.atMs);
  if (feature.kind === "amount") return event.amountMinor / 10 ** currencyDecimals(event.currency);
  if (feature.kind === "hour_of_day") return date.getUTCHours();
  if (feature.kind === "is_night") return date.getUTCHours() <= 6 ? 1 : 0;
  if (feature.kind === "is_weekend") return [0, 6].includes(date.getUTCDay()) ? 1 : 0;
  if (feature.kind === "seconds_since_last") {
    const times = seenBy(feature.entity).flatMap((other) => (other.kind === "payment" ? [other.atMs] : []));
    const newest = Math.max(...times);
    const longest = Math.max(...spec.features.map((f) => ("window" in f ? (spec.windows[f.window]?.width ?? 0) : 0)));
    const known = times.length > 0 && newest <= event.atMs && event.atMs - newest <= longest;
    return known ? (event.atMs - newest) / 1000 : feature.default;
  }
  if (!("window" in feature)) throw new Error(`${feature.kind} is unknown here`);
  const stream = isLabelKind(feature.kind) ? "label" : "payment";
  const past = inWindow(spec, feature.entity, feature.window, stream, event, seenBy(feature.entity));
  if (stream === "label") {
    const frauds = past.filter((other) => other.fraud).length;
    if (past.length === 0) return feature.default;
    if (feature.kind === "label_count") return past.length;
    return feature.kind === "fraud_count" ? frauds : frauds / past.length;
  }
  const before = past.map(thousandths);
  const all = [...before, thousandths(event)];
  if (feature.kind === "count") return all.length;
  if (feature.kind === "sum") return sum(all) / 1000;
  if (feature.kind === "mean") return sum(all) / 1000 / all.length;
  if (feature.kind === "max") return Math.max(...all) / 1000;
  return sum(before) === 0 ? feature.default : (thousandths(event) * before.length) / sum(before);
}

function inWindow(
  spec: FeatureSpec,
  entity: EntityName,
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
  return same.filter((other) => tile(other.atMs) >= oldest && tile(other.atMs) <= tile(event.atMs));
}

function isTooLate(spec: FeatureSpec, entity: EntityName, event: OracleEvent, seen: readonly OracleEvent[]): boolean {
  const times = seen.filter((other) => other.kind === event.kind).map((other) => other.atMs);
  const newestMs = Math.max(event.atMs, ...times);
  const windows = windowsOf(spec, entity, event.kind);
  if (windows.length === 0) return false;
  return windows.every(({ tile }) => {
    const oldest = Math.floor(newestMs / tile) - widestOnTile(spec, entity, event.kind, tile) / tile;
    return Math.floor(event.atMs / tile) < oldest;
  });
}

function windowsOf(spec: FeatureSpec, entity: EntityName, stream: OracleEvent["kind"]) {
  return spec.features.flatMap((feature) => {
    if (!("window" in feature) || feature.entity !== entity) return [];
    return isLabelKind(feature.kind) === (stream === "label") ? [windowOf(spec, feature.window)] : [];
  });
}

/** Windows with one tile width share their tiles, so the widest of them says how far back tiles are kept. */
function widestOnTile(spec: FeatureSpec, entity: EntityName, stream: OracleEvent["kind"], tile: number): number {
  const widths = windowsOf(spec, entity, stream).flatMap((window) => (window.tile === tile ? [window.width] : []));
  return Math.max(...widths);
}

function windowOf(spec: FeatureSpec, name: string): { width: number; tile: number } {
  const window = spec.windows[name];
  if (window === undefined) throw new Error(`no window ${name}`);
  return window;
}

function isLabelKind(kind: string): boolean {
  if (LABEL_KINDS.some((label) => label === kind)) return true;
  if (WINDOW_KINDS.some((window) => window === kind)) return false;
  throw new Error(`${kind} has no window`);
}

function thousandths(event: OracleEvent): number {
  return Math.round(event.amountMinor * 10 ** (3 - currencyDecimals(event.currency)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
