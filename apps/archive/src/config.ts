import { kafkaConfig, serviceConfig } from "@tripline/service-kit/read-config";
import { z } from "zod";

const MIB = 1024 ** 2;

export const archiveConfig = z.object({
  ...serviceConfig,
  ...kafkaConfig,
  /** The folder of the lake; made when it is missing. Instances of one group share it. */
  LAKE_DIRECTORY: z.string().min(1),
  /** Rows of one topic after which they are written; about twice as many are held at most. */
  FLUSH_ROWS_MAX: z.coerce.number().int().min(1).max(1_000_000).default(50_000),
  /** Bytes of Kafka values of one topic after which its rows are written; about twice as many are held at most. */
  FLUSH_BYTES_MAX: z.coerce
    .number()
    .int()
    .min(1024)
    .max(256 * MIB)
    .default(8 * MIB),
  /** Milliseconds after which a row is written, however few there are. */
  FLUSH_AGE_MS: z.coerce.number().int().min(50).max(3_600_000).default(60_000),
});

export type ArchiveConfig = z.infer<typeof archiveConfig>;
