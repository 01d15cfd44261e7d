import { kafkaConfig, redisConfig, serviceConfig, tokenConfig } from "@tripline/service-kit/read-config";
import { z } from "zod";

const KEY_BYTES_MIN = 32;
const KEY_WANTED = `at least ${KEY_BYTES_MIN} random bytes in base64, for instance from openssl rand -base64 ${KEY_BYTES_MIN}`;

const cardTokenKey = z
  .string()
  // A file that became a Secret often ends with a line feed.
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
  /** Where clients get tokens, for the API's description; by default `/oauth/token` of the issuer. */
  AUTH_TOKEN_URL: z.url().optional(),
  /**
   * Turns card numbers, device ids and network addresses into tokens. All instances share it; with another key every
   * card becomes another card.
   */
  CARD_TOKEN_KEY: cardTokenKey,
  /** Oldest payment that is taken, in days before now. A replay of history needs more. */
  EVENT_AGE_DAYS_MAX: z.coerce.number().positive().max(36_500).default(30),
  /** Longest `Prefer: wait` that is honoured. */
  WAIT_SECONDS_MAX: z.coerce.number().positive().max(120).default(30),
  /** Deadline of a payment for whose decision nobody waits. */
  DEADLINE_MS_DEFAULT: z.coerce.number().int().positive().max(60_000).default(2_000),
  /** How long a request is remembered, so that its repetition gets the same answer. */
  IDEMPOTENCY_TTL_HOURS: z.coerce.number().positive().max(720).default(24),
  /**
   * How long callers shall wait at most, on average, when more come than can be answered; those who would make it longer get
   * 429. What `Prefer` asks for is how long one of them may wait.
   */
  WAIT_TARGET_MS: z.coerce.number().int().min(10).max(60_000).default(250),
  /** Payments and labels for whose answers requests may wait at a time, whatever the target; beyond it 429. */
  WAITERS_MAX: z.coerce.number().int().positive().max(1_000_000).default(20_000),
  /** Records that may be under way to Kafka at a time; beyond it 503. */
  PENDING_RECORDS_MAX: z.coerce.number().int().positive().max(20_000).default(20_000),
});

export type IngestionConfig = Readonly<z.infer<typeof ingestionConfig>>;
