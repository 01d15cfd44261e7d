import { fileURLToPath } from "node:url";
import { endpointConfig, endpointFaults } from "@tripline/settings/endpoint-connection";
import { feastProfiles } from "@tripline/settings/feast-profiles";
import { flag, kafkaConfig, optionalText, redisConfig, serviceConfig } from "@tripline/settings/read-config";
import { z } from "zod";
import { HURRY_MS_MAX, SCORING_MS_MIN, TELLING_WAIT_MS } from "./scoring/score-budget.js";

const waitMs = z.coerce.number().int().min(0).max(600_000);

const scoringAddress = z
  .string()
  .regex(/^[^\s:/]+:\d+$/, "must be host:port")
  .optional()
  .meta({
    description: "Address (`host:port`) of a gRPC server that implements the Open Inference Protocol v2.",
    shownDefault: "required without `SCORING_ENDPOINT_URL`",
  });

/** Settings of decisions when scoring runs in the same process and therefore needs no address. */
export const decisionsBesideScoringConfig = z
  .object({
    ...serviceConfig,
    ...kafkaConfig,
    ...redisConfig,
    SCORING_ADDRESS: scoringAddress,
    ...endpointConfig,
    SCORING_TLS: flag.default(false).meta({ description: "Connect to scoring with TLS." }),
    SCORING_CA_FILE: optionalText.meta({
      description:
        "PEM file with the certificate authorities for scoring's certificate. Without it, gRPC's default authorities.",
    }),
    SCORING_CERT_FILE: optionalText.meta({
      description: "PEM file with the client certificate, for a scoring service that requires one.",
    }),
    SCORING_KEY_FILE: optionalText.meta({ description: "PEM file with the private key of that certificate." }),
    MODEL_NAME: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,64}$/)
      .default("fraud")
      .meta({ description: "Name of the model that scores payments." }),
    SCORING_WAIT_MS_MAX: waitMs.default(250).meta({
      unit: "ms",
      description:
        `Maximum wait for a score; after that, the scorecard or the rules decide. 0: no scores are requested. Above ${HURRY_MS_MAX} ms, for ` +
        "history imports, a batch is sent to scoring even if scoring has stopped responding.",
    }),
    CONTRIBUTIONS_WAIT_MS_MAX: waitMs.default(50).meta({
      unit: "ms",
      description:
        "Maximum wait for the features that raised the score of a payment that is not approved. 0: they are not requested.",
    }),
    DECISION_TTL_HOURS: z.coerce
      .number()
      .int()
      .min(1)
      .max(8_760)
      .default(72)
      .meta({
        unit: "hours",
        description:
          "How long the first decision is stored in Redis. Must cover the time in which a retry of its payment can arrive " +
          "(ingestion's `IDEMPOTENCY_TTL_HOURS`).",
      }),
    POLICY_FILE: z
      .string()
      .min(1)
      .default(fileURLToPath(new URL("../policy.yaml", import.meta.url)))
      .meta({
        description: "The policy. A change takes effect without a restart.",
        shownDefault: "`policy.yaml` of the image",
      }),
    REGISTRY_URL: optionalText.meta({
      description:
        "The model registry, as for scoring. If a score is missing, the scorecard of the registry's champion replaces it. Without " +
        "a registry, the rules alone decide such payments.",
    }),
    FEAST_PROFILES: feastProfiles,
    REGISTRY_POLL_SECONDS: z.coerce
      .number()
      .min(0.01)
      .max(3_600)
      .default(5)
      .meta({ unit: "s", description: "Interval for checking whether `champion` has a new scorecard." }),
  })
  .refine(({ SCORING_WAIT_MS_MAX: waitMs }) => waitMs === 0 || waitMs >= TELLING_WAIT_MS, {
    path: ["SCORING_WAIT_MS_MAX"],
    message:
      `must be 0 or at least ${TELLING_WAIT_MS} ms: after a shorter wait, it is unknown whether scoring has failed, so the ` +
      "circuit breaker would never open",
  })
  .refine(({ CONTRIBUTIONS_WAIT_MS_MAX: waitMs }) => waitMs === 0 || waitMs >= SCORING_MS_MIN, {
    path: ["CONTRIBUTIONS_WAIT_MS_MAX"],
    message: `must be 0 or at least ${SCORING_MS_MIN} ms: a shorter wait leaves no time for a request`,
  })
  .refine((config) => (config.SCORING_CERT_FILE === undefined) === (config.SCORING_KEY_FILE === undefined), {
    path: ["SCORING_KEY_FILE"],
    message: "must be set together with SCORING_CERT_FILE",
  })
  .refine((config) => config.SCORING_TLS || (config.SCORING_CA_FILE ?? config.SCORING_CERT_FILE) === undefined, {
    path: ["SCORING_TLS"],
    message: "must be true when SCORING_CA_FILE or SCORING_CERT_FILE is set",
  })
  .superRefine((config, context) => {
    for (const [name, message] of endpointFaults(config)) context.addIssue({ code: "custom", path: [name], message });
  });

export const decisionsConfig = decisionsBesideScoringConfig.refine(
  (config) => (config.SCORING_ADDRESS ?? config.SCORING_ENDPOINT_URL) !== undefined,
  { path: ["SCORING_ADDRESS"], message: "must be set unless SCORING_ENDPOINT_URL is set" },
);

/** Injects the service's configuration. */
export const DECISIONS_CONFIG = Symbol("DECISIONS_CONFIG");

export type DecisionsConfig = z.infer<typeof decisionsBesideScoringConfig>;
