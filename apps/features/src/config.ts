import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { STATE_TTL_DAYS_DEFAULT } from "@tripline/feature-engine/state/state-key";
import { feastProfiles } from "@tripline/settings/feast-profiles";
import { kafkaConfig, redisConfig, serviceConfig, tokenConfig } from "@tripline/settings/read-config";
import { z } from "zod";

/** Addresses that are reachable only from this machine. */
const LOOPBACK = /^(localhost|::1|127(\.\d{1,3}){3})$/;

export const stateConfig = {
  STATE_TTL_DAYS: z.coerce.number().int().min(1).max(3_650).default(STATE_TTL_DAYS_DEFAULT).meta({
    unit: "days",
    description: "How long Redis keeps the state of a card or terminal without events. Must exceed the longest window.",
  }),
};

export const feastConfig = {
  FEAST_TENANT: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, - or _")
    .optional()
    .meta({
      description:
        "The tenant whose profiles Feast stores in this Redis. For other tenants, or if it is not set, profile features have their " +
        "default values.",
    }),
  FEAST_PROJECT: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_]{0,63}$/, "must be 1 to 64 letters, digits or _")
    .default("tripline")
    .meta({ description: "Feast's project name, as in training/feature_repo/feature_store.yaml." }),
};

export const featuresConfig = z
  .object({
    ...serviceConfig,
    ...kafkaConfig,
    ...redisConfig,
    ...stateConfig,
    // If both are set, callers with a token can read the features of their own tenant.
    AUTH_ISSUER: tokenConfig.AUTH_ISSUER.optional(),
    AUTH_JWKS_URL: tokenConfig.AUTH_JWKS_URL.optional(),
    AUTH_AUDIENCE: tokenConfig.AUTH_AUDIENCE,
    ...feastConfig,
    FEAST_PROFILES: feastProfiles,
    FEAST_REGISTRY_FILE: z.string().min(1).optional().meta({
      description: "Feast's registry file (`registry.db`). If set, its profiles are checked at startup.",
    }),
    FEATURES_ONLINE_TENANT: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, - or _")
      .optional()
      .meta({
        description: "Replaces tokens: any caller on this machine can read and push this tenant's features.",
      }),
  })
  .superRefine((config, context) => {
    const refuse = (name: string, message: string) => context.addIssue({ code: "custom", path: [name], message });
    const { HOST, AUTH_ISSUER: issuer, AUTH_JWKS_URL: keys, FEATURES_ONLINE_TENANT: tenant } = config;
    if (config.FEAST_PROFILES.length > 0 && config.FEAST_TENANT === undefined) {
      refuse("FEAST_TENANT", "must be set if FEAST_PROFILES is set");
    }
    if (issuer !== undefined && keys === undefined) refuse("AUTH_JWKS_URL", "must be set if AUTH_ISSUER is set");
    if (keys !== undefined && issuer === undefined) refuse("AUTH_ISSUER", "must be set if AUTH_JWKS_URL is set");
    if (tenant === undefined) return;
    if (issuer !== undefined || keys !== undefined) {
      refuse("FEATURES_ONLINE_TENANT", "replaces tokens, so set either this, or AUTH_ISSUER and AUTH_JWKS_URL");
    } else if (!LOOPBACK.test(HOST)) {
      refuse(
        "FEATURES_ONLINE_TENANT",
        "admits every caller who can reach HOST, so HOST must be 127.0.0.1; otherwise, use tokens",
      );
    }
  });

const DAY_SECONDS = 86_400;

/** @throws TriplineError `config-invalid` for a time to live that does not exceed the longest window */
export function stateTtlSeconds(
  config: { readonly STATE_TTL_DAYS: number },
  engine: Pick<FeatureEngine, "longestWindowMs">,
): number {
  const seconds = config.STATE_TTL_DAYS * DAY_SECONDS;
  if (seconds * 1000 > engine.longestWindowMs) return seconds;
  throw new TriplineError("config-invalid", "STATE_TTL_DAYS must be longer than the longest window of the spec.");
}

/** Injects the service's configuration. */
export const FEATURES_CONFIG = Symbol("FEATURES_CONFIG");

export type FeaturesConfig = z.infer<typeof featuresConfig>;
