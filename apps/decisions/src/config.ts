import { fileURLToPath } from "node:url";
import { kafkaConfig, redisConfig, serviceConfig } from "@tripline/service-kit/read-config";
import { z } from "zod";

export const decisionsConfig = z.object({
  ...serviceConfig,
  ...kafkaConfig,
  ...redisConfig,
  /** gRPC address of a server that speaks the Open Inference Protocol v2. */
  SCORING_ADDRESS: z.string().regex(/^[^\s:/]+:\d+$/, "must be host:port"),
  MODEL_NAME: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .default("fraud"),
  /** Longest wait for a score before the rules decide alone. A replay sets it high to wait for a model at any cost. */
  SCORING_WAIT_MS_MAX: z.coerce.number().int().min(1).max(600_000).default(250),
  /** Longest wait for what raised the score of a payment that is not approved; 0 does not ask. */
  CONTRIBUTIONS_WAIT_MS_MAX: z.coerce.number().int().min(0).max(600_000).default(50),
  /** How long the first decision stands in Redis: as long as a repetition of its payment may come. */
  DECISION_TTL_HOURS: z.coerce.number().int().min(1).max(8_760).default(72),
  POLICY_FILE: z
    .string()
    .min(1)
    .default(fileURLToPath(new URL("../policy.yaml", import.meta.url))),
  /** The scorecard that stands in for a missing score, as training writes it; without it the rules decide alone then. */
  SCORECARD_FILE: z.string().min(1).optional(),
});

export type DecisionsConfig = z.infer<typeof decisionsConfig>;
