import { kafkaConfig, serviceConfig } from "@tripline/settings/read-config";
import { snapshotIntervalHours } from "@tripline/settings/snapshot-interval";
import { z } from "zod";

const MIB = 1024 ** 2;

export const archiveConfig = z.object({
  ...serviceConfig,
  ...kafkaConfig,
  LAKE_URL: z
    .string()
    .min(1)
    .meta({
      description:
        "The lake: the path of a folder, which is created if it is missing, or an `s3://`, `gs://` or `azblob://` URL with a " +
        "bucket and prefix. All instances of the group share it.",
    }),
  FLUSH_ROWS_MAX: z.coerce.number().int().min(1).max(1_000_000).default(50_000).meta({
    unit: "rows",
    description:
      "Number of rows of a topic to collect before writing them. Up to about twice as many may be in memory.",
  }),
  FLUSH_BYTES_MAX: z.coerce
    .number()
    .int()
    .min(1024)
    .max(256 * MIB)
    .default(8 * MIB)
    .meta({
      unit: "bytes",
      description:
        "Size of a topic's Kafka values to collect before writing them. Up to about twice as much may be in memory.",
    }),
  FLUSH_AGE_MS: z.coerce.number().int().min(50).max(3_600_000).default(60_000).meta({
    unit: "ms",
    description: "Maximum age of a row before it is written, regardless of the number of rows.",
  }),
  SNAPSHOT_INTERVAL_HOURS: snapshotIntervalHours.meta({
    unit: "hours",
    description:
      "Time between snapshots of the window states, as configured for the process that takes them. The alert `SnapshotLate` " +
      "depends on it. 0: no snapshots are taken.",
  }),
  COMPACTION_INTERVAL_MINUTES: z.coerce
    .number()
    .int()
    .min(0)
    .max(1_440)
    .default(60)
    .meta({
      unit: "minutes",
      description:
        "Time between compactions, which merge the small files of closed days. A separate process compacts the lake, for all " +
        "instances. The alert `LakeNotCompacted` depends on it. 0: only `tripline lake compact` compacts the lake.",
    }),
});

export type ArchiveConfig = z.infer<typeof archiveConfig>;
