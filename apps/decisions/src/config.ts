import { fileURLToPath } from "node:url";
import { flag, kafkaConfig, optionalText, redisConfig, serviceConfig } from "@tripline/service-kit/read-config";
import { z } from "zod";

export const decisionsConfig = z
  .object({
    ...serviceConfig,
    ...kafkaConfig,
    ...redisConfig,
    /** gRPC address of a server that speaks the Open Inference Protocol v2. */
    SCORING_ADDRESS: z.string().regex(/^[^\s:/]+:\d+$/, "must be host:port"),
    SCORING_TLS: flag.default(false),
    /** PEM with the authorities of scoring's certificate; the usual ones of the web unless told otherwise. */
    SCORING_CA_FILE: optionalText,
    /** PEM, for a scoring service that asks for a client's certificate. */
    SCORING_CERT_FILE: optionalText,
    SCORING_KEY_FILE: optionalText,
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
  })
  .refine((config) => (config.SCORING_CERT_FILE === undefined) === (config.SCORING_KEY_FILE === undefined), {
    path: ["SCORING_KEY_FILE"],
    message: "and SCORING_CERT_FILE need each other",
  })
  .refine((config) => config.SCORING_TLS || (config.SCORING_CA_FILE ?? config.SCORING_CERT_FILE) === undefined, {
    path: ["SCORING_TLS"],
    message: "has to be true where SCORING_CA_FILE or SCORING_CERT_FILE is set",
  });

export type DecisionsConfig = z.infer<typeof decisionsConfig>;
