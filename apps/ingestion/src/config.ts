import { rateConfig } from "@tripline/http/limits/rate-config";
import { masterKeyConfig } from "@tripline/sealing/master-key";
import { kafkaConfig, redisConfig, serviceConfig, tokenConfig } from "@tripline/settings/read-config";
import { z } from "zod";
import { reportPolicies } from "./requests/report-policies.js";

/**
 * Below the capacity of a small installation (2,000 per second on two cores), so that no single tenant can use all of
 * it.
 */
const RATE_DEFAULT = 1_500;

const KEY_BYTES_MIN = 32;
const KEY_WANTED = `at least ${KEY_BYTES_MIN} random bytes in base64, for example from openssl rand -base64 ${KEY_BYTES_MIN}`;

const cardTokenKey = z
  .string()
  // A Secret created from a file often ends with a line feed.
  .trim()
  .regex(/^[A-Za-z0-9+/]+={0,2}$/, `must be ${KEY_WANTED}`)
  .transform((text) => Buffer.from(text, "base64"))
  .refine((key) => key.length >= KEY_BYTES_MIN, {
    error: ({ input }) => `has ${(input as Buffer).length} bytes; must be ${KEY_WANTED}`,
  });

export const ingestionConfig = z.object({
  ...serviceConfig,
  ...kafkaConfig,
  ...redisConfig,
  ...tokenConfig,
  ...masterKeyConfig,
  ...rateConfig({ tenant: RATE_DEFAULT, client: RATE_DEFAULT, unit: "events" }),
  AUTH_TOKEN_URL: z.url().optional().meta({
    description: "Token endpoint shown in the description of the API.",
    shownDefault: "`/oauth/token` of the issuer",
  }),
  CARD_TOKEN_KEY: cardTokenKey.meta({
    description:
      "Key for converting card numbers, device IDs, and network and e-mail addresses to tokens: 32 or more random bytes in " +
      "base64. All instances must share it. With another key, every card becomes a new card.",
  }),
  EVENT_AGE_DAYS_MAX: z.coerce
    .number()
    .positive()
    .max(36_500)
    .default(30)
    .meta({ unit: "days", description: "Maximum age of an accepted payment. Increase it for a history import." }),
  FRAUD_REPORT_POLICIES: reportPolicies.meta({
    description:
      "How fraud reports affect the verdict, by tenant, in JSON: " +
      '`{"acme":{"version":"2026-11","counts":{"refund":"fraud","chargeback/represented":"nothing"}}}`. Kinds without an entry ' +
      "keep their default.",
    shownDefault: "none",
  }),
  WAIT_SECONDS_MAX: z.coerce
    .number()
    .positive()
    .max(120)
    .default(30)
    .meta({ unit: "s", description: "Maximum wait with `Prefer: wait`." }),
  DEADLINE_MS_DEFAULT: z.coerce
    .number()
    .int()
    .positive()
    .max(60_000)
    .default(2_000)
    .meta({ unit: "ms", description: "Deadline of a payment whose caller does not wait for the decision." }),
  IDEMPOTENCY_TTL_HOURS: z.coerce.number().positive().max(720).default(24).meta({
    unit: "hours",
    description: "How long a request is stored so that a retry gets the same response.",
  }),
  WAIT_TARGET_MS: z.coerce.number().int().min(10).max(60_000).default(250).meta({
    unit: "ms",
    description: "Target for the average wait under overload. Requests that would exceed it get 429.",
  }),
  WAITERS_MAX: z.coerce.number().int().positive().max(1_000_000).default(20_000).meta({
    unit: "payments and labels",
    description: "Maximum number of callers waiting for a decision, regardless of the target. Further callers get 429.",
  }),
  PENDING_RECORDS_MAX: z.coerce.number().int().positive().max(20_000).default(20_000).meta({
    unit: "records",
    description: "Maximum number of payments being written to Kafka. Further callers get 503.",
  }),
});

/** Injects the `IngestionConfig`. */
export const INGESTION_CONFIG = Symbol("INGESTION_CONFIG");

export type IngestionConfig = Readonly<z.infer<typeof ingestionConfig>>;
