import type { FeatureRegistry } from "../registry/feature-registry.js";

/** A hand-written registry, for tests without Feast. */
export const SMALL_REGISTRY: FeatureRegistry = {
  project: "small",
  featureViews: [
    { name: "stats", joinKeys: { card_id: "STRING" }, features: { mean: "DOUBLE", count: "INT64" } },
    { name: "other", joinKeys: { terminal_id: "INT64" }, features: { mean: "DOUBLE" }, maxAgeMs: 1_000 },
  ],
};
