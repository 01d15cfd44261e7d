import { optionalText } from "@tripline/cloud-identity/identity-variables";
import { rateConfig } from "@tripline/http/limits/rate-config";
import { isStoreUrl } from "@tripline/object-store/open-store";
import { policyWorkerConfig } from "@tripline/policy-worker/policy-worker";
import { kafkaConfig, postgresConfig, serviceConfig, tokenConfig } from "@tripline/settings/read-config";
import { z } from "zod";
import { fourEyesAmounts } from "./cases/four-eyes.js";
import type { ModelPlace } from "./cases/narrative/narrative-model.js";
import { disputePrograms } from "./dispute-ratios/dispute-programs.js";
import { caseHours } from "./projection/case-hours.js";

const KEY_BYTES = 32;

const address = z.url({ protocol: /^https?$/ });

const settings = z.object({
  ...serviceConfig,
  ...kafkaConfig,
  ...postgresConfig,
  ...tokenConfig,
  ...rateConfig({ tenant: 20, client: 10, unit: "requests" }),
  AUTH_TOKEN_URL: address.meta({ description: "Token endpoint for codes and refresh tokens." }),
  CONSOLE_URL: address
    .transform((text) => text.replace(/\/$/, ""))
    .meta({ description: "Public URL of the console, the start of its redirect URL." }),
  CONSOLE_CLIENT_ID: z
    .string()
    .min(1)
    .default("tripline-console")
    .meta({ description: "The console's client ID at auth." }),
  CONSOLE_CLIENT_SECRET: z.string().min(24).meta({ description: "The secret of that client." }),
  SESSION_KEY: z
    .base64()
    .transform((text) => Buffer.from(text, "base64"))
    .refine((key) => key.length === KEY_BYTES, "must be 32 bytes in Base64")
    .meta({ description: "Encrypts the tokens of signed-in users: 32 bytes in base64." }),
  SESSION_HOURS: z.coerce.number().int().min(1).max(168).default(12).meta({
    unit: "hours",
    description: "Maximum length of a session, after which a user must sign in again.",
  }),
  SESSION_IDLE_MINUTES: z.coerce.number().int().min(5).max(1_440).default(60).meta({
    unit: "minutes",
    description: "Maximum time without a request before a user must sign in again.",
  }),
  INGESTION_URL: address.meta({ description: "URL of ingestion, for sending labels." }),
  CONTROL_URL: address.meta({ description: "URL of the control plane." }),
  REGISTRY_URL: z.string().min(1).optional().meta({
    description: "URL of the model registry, as for scoring. Without it, no feature contributions are shown.",
  }),
  WATCHED_SERVICES: z
    .string()
    .default("")
    .transform((text) => text.split(",").filter(Boolean))
    .pipe(z.array(z.string().regex(/^[a-z-]+=https?:\/\/[^,]+$/, "must be name=URL")))
    .transform((pairs) =>
      pairs.map((pair) => ({ name: pair.split("=", 1)[0] ?? "", url: pair.slice(pair.indexOf("=") + 1) })),
    )
    .meta({
      description: "Services whose readiness is shown, comma-separated: `auth=http://auth:8080,ingestion=…`.",
      shownDefault: "none",
    }),
  ATTACHMENTS_URL: optionalText
    .refine(
      (text) => text === undefined || isStoreUrl(text),
      "must be a URL that starts with file://, s3://, gs:// or azblob://",
    )
    .meta({
      description:
        "Folder or bucket (`file://`, `s3://`, `gs://`, `azblob://`) for files attached to cases. If it is not set, attachments " +
        "are disabled.",
    }),
  ATTACHMENT_MB_MAX: z.coerce.number().int().min(1).max(25).default(10).meta({
    unit: "MB",
    description: "Maximum size of a case file. Up to four files are held in memory at a time.",
  }),
  NARRATIVE_MODEL: optionalText
    .refine(
      (text) => text === undefined || /^(bedrock|azure|vertex):.+$/.test(text),
      "must be bedrock:, azure: or vertex: followed by a model",
    )
    .meta({
      description:
        "The model that writes the summary of a case: `bedrock:` and the ID of a model or inference profile, `azure:` and the name " +
        "of a deployment, or `vertex:` and the name of a model. If it is not set, a template is used. See " +
        "[narratives](narratives.md).",
    }),
  NARRATIVE_ENDPOINT: optionalText
    .refine((text) => text === undefined || address.safeParse(text).success, "must be an http(s) URL")
    .meta({
      description:
        "Endpoint of that model. Required on Azure; on other clouds, a private endpoint to use instead of the public one.",
    }),
  NARRATIVE_REGION: optionalText.meta({
    description: "Bedrock region or Vertex AI location, for example `eu-central-1` or `europe-west3`.",
  }),
  NARRATIVE_PROJECT: optionalText.meta({ description: "Google Cloud project, for Vertex AI." }),
  NARRATIVE_API_KEY: optionalText.meta({
    description: "Azure OpenAI key. If it is not set, the workload identity is used, as on the other clouds.",
  }),
  NARRATIVE_WAIT_MS: z.coerce.number().int().min(500).max(25_000).default(10_000).meta({
    unit: "ms",
    description: "Time limit for a summary. If it is exceeded, the template is shown.",
  }),
  ...policyWorkerConfig,
  RETENTION_DAYS: z.coerce.number().int().min(1).max(3_650).default(90).meta({
    unit: "days",
    description: "Retention of payments, decisions, labels and closed cases in the console's database.",
  }),
  FRAUD_REPORT_WAIT_DAYS: z.coerce.number().int().min(1).max(365).default(30).meta({
    unit: "days",
    description: "How long new payments are checked against a fraud report without a payment.",
  }),
  FRAUD_REPORTS_WAITING_MAX: z.coerce.number().int().min(1_000).max(10_000_000).default(1_000_000).meta({
    unit: "reports",
    description: "Maximum number of such reports per tenant. If there are more, the oldest ones are no longer checked.",
  }),
  DISPUTE_PROGRAMS: disputePrograms.meta({
    description:
      "Thresholds of the card schemes for dispute ratios: a JSON list with the fields of " +
      "[dispute-programs.ts](../apps/console/src/dispute-ratios/dispute-programs.ts), which replaces the default.",
    shownDefault: "VAMP, ECP, EFM",
  }),
  CASE_OUTCOMES: z
    .string()
    .default("challenge,review")
    .transform((text) => text.split(","))
    .pipe(z.array(z.enum(["challenge", "review", "decline"])))
    .meta({
      description:
        "Outcomes that open a case, comma-separated: `challenge`, `review`, `decline`. A stopped payment always joins the open case of its card.",
      shownDefault: "`challenge,review`",
    }),
  CASE_HOURS: caseHours.meta({
    unit: "hours",
    description:
      "Time from a decision that opens a case until the case is due. `24,review=8,acme/*=4,acme/review=1` sets different times " +
      "by outcome and tenant.",
  }),
  VERDICT_HOLD_SECONDS: z.coerce.number().int().min(0).max(60).default(10).meta({
    unit: "seconds",
    description: "How long a verdict can be undone, before its labels and its event are sent.",
  }),
  FOUR_EYES_AMOUNT_MINOR: fourEyesAmounts.meta({
    unit: "minor units",
    description:
      "A verdict on a case of this amount or more needs a second user; 0 disables this. Amounts are not converted: " +
      "`500000,JPY=800000` sets a separate limit for yen. The payments of a case are added up per currency, and the limit " +
      "applies to each total.",
  }),
});

export const consoleConfig = settings.superRefine((config, context) => {
  const message = `is required for NARRATIVE_MODEL=${config.NARRATIVE_MODEL}`;
  for (const name of NARRATIVE_NEEDS[modelPlace(config)?.kind ?? "template"]) {
    if (config[name] === undefined) context.addIssue({ code: "custom", path: [name], message });
  }
});

/** The settings that each kind of model needs in addition to its name. */
const NARRATIVE_NEEDS = {
  template: [],
  bedrock: ["NARRATIVE_REGION"],
  azure: ["NARRATIVE_ENDPOINT"],
  vertex: ["NARRATIVE_PROJECT", "NARRATIVE_REGION"],
} as const;

interface NarrativeConfig {
  readonly NARRATIVE_MODEL?: string | undefined;
  readonly NARRATIVE_ENDPOINT?: string | undefined;
  readonly NARRATIVE_REGION?: string | undefined;
  readonly NARRATIVE_PROJECT?: string | undefined;
  readonly NARRATIVE_API_KEY?: string | undefined;
  readonly NARRATIVE_WAIT_MS: number;
}

/** The model that writes case summaries; undefined for the template. */
export function modelPlace(config: NarrativeConfig): ModelPlace | undefined {
  const [, kind, model = ""] = /^(bedrock|azure|vertex):(.+)$/.exec(config.NARRATIVE_MODEL ?? "") ?? [];
  if (kind !== "bedrock" && kind !== "azure" && kind !== "vertex") return undefined;
  return {
    kind,
    model,
    endpoint: config.NARRATIVE_ENDPOINT,
    region: config.NARRATIVE_REGION,
    project: config.NARRATIVE_PROJECT,
    apiKey: config.NARRATIVE_API_KEY,
    waitMs: config.NARRATIVE_WAIT_MS,
  };
}

export type ConsoleConfig = Readonly<z.infer<typeof consoleConfig>>;

/** Injects the service's configuration. */
export const CONSOLE_CONFIG = Symbol("CONSOLE_CONFIG");
