import type { JoinKeyType, ValueType } from "../values/value-types.js";

/** UNKNOWN: a Feast type that this client does not know. */
export type FeatureType = ValueType | "UNKNOWN";

/** The properties of a feature view that online reads and writes need. */
export interface FeatureView {
  readonly name: string;
  /** Types by join key. Empty for a view without entities. */
  readonly joinKeys: Readonly<Record<string, JoinKeyType>>;
  /** Types by feature. */
  readonly features: Readonly<Record<string, FeatureType>>;
  /** Feast's `ttl`: the maximum age of a value. Absent or 0: no limit. */
  readonly maxAgeMs?: number;
  /** Feast's version number, starting at 0. Used only with `keepsVersionsOnline`. Default: 0. */
  readonly version?: number;
}

/** The features of one view in a feature service. */
export interface FeatureProjection {
  readonly featureView: string;
  /** The version, if the service pins a version. */
  readonly version?: number;
  /** Replaces the view's name in full feature names. */
  readonly alias?: string;
  readonly features: readonly string[];
  /** Names of the view's join keys in entity rows: `{ card_id: "other_card_id" }`. */
  readonly joinKeyMap?: Readonly<Record<string, string>>;
}

export interface FeatureService {
  readonly name: string;
  readonly projections: readonly FeatureProjection[];
  /** Feast's `precompute_online`: the store contains the whole vector of each entity. Default: false. */
  readonly precomputesOnline?: boolean;
}

/**
 * The definitions of a Feast project. Read it from Feast's registry with `readRegistry`, or write it by hand. It is a
 * snapshot: after `feast apply`, create a new client with the new registry.
 */
export interface FeatureRegistry {
  readonly project: string;
  readonly featureViews: readonly FeatureView[];
  /** Earlier versions of views, each with its `version`, for references such as `view@v2:feature`. */
  readonly formerVersions?: readonly FeatureView[];
  readonly featureServices?: readonly FeatureService[];
  /** Names of views that Feast computes in Python when they are read; only Feast's servers can do this. */
  readonly onDemandFeatureViews?: readonly string[];
  /** Feast's `registry.enable_online_feature_view_versioning`. Default: false. */
  readonly keepsVersionsOnline?: boolean;
}

/** The name under which Feast stores a view's features, which includes the version if versions are kept online. */
export function storedViewName(view: FeatureView, registry: FeatureRegistry): string {
  const version = view.version ?? 0;
  return registry.keepsVersionsOnline === true && version > 0 ? `${view.name}_v${version}` : view.name;
}
