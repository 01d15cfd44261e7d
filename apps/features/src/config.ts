import { STATE_TTL_DAYS_DEFAULT } from "@tripline/feature-engine/state-key";
import { kafkaConfig, redisConfig, serviceConfig } from "@tripline/service-kit/read-config";
import { z } from "zod";

export const featuresConfig = z.object({
  ...serviceConfig,
  ...kafkaConfig,
  ...redisConfig,
  /** Days of wall clock after which Redis forgets a card or terminal that had no event; more than the longest window. */
  STATE_TTL_DAYS: z.coerce.number().int().min(1).max(3_650).default(STATE_TTL_DAYS_DEFAULT),
});

export type FeaturesConfig = z.infer<typeof featuresConfig>;
