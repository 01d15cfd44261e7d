import { kafkaConfig, redisConfig } from "@tripline/settings/read-config";
import { snapshotIntervalHours } from "@tripline/settings/snapshot-interval";
import { z } from "zod";
import { feastConfig, stateConfig } from "../config.js";
import { MEMORY_GIB_DEFAULT } from "./slices-for.js";

/** Settings that `tripline snapshot-state` passes to this program. */
export const snapshotConfig = z.object({
  ...kafkaConfig,
  ...redisConfig,
  ...stateConfig,
  /** The folder or URL that the archive service writes to. */
  LAKE_URL: z.string().min(1),
  /** Snapshot of the states that the service started with. */
  STATE_FILE: z.string().min(1).optional(),
  /** Memory limit for the states in GiB. */
  STATE_MEMORY_GIB: z.coerce.number().positive().max(1_024).default(MEMORY_GIB_DEFAULT),
  SNAPSHOTS_KEPT: z.coerce.number().int().min(1).max(1_000).default(4),
  /** Days after which a snapshot is deleted, except for the newest. */
  SNAPSHOT_DAYS: z.coerce.number().min(1).max(3_650).default(7),
});

export type SnapshotConfig = z.infer<typeof snapshotConfig>;

/** Settings of the worker, which passes its environment on to that program and to the one that restores states. */
export const snapshotWorkerConfig = snapshotConfig.extend({
  ...feastConfig,
  SNAPSHOT_INTERVAL_HOURS: snapshotIntervalHours,
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
});
