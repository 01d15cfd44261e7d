import { kafkaConfig, redisConfig, serviceConfig } from "@tripline/service-kit/config/read-config";
import { z } from "zod";
import { peerSettings } from "../peers/ingestion/read-settings.js";

export const frontSettings = peerSettings.extend({
  /** The guard is shared with another peer, which can also check every token anew. */
  TOKENS: z.literal("cached").default("cached"),
  WORK: z.literal("all").default("all"),
});

export const workerSettings = z.object({
  ...serviceConfig,
  ...kafkaConfig,
  ...redisConfig,
  SCORING_ADDRESS: z.string().default(""),
  MODEL_NAME: z.string().default("fraud"),
});

export type FrontSettings = Readonly<z.infer<typeof frontSettings>>;
export type WorkerSettings = Readonly<z.infer<typeof workerSettings>>;
