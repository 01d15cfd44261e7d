import { kafkaConfig, redisConfig } from "@tripline/settings/read-config";
import { z } from "zod";
import { feastConfig, stateConfig } from "../config.js";
import { MEMORY_GIB_DEFAULT } from "../snapshot/slices-for.js";

const ARCHIVE_WAIT_SECONDS_DEFAULT = 120;
const WORKERS_MAX = 64;

/** Settings that `tripline rebuild-state` passes to this program. */
export const rebuildConfig = z.object({
  ...kafkaConfig,
  ...redisConfig,
  ...stateConfig,
  ...feastConfig,
  /** The folder or URL that the archive service writes to. */
  LAKE_URL: z.string().min(1),
  /** Snapshot of the states that the service started from. */
  STATE_FILE: z.string().min(1).optional(),
  ARCHIVE_WAIT_SECONDS: z.coerce.number().min(0).max(86_400).default(ARCHIVE_WAIT_SECONDS_DEFAULT),
  /** Counts the available events even if the lake is incomplete. */
  PARTIAL: z.enum(["0", "1"]).default("0"),
  /** Whether the worker started it after a loss. */
  AUTOMATIC: z.enum(["0", "1"]).default("0"),
  /** Folds the whole lake and ignores its snapshots. */
  FROM_SCRATCH: z.enum(["0", "1"]).default("0"),
  /** Memory limit for the states in GiB. Beyond it, they are processed in slices on disk. */
  STATE_MEMORY_GIB: z.coerce.number().positive().max(1_024).default(MEMORY_GIB_DEFAULT),
  /** Number of threads that fold slices and share this memory. */
  STATE_WORKERS: z.coerce.number().int().min(1).max(WORKERS_MAX).default(1),
});

export type RebuildConfig = z.infer<typeof rebuildConfig>;
