import type { JoinKeyType, ValueType } from "../values/value-types.js";

/** UNKNOWN: of a type that Feast has and this client does not know. */
export type FeatureType = ValueType | "UNKNOWN";

/** A feature view as far as reading and writing it online needs to know it. */
export interface FeatureView {
  readonly name: string;
  /** Types by join key. Empty for a view without entities. */
  readonly joinKeys: Readonly<Record<string, JoinKeyType>>;
  /** Types by feature. */
  readonly features: Readonly<Record<string, FeatureType>>;
  /** Feast's `ttl`: how old a value may be. Absent or 0: no limit. */
  readonly maxAgeMs?: number;
  /** Feast's version number, counted from 0. Matters where `keepsVersionsOnline` is set. Default 0. */
  readonly version?: number;
}

/** The features that a feature service takes from one view. */
export interface FeatureProjection {
  readonly featureView: string;
  /** Where the service pins a version. */
  readonly version?: number;
  /** Stands for the view's name in full feature names. */
  readonly alias?: string;
  readonly features: readonly string[];
  /** Names under which entity rows carry the view's join keys: `{ card_id: "other_card_id" }`. */
  readonly joinKeyMap?: Readonly<Record<string, string>>;
}

export interface FeatureService {
  readonly name: string;
  readonly projections: readonly FeatureProjection[];
  /** Feast's `precompute_online`: the store holds the whole vector of each entity. Default false. */
  readonly precomputesOnline?: boolean;
}

/**
 * What a project of Feast defines. Read it from Feast's registry with `readRegistry`, or write it down by hand. It is
 * a snapshot: after `feast apply` make a new client with the new one.
 */
export interface FeatureRegistry {
  readonly project: string;
  readonly featureViews: readonly FeatureView[];
  /** Former versions of views, each with its `version`, for references such as `view@v2:feature`. */
  readonly formerVersions?: readonly FeatureView[];
  readonly featureServices?: readonly FeatureService[];
  /** Names of views that Feast computes in Python when they are read, which only its servers can do. */
  readonly onDemandFeatureViews?: readonly string[];
  /** Feast's `registry.enable_online_feature_view_versioning`. Default false. */
  readonly keepsVersionsOnline?: boolean;
}

/** The name under which Feast stores a view's features: with the version where versions are kept online. */
export function storedViewName(view: FeatureView, registry: FeatureRegistry): string {
  const version = view.version ?? 0;
  return registry.keepsVersionsOnline === true && version > 0 ? `${view.name}_v${version}` : view.name;
}
