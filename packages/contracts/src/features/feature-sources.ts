import type { FeatureSpec } from "../feature-spec.js";
import { isUpdateFeature } from "../feature-spec.js";
import type { TopicName } from "../topics.js";

/** The topics from which features are computed, by their names in `TOPICS`. */
export const FEATURE_SOURCES = ["transactions", "labels", "paymentUpdates"] as const;
export type FeatureSource = (typeof FEATURE_SOURCES)[number];

/** The topics with the feature service's results, by their names in `TOPICS`. */
export const RESULTS = {
  transactions: "features",
  labels: "appliedLabels",
  paymentUpdates: "appliedPaymentUpdates",
} as const satisfies Record<FeatureSource, TopicName>;

/** The topics that the feature service reads. Payment updates are included only if a feature uses them. */
export function featureSources({ features }: Pick<FeatureSpec, "features">): readonly FeatureSource[] {
  return features.some(isUpdateFeature)
    ? FEATURE_SOURCES
    : FEATURE_SOURCES.filter((source) => source !== "paymentUpdates");
}
