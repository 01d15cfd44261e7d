import { allowedNetworks } from "@tripline/http/egress/networks";
import type { RateConfig } from "@tripline/http/limits/rate-config";
import { rateConfig } from "@tripline/http/limits/rate-config";
import { policyWorkerConfig } from "@tripline/policy-worker/policy-worker";
import { masterKeyConfig } from "@tripline/sealing/master-key";
import { feastProfiles } from "@tripline/settings/feast-profiles";
import { flag, kafkaConfig, postgresConfig, serviceConfig, tokenConfig } from "@tripline/settings/read-config";
import { z } from "zod";

const KEY_BYTES = 32;
const CHECKS_MAX = 1_000;
const WEBHOOK_RATE_MAX = 100_000;

const signingKey = z
  .string()
  // A Secret created from a file often ends with a line feed.
  .trim()
  .transform((text) => Buffer.from(text, "base64"))
  .refine(
    (key) => key.length === KEY_BYTES,
    `must be ${KEY_BYTES} random bytes in base64, for example from openssl rand -base64 ${KEY_BYTES}`,
  );

export const controlConfig = z.object({
  ...serviceConfig,
  ...kafkaConfig,
  ...postgresConfig,
  ...tokenConfig,
  ...masterKeyConfig,
  PERSONAL_DAYS: z.coerce.number().int().min(1).max(3_650).default(400).meta({
    unit: "days",
    description: "Days after which the keys of personal data are destroyed, which makes the data unreadable.",
  }),
  ...rateConfig({ tenant: 500, client: 200, unit: "requests" }),
  ...policyWorkerConfig,
  POLICY_CHECKS_TENANT: z.coerce
    .number()
    .int()
    .min(0)
    .max(CHECKS_MAX)
    .default(5)
    .meta({
      unit: "checks/s",
      description:
        "Maximum rate of policy checks per tenant, averaged over 10 s: checks, revisions and drafts. Further requests get 429. 0: " +
        "no limit.",
    }),
  POLICY_CHECKS_CLIENT: z.coerce
    .number()
    .int()
    .min(0)
    .max(CHECKS_MAX)
    .default(2)
    .meta({ unit: "checks/s", description: "The same limit for one client or user." }),
  REGISTRY_URL: z.string().min(1).optional().meta({
    description:
      "URL of the model registry, as for scoring, with permission to move aliases. If it is not set, rollouts are disabled.",
  }),
  OPERATOR_TENANT: z
    .string()
    .regex(/^([A-Za-z0-9_-]{1,64})?$/, "must be a valid tenant: 1 to 64 letters, digits, dashes or underscores")
    .default("")
    .meta({
      description:
        "Tenant whose clients can manage other tenants and the settings that apply to all tenants. If it is not set, no client can.",
    }),
  WEBHOOK_ALLOWED_NETWORKS: allowedNetworks.meta({
    description:
      "Non-public networks that webhooks of all tenants may reach, comma-separated, such as `10.20.0.0/16`. Hosts in these " +
      "networks may use plain HTTP. If empty, only public addresses over HTTPS are allowed.",
  }),
  WEBHOOK_RATE_TENANT: z.coerce.number().int().min(0).max(WEBHOOK_RATE_MAX).default(1_000).meta({
    unit: "deliveries/s",
    description: "Maximum rate of webhook deliveries per tenant and instance. Further deliveries wait. 0: no limit.",
  }),
  WEBHOOK_LOG_DAYS: z.coerce.number().int().min(3).max(366).default(30).meta({
    unit: "days",
    description: "How long the delivery log of webhooks is kept; older events cannot be replayed.",
  }),
  FEAST_PROFILES: feastProfiles,
  MODEL_CARDS_REQUIRED: flag.default(false).meta({
    description:
      "Whether a version can decide for more than 5 % of the cards only with a signed model card. An existing " +
      "card always needs a signature, and must not have expired.",
  }),
  FRAUD_LIST_DAYS: z.coerce.number().int().min(0).max(366).default(0).meta({
    unit: "days",
    description:
      "How long the card of a confirmed fraud stays on the deny list `confirmed-fraud`. 0: cards are not added automatically.",
  }),
  AUDIT_SIGNING_KEY: signingKey.optional().meta({
    description:
      "Signs the audit log (Ed25519): 32 random bytes in base64. If it is not set, the log is hash-chained but not signed. If " +
      "the key is replaced, earlier signatures stay valid.",
  }),
  AUDIT_CHECKPOINT_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(86_400)
    .default(60)
    .meta({ unit: "s", description: "Interval for signing new entries of the audit log." }),
  AUDIT_ANCHOR_URL: z
    .url({
      protocol: /^(file|s3|gs|azblob|https)$/,
      error: "must be file:///folder, s3://…, gs://…, azblob://… or https://…",
    })
    .optional()
    .meta({
      description:
        "Folder or bucket (`file://`, `s3://`, `gs://`, `azblob://`) to which the newest signatures of the audit log are written " +
        "every hour. Nobody who can change the database should have write access to it.",
    }),
});

export type ControlConfig = Readonly<z.infer<typeof controlConfig>>;

/** Rate limits for policy checks, separate from those for requests. */
export function policyCheckRates(
  config: Pick<ControlConfig, "POLICY_CHECKS_TENANT" | "POLICY_CHECKS_CLIENT">,
): RateConfig {
  const { POLICY_CHECKS_TENANT: tenant, POLICY_CHECKS_CLIENT: client } = config;
  return { RATE_LIMIT_TENANT: tenant, RATE_LIMIT_CLIENT: client, RATE_LIMIT_EXCEPTIONS: new Map() };
}

/** Injects the service's configuration. */
export const CONTROL_CONFIG = Symbol("CONTROL_CONFIG");
