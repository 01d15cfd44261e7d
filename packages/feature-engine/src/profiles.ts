import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { keyColumn } from "@tripline/contracts/feature-spec";
import { distanceKm } from "./state/home-place.js";

const DAY_MS = 86_400_000;

/** The profile of one kind of entity: slow aggregates that are computed elsewhere. */
export interface ProfilePlan {
  /** Name of the entity, and its index in the spec. */
  readonly name: string;
  readonly entity: number;
  /** The table column with the ids of its entity. */
  readonly key: string;
  readonly maxAgeMs: number;
  /** The columns that features use. */
  readonly columns: readonly string[];
}

/** The profile of one entity at one time. */
export interface ProfileRow {
  readonly atMs: number;
  /** By column of the plan; NaN for null. */
  readonly values: ArrayLike<number>;
}

/** The profile rows of a payment's entities, by profile of the spec; undefined if there is none. */
export type ProfileRows = readonly (ProfileRow | undefined)[];

export type ProfileFeature = Extract<Feature, { kind: "profile" }>;

export function isProfileFeature(feature: Feature): feature is ProfileFeature {
  return feature.kind === "profile";
}

export function planProfiles(spec: FeatureSpec): ProfilePlan[] {
  const entities = Object.entries(spec.entities);
  return Object.entries(spec.profiles).map(([name, { max_age: maxAgeMs }]) => {
    const own = spec.features.filter(isProfileFeature).filter(({ entity }) => entity === name);
    const entity = entities.findIndex(([one]) => one === name);
    return {
      name,
      entity,
      key: keyColumn(entities[entity]?.[1].key ?? ""),
      maxAgeMs,
      columns: [...new Set(own.flatMap(columnsOf))],
    };
  });
}

/** Excludes rows that were computed after the payment, as in a replay, and rows that are too old. */
export function isInForce({ atMs }: ProfileRow, paymentAtMs: number, { maxAgeMs }: ProfilePlan): boolean {
  return atMs <= paymentAtMs && paymentAtMs - atMs <= maxAgeMs;
}

/** Indexes of a feature's columns in its profile. For a location, the second column is the longitude. */
export interface ProfilePlaces {
  readonly profile: number;
  readonly first: number;
  readonly second: number;
}

export function findPlaces(feature: ProfileFeature, plans: readonly ProfilePlan[]): ProfilePlaces {
  const profile = plans.findIndex(({ name }) => name === feature.entity);
  const [first = -1, second = -1] = columnsOf(feature).map((column) => plans[profile]?.columns.indexOf(column) ?? -1);
  return { profile, first, second };
}

/**
 * The fields of a payment that are compared with profiles. Coordinates are in degrees; NaN if the payment has no
 * location.
 */
export interface ComparedPayment {
  readonly atMs: number;
  readonly latitude: number;
  readonly longitude: number;
}

/** @param first, second the values of the feature's columns; NaN if no row is in force, or for null */
export function profileValue(
  { measure, default: none }: ProfileFeature,
  first: number,
  second: number,
  { atMs, latitude, longitude }: ComparedPayment,
): number {
  if (Number.isNaN(first)) return none;
  if (measure === "days_since") return first > atMs ? none : (atMs - first) / DAY_MS;
  if (measure !== "distance") return first;
  const km = distanceKm(first, second, latitude, longitude);
  return Number.isNaN(km) ? none : km;
}

/** A location has two columns. */
function columnsOf({ column, measure }: ProfileFeature): string[] {
  return measure === "distance" ? [`${column}_latitude`, `${column}_longitude`] : [column];
}
