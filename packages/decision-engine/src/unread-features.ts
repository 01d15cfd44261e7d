import type { FeatureSpec } from "@tripline/contracts/feature-spec";

/** Names of the profile features that the feature service does not read. They always have their default values. */
export function unreadFeatures({ features }: FeatureSpec, profiles: readonly string[]): ReadonlySet<string> {
  const unread = features.filter((feature) => feature.kind === "profile" && !profiles.includes(feature.entity));
  return new Set(unread.map(({ name }) => name));
}

/** Why something that uses these features is invalid, phrased to follow its name; undefined if it is valid. */
export function unreadFault(used: readonly string[], unread: ReadonlySet<string>): string | undefined {
  const names = used.filter((name) => unread.has(name));
  return names.length === 0
    ? undefined
    : `uses ${names.join(", ")} from profiles that the features service does not read: add these to FEAST_PROFILES`;
}
