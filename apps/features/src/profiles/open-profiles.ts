import { readRegistry } from "@tripline/feast-client/registry";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { Logger } from "@tripline/telemetry/logger";
import type { FeaturesConfig } from "../config.js";
import type { FeatureMetrics } from "../feature-metrics.js";
import { checkRegistry, refused } from "./check-registry.js";
import { ProfileReader } from "./profile-reader.js";
import { ProfileWatch } from "./profile-watch.js";

/** Limits logging, because an unreadable profile would otherwise be logged for every payment. */
const REPORT_EVERY_MS = 60_000;

/** @throws TriplineError `config-invalid` if Feast's registry does not match the feature spec */
export async function openProfiles(
  config: Pick<FeaturesConfig, "FEAST_TENANT" | "FEAST_PROJECT" | "FEAST_PROFILES" | "FEAST_REGISTRY_FILE">,
  engine: FeatureEngine,
  metrics: Pick<FeatureMetrics, "unreadableProfile" | "foundProfiles">,
  logger: Pick<Logger, "warn" | "info">,
): Promise<ProfileReader> {
  const { FEAST_TENANT: tenant, FEAST_PROJECT: project, FEAST_PROFILES: profiles } = config;
  const { FEAST_REGISTRY_FILE: registry } = config;
  if (registry !== undefined) {
    const read = readRegistry(registry, { project }).catch((error: unknown) => {
      throw refused(error instanceof Error ? error.message : String(error), error);
    });
    checkRegistry(await read, engine, registry);
  }
  const watch = new ProfileWatch(logger);
  const reportedAt = new Map<string, number>();
  return new ProfileReader({
    engine,
    ...(tenant === undefined ? {} : { source: { tenant, project, profiles } }),
    onRead(profile, asked, found) {
      metrics.foundProfiles(profile, found);
      watch.seen(profile, asked, found);
    },
    onUnreadable(profile, reason) {
      metrics.unreadableProfile(profile);
      const nowMs = performance.now();
      if (nowMs - (reportedAt.get(profile) ?? Number.NEGATIVE_INFINITY) < REPORT_EVERY_MS) return;
      reportedAt.set(profile, nowMs);
      logger.warn({ profile, reason }, "a stored profile is unreadable and counts as missing");
    },
  });
}
