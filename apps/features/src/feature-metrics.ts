import { Inject, Injectable } from "@nestjs/common";
import { TOPICS } from "@tripline/contracts/topics";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { counter, histogram } from "@tripline/telemetry/metrics";
import { FEATURE_ENGINE } from "./features.tokens.js";

/** Steps of a batch that are timed. */
export type Hop = "redis read" | "fold" | "redis compare-and-set" | "features publish";

/** Special kinds of events in a batch. */
export interface FoldCounts {
  readonly duplicates: number;
  readonly tooLate: number;
  readonly incomplete: number;
  readonly flagged: number;
  /** Payment updates or labels counted only for the entities that they name, because their payments are unknown. */
  readonly ofCardOnly: number;
  /** Number of payments without a usable row, for each profile of the spec. */
  readonly profileMisses: readonly number[];
}

const MS_PER_S = 1_000;
const BATCH_SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500];

/** Metrics of the features service. */
@Injectable()
export class FeatureMetrics {
  readonly #batchSize = histogram("tripline_features_batch_size", {
    description: "Records per batch, by topic",
    labels: ["topic"],
    buckets: BATCH_SIZES,
  });
  readonly #hopDuration = histogram("tripline_features_hop_duration_seconds", {
    description: "Duration of one step of processing a batch",
    labels: ["hop"],
  });
  readonly #conflicts = counter("tripline_features_conflicts_total", {
    description: "Batches recomputed because another writer changed a state",
    labels: ["topic"],
  });
  readonly #duplicates = counter("tripline_features_duplicates_total", {
    description: "Payments and labels that were submitted more than once and counted once",
    labels: ["topic"],
  });
  readonly #redelivered = counter("tripline_features_redelivered_total", {
    description: "Records that Kafka redelivered after they had been counted",
    labels: ["topic"],
  });
  readonly #tooLate = counter("tripline_features_too_late_total", {
    description: "Payments and labels older than all windows of one of their entities",
    labels: ["topic"],
  });
  readonly #incomplete = counter("tripline_features_incomplete_total", {
    description: "Payments and labels counted while window states were lost",
    labels: ["topic"],
  });

  readonly #flagged = counter("tripline_features_flagged_total", {
    description: "Payments and labels with a window state that a rebuild flagged as uncertain",
    labels: ["topic"],
  });
  readonly #ofCardOnly = counter("tripline_features_updates_of_card_only_total", {
    description:
      "Payment updates counted only for their card, because the card's state no longer contains their payment",
  });
  readonly #labelsOfCardOnly = counter("tripline_features_labels_of_card_only_total", {
    description: "Labels counted only for card and terminal, because the card's state no longer contains their payment",
  });
  readonly #profileMisses = counter("tripline_features_profile_misses_total", {
    description:
      "Payments whose profile features had default values because a profile was missing, too old or newer than the payment",
    labels: ["profile"],
  });
  readonly #found = counter("tripline_features_profiles_found_total", {
    description: "Stored profiles read",
    labels: ["profile"],
  });
  readonly #unreadable = counter("tripline_features_profiles_unreadable_total", {
    description: "Stored profiles that count as missing because they are not numbers in Feast's format",
    labels: ["profile"],
  });

  constructor(@Inject(FEATURE_ENGINE) private readonly engine: Pick<FeatureEngine, "profiles"> = { profiles: [] }) {}

  unreadableProfile(profile: string): void {
    this.#unreadable.inc({ profile });
  }

  foundProfiles(profile: string, rows: number): void {
    if (rows > 0) this.#found.inc({ profile }, rows);
  }

  batch(topic: string, records: number): void {
    this.#batchSize.observe({ topic }, records);
  }

  /** Runs work and records how long it took, whether it succeeded or not. */
  async timed<T>(hop: Hop, work: () => Promise<T> | T): Promise<T> {
    const startedAt = performance.now();
    try {
      return await work();
    } finally {
      this.#hopDuration.observe({ hop }, (performance.now() - startedAt) / MS_PER_S);
    }
  }

  conflict(topic: string): void {
    this.#conflicts.inc({ topic });
  }

  redelivered(topic: string, records: number): void {
    if (records > 0) this.#redelivered.inc({ topic }, records);
  }

  folded(topic: string, counts: FoldCounts): void {
    if (counts.duplicates > 0) this.#duplicates.inc({ topic }, counts.duplicates);
    if (counts.tooLate > 0) this.#tooLate.inc({ topic }, counts.tooLate);
    if (counts.incomplete > 0) this.#incomplete.inc({ topic }, counts.incomplete);
    if (counts.flagged > 0) this.#flagged.inc({ topic }, counts.flagged);
    const ofCardOnly = topic === TOPICS.labels.name ? this.#labelsOfCardOnly : this.#ofCardOnly;
    if (counts.ofCardOnly > 0) ofCardOnly.inc({}, counts.ofCardOnly);
    for (const [index, { name: profile }] of this.engine.profiles.entries()) {
      const misses = counts.profileMisses[index] ?? 0;
      if (misses > 0) this.#profileMisses.inc({ profile }, misses);
    }
  }
}
