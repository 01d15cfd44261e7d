import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";

/** Window features of one kind of entity, computed from events. */
export interface WindowsView {
  readonly kind: "windows";
  readonly name: string;
  readonly joinKey: string;
  /** Index of the entity in the spec. */
  readonly entity: number;
  /** Index into the values of `FeatureEngine.readEntity`, by feature name. */
  readonly places: ReadonlyMap<string, number>;
}

/** Slowly changing features of one kind of entity. Other systems push them; each pushed column is a feature. */
export interface ProfileView {
  readonly kind: "profile";
  readonly name: string;
  readonly joinKey: string;
  readonly pushSource: string;
}

export type FeatureView = WindowsView | ProfileView;

/** The feature service with all window features. */
export const WINDOWS_SERVICE = "fraud_features";

/** The available views and services by name, in Feast's terms. */
export interface FeatureViews {
  readonly views: ReadonlyMap<string, FeatureView>;
  /** References such as `card_windows:card_count_1d` by the service's name. */
  readonly services: ReadonlyMap<string, readonly string[]>;
  readonly joinKeys: ReadonlySet<string>;
}

/**
 * A view `<entity>_windows` for each entity in the spec with features that need no payment, and a view
 * `<entity>_profile` for each entity that labels name.
 */
export function describeViews(engine: FeatureEngine): FeatureViews {
  const views = new Map<string, FeatureView>();
  const references: string[] = [];
  for (const [entity, { name: entityName, key: joinKey }] of engine.entities.entries()) {
    const features = engine.entityFeatures(entity);
    const name = `${entityName}_windows`;
    if (features.length === 0) continue;
    const places = new Map(features.map((feature, place) => [feature, place]));
    views.set(name, { kind: "windows", name, joinKey, entity, places });
    references.push(...features.map((feature) => `${name}:${feature}`));
  }
  for (const { name: entityName, key: joinKey, isLabelled } of engine.entities) {
    if (!isLabelled) continue;
    const name = `${entityName}_profile`;
    views.set(name, { kind: "profile", name, joinKey, pushSource: `${name}_push` });
  }
  return {
    views,
    services: new Map([[WINDOWS_SERVICE, references]]),
    joinKeys: new Set(engine.entities.map((plan) => plan.key)),
  };
}
