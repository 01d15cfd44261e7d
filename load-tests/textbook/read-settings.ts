import { kafkaConfig, redisConfig, serviceConfig, tokenConfig } from "@tripline/service-kit/read-config";
import { z } from "zod";

export const frontSettings = z.object({
  ...serviceConfig,
  ...kafkaConfig,
  ...redisConfig,
  ...tokenConfig,
  CARD_TOKEN_KEY: z.string().transform((text) => Buffer.from(text, "base64")),
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
