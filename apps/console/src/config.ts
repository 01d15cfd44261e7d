import { kafkaConfig, postgresConfig, serviceConfig, tokenConfig } from "@tripline/service-kit/config/read-config";
import { z } from "zod";

const KEY_BYTES = 32;

const address = z.url({ protocol: /^https?$/ });

export const consoleConfig = z.object({
  ...serviceConfig,
  ...kafkaConfig,
  ...postgresConfig,
  ...tokenConfig,
  AUTH_TOKEN_URL: address.meta({ description: "Where codes and refresh tokens are exchanged." }),
  CONSOLE_URL: address
    .transform((text) => text.replace(/\/$/, ""))
    .meta({ description: "Where browsers reach the console: the beginning of its redirect address." }),
  CONSOLE_CLIENT_ID: z.string().min(1).default("tripline-console").meta({ description: "Its client at auth." }),
  CONSOLE_CLIENT_SECRET: z.string().min(24).meta({ description: "The secret of that client." }),
  SESSION_KEY: z
    .base64()
    .transform((text) => Buffer.from(text, "base64"))
    .refine((key) => key.length === KEY_BYTES, "must be 32 bytes in Base64")
    .meta({ description: "Base64, 32 bytes: seals the tokens of people who are signed in." }),
  SESSION_HOURS: z.coerce.number().int().min(1).max(168).default(12).meta({
    unit: "hours",
    description: "After this time a person signs in again.",
  }),
  SESSION_IDLE_MINUTES: z.coerce.number().int().min(5).max(1_440).default(60).meta({
    unit: "minutes",
    description: "The same after this time without a request.",
  }),
  INGESTION_URL: address.meta({ description: "The front door, where labels are posted." }),
  CONTROL_URL: address.meta({ description: "The control plane." }),
  REGISTRY_URL: z.string().min(1).optional().meta({
    description: "Where the models are, as scoring has it. Without it no contributions of features are shown.",
  }),
  WATCHED_SERVICES: z
    .string()
    .default("")
    .transform((text) => text.split(",").filter(Boolean))
    .pipe(z.array(z.string().regex(/^[a-z-]+=https?:\/\/[^,]+$/, "must be a name, `=` and an address")))
    .transform((pairs) =>
      pairs.map((pair) => ({ name: pair.split("=", 1)[0] ?? "", url: pair.slice(pair.indexOf("=") + 1) })),
    )
    .meta({
      description: "Services whose readiness is shown, comma-separated: `auth=http://auth:8080,ingestion=…`.",
      shownDefault: "none",
    }),
  RETENTION_DAYS: z.coerce.number().int().min(1).max(3_650).default(90).meta({
    unit: "days",
    description: "For how long payments, decisions, labels and closed cases are kept in the console's database.",
  }),
  CASE_OUTCOMES: z
    .string()
    .default("challenge,review")
    .transform((text) => text.split(","))
    .pipe(z.array(z.enum(["challenge", "review", "decline"])))
    .meta({
      description:
        "Outcomes that open a case, comma-separated: `challenge`, `review`, `decline`. A payment that was stopped joins the open case of its card in any event.",
      shownDefault: "`challenge,review`",
    }),
  CASE_HOURS: z.coerce.number().int().min(1).max(720).default(24).meta({
    unit: "hours",
    description: "A case is due so long after the decision that opened it.",
  }),
  FOUR_EYES_AMOUNT_MINOR: z.coerce.number().int().min(0).default(500_000).meta({
    unit: "minor units",
    description: "A verdict on a case of this amount or more waits for a second person. 0: no verdict does.",
  }),
});

export type ConsoleConfig = Readonly<z.infer<typeof consoleConfig>>;

/** Injects the service's configuration. */
export const CONSOLE_CONFIG = Symbol("CONSOLE_CONFIG");
