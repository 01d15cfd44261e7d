import { optionalText, serviceConfig } from "@tripline/service-kit/read-config";
import { z } from "zod";
import { EXECUTION_PROVIDERS, isGpu } from "./execution-providers.js";

/** Most models that are held in memory at once. */
const MODELS_MAX = 256;

const NAME = "[a-z][a-z0-9_-]{0,63}";
const ONE_MODEL = new RegExp(`^(${NAME}|\\*)(@${NAME})?$`);

/** A model of the registry by its name (`*`: each there is) and the alias that is followed. */
export interface ModelReference {
  readonly name: string;
  readonly alias: string;
}

const modelReferences = z
  .string()
  .transform((text) => text.split(",").map((one) => one.trim()))
  .pipe(z.array(z.string().regex(ONE_MODEL, "must be name@alias, several parted by commas, or *@alias")).min(1))
  .transform((references): ModelReference[] =>
    references.map((reference) => {
      const [name = "", alias = "champion"] = reference.split("@");
      return { name, alias };
    }),
  )
  .refine((references) => new Set(references.map((one) => `${one.name}@${one.alias}`)).size === references.length, {
    message: "names a model twice",
  });

const providers = z.array(z.enum(EXECUTION_PROVIDERS)).min(1);
const workers = z.number().int().min(1).max(64);
const rowsPerRunMax = z.number().int().min(1).max(65_536);
const rowsByProvider = z.partialRecord(z.enum(EXECUTION_PROVIDERS), rowsPerRunMax);
const rowsQueuedMax = z.number().int().min(1).max(1_048_576);

/** What one model may have otherwise than the others. */
const modelSettings = z.strictObject({
  workers: workers.optional(),
  execution_providers: providers.optional(),
  require_gpu: z.boolean().optional(),
  contributions: z.boolean().optional(),
  rows_per_run_max: rowsPerRunMax.optional(),
  rows_per_run_max_by_provider: rowsByProvider.optional(),
  rows_queued_max: rowsQueuedMax.optional(),
});

const modelSettingsByName = z
  .string()
  .default("{}")
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: "custom", message: "must be JSON" });
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string().regex(ONE_MODEL, "names no model: use name or name@alias"), modelSettings));

const number = z.coerce.number();

export const scoringConfig = z
  .object({
    ...serviceConfig,
    /** 0 takes any free port. */
    GRPC_PORT: number.int().min(0).max(65_535),
    /** PEM with the certificate that this server shows; with it gRPC is served over TLS. */
    GRPC_CERT_FILE: optionalText,
    GRPC_KEY_FILE: optionalText,
    /** PEM with the authorities of clients' certificates: every client has to show one then. */
    GRPC_CLIENT_CA_FILE: optionalText,
    REGISTRY_URL: z.string().min(1),
    /** What is served: `name@alias`, several parted by commas; `*@alias` is every model that has this alias. */
    MODELS: z.string().default("fraud@champion").pipe(modelReferences),
    /** Most models that are served at once; what `*` finds beyond that is left out and said. */
    MODELS_MAX: number.int().min(1).max(MODELS_MAX).default(16),
    /** JSON: settings of single models by `name` or `name@alias`. */
    MODEL_SETTINGS: modelSettingsByName,
    /** `explicit` lets callers load and unload models; `none` refuses that. */
    MODEL_CONTROL: z.enum(["none", "explicit"]).default("none"),
    /** Refuse every model that was trained for another version of the feature spec. */
    FEATURE_SPEC_VERSION: number.int().positive().optional(),
    /** How often the aliases are looked up again, in seconds. */
    REGISTRY_POLL_SECONDS: number.min(0.01).max(3_600).default(5),
    /** Threads that run a model; each holds it once. */
    WORKERS: number.pipe(workers).default(1),
    /** Without it, what suits the provider. */
    ROWS_PER_RUN_MAX: number.pipe(rowsPerRunMax).optional(),
    /** `cuda=4096,trees=1024`: another bound for models that run on this provider first of all. */
    ROWS_PER_RUN_MAX_BY_PROVIDER: z
      .string()
      .default("")
      .transform((text) => text.split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim().split("=")])))
      .transform((pairs) => Object.fromEntries(pairs.map(([provider = "", rows]) => [provider, Number(rows)])))
      .pipe(rowsByProvider),
    /** Rows that may wait for a model's workers; beyond that, requests are turned away. */
    ROWS_QUEUED_MAX: number.pipe(rowsQueuedMax).default(4_096),
    /** In order of preference. One that is not available, or cannot run a model, is left out, unless nothing else is asked for. */
    EXECUTION_PROVIDERS: z
      .string()
      .default("trees,cpu")
      .transform((text) => text.split(",").map((provider) => provider.trim()))
      .pipe(providers),
    /** Offer how much each feature moved a score, as a second output, for models that can be explained. */
    CONTRIBUTIONS: z.stringbool().default(true),
    /** Refuse any model that does not run on a GPU. */
    REQUIRE_GPU: z.stringbool().default(false),
  })
  .refine((config) => (config.GRPC_CERT_FILE === undefined) === (config.GRPC_KEY_FILE === undefined), {
    path: ["GRPC_KEY_FILE"],
    message: "and GRPC_CERT_FILE need each other",
  })
  .refine((config) => config.GRPC_CLIENT_CA_FILE === undefined || config.GRPC_CERT_FILE !== undefined, {
    path: ["GRPC_CLIENT_CA_FILE"],
    message: "needs GRPC_CERT_FILE: only over TLS does a client show a certificate",
  })
  .refine((config) => !config.REQUIRE_GPU || config.EXECUTION_PROVIDERS.some(isGpu), {
    path: ["REQUIRE_GPU"],
    message: "needs a GPU's provider, for instance cuda, among EXECUTION_PROVIDERS",
  });

export type ScoringConfig = z.infer<typeof scoringConfig>;
