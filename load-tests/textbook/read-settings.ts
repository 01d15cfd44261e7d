import { kafkaConfig, redisConfig, serviceConfig, tokenConfig } from "@tripline/settings/read-config";
import { z } from "zod";

/** The front's settings, which are the same as ingestion's. */
export const frontSettings = z.object({
  ...serviceConfig,
  ...kafkaConfig,
  ...redisConfig,
  ...tokenConfig,
  CARD_TOKEN_KEY: z.string().transform((text) => Buffer.from(text, "base64")),
});

export const workerSettings = z.object({
  ...serviceConfig,
  ...kafkaConfig,
  ...redisConfig,
  SCORING_ADDRESS: z.string().default(""),
  MODEL_NAME: z.string().default("fraud"),
});

/** Provides the settings of the front. */
export const SETTINGS = Symbol("SETTINGS");

export type FrontSettings = Readonly<z.infer<typeof frontSettings>>;
export type WorkerSettings = Readonly<z.infer<typeof workerSettings>>;
