import { optionalText, serviceConfig } from "@tripline/settings/read-config";
import { z } from "zod";
import { EXECUTION_PROVIDERS, isGpu, rowsPerRunOf } from "./models/execution-providers.js";
import { isTaken } from "./rest/managed-routes.js";

/** Maximum number of models in memory. */
const MODELS_MAX = 256;

const NAME = "[a-z][a-z0-9_-]{0,63}";
const ONE_MODEL = new RegExp(`^(${NAME}|\\*)(@${NAME})?$`);
/** A reference may end with `?`, which makes it optional. */
const REFERENCE = new RegExp(`^(${NAME}|\\*)(@${NAME})?[?]?$`);

/** A model in the registry, by its name (`*` for all models) and the alias to follow. */
export interface ModelReference {
  readonly name: string;
  readonly alias: string;
  /** The alias need not exist. Its version is served unless another alias of the same model already serves it. */
  readonly isOptional?: boolean;
}

const modelReferences = z
  .string()
  .transform((text) => text.split(",").map((one) => one.trim()))
  .pipe(
    z
      .array(z.string().regex(REFERENCE, "must be *@alias, or a comma-separated list of name@alias or name@alias?"))
      .min(1),
  )
  .transform((references): ModelReference[] =>
    references.map((reference) => {
      const [name = "", alias = "champion"] = reference.replace("?", "").split("@");
      return { name, alias, ...(reference.endsWith("?") ? { isOptional: true } : {}) };
    }),
  )
  .refine((references) => new Set(references.map((one) => `${one.name}@${one.alias}`)).size === references.length, {
    message: "contains a model twice",
  });

const providers = z.array(z.enum(EXECUTION_PROVIDERS)).min(1);
const workers = z.number().int().min(1).max(64);
const rowsPerRunMax = z.number().int().min(1).max(65_536);
const rowsByProvider = z.partialRecord(z.enum(EXECUTION_PROVIDERS), rowsPerRunMax);
const rowsQueuedMax = z.number().int().min(1).max(1_048_576);

/** Settings of one model that differ from those of all other models. */
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
  .pipe(z.record(z.string().regex(ONE_MODEL, "is not a valid model; use name or name@alias"), modelSettings));

const number = z.coerce.number();

const [treeRows, gpuRows, cpuRows] = (["trees", "cuda", "cpu"] as const).map(rowsPerRunOf);
const ROWS_PER_RUN_DEFAULTS = `${treeRows} for \`trees\`, ${gpuRows} for GPUs, else ${cpuRows}`;

const grpcPort = number.int().min(0).max(65_535).meta({ unit: "port", description: "gRPC port. 0: any free port." });

const vertexRoute = optionalText
  .refine(
    (path) => path === undefined || /^\/[\w.:/-]{1,254}$/.test(path),
    "must be a path of letters, digits and ._:/-",
  )
  .refine((path) => path === undefined || !isTaken(path), "is a path that the service already serves");

/** If decisions runs in the same process, gRPC needs an explicit port. */
export const scoringBesideDecisionsConfig = z
  .object({
    ...serviceConfig,
    GRPC_PORT: grpcPort.optional(),
    GRPC_CERT_FILE: optionalText.meta({
      description: "PEM file with the certificate of this server. If set, gRPC is served only over TLS.",
    }),
    GRPC_KEY_FILE: optionalText.meta({ description: "PEM file with the private key of that certificate." }),
    GRPC_CLIENT_CA_FILE: optionalText.meta({
      description:
        "PEM file with the certificate authorities for client certificates. If set, every client of the Open Inference Protocol " +
        "must present a certificate, over gRPC and HTTP; `/health` stays open.",
    }),
    GRPC_CLIENTS: optionalText
      .transform((text) => text?.split(",").map((name) => name.trim()))
      .meta({
        description:
          "Common names of authorised client certificates, comma-separated; needs `GRPC_CLIENT_CA_FILE`. If not set, every client " +
          "with a certificate from these authorities is accepted.",
      }),
    AIP_HTTP_PORT: number.int().min(1).max(65_535).optional().meta({
      unit: "port",
      description: "Set by Vertex AI. Replaces `PORT`.",
    }),
    AIP_HEALTH_ROUTE: vertexRoute.meta({ description: "Set by Vertex AI. Additional path for health checks." }),
    AIP_PREDICT_ROUTE: vertexRoute.meta({ description: "Set by Vertex AI. Additional path for scores." }),
    REGISTRY_URL: z.string().min(1).meta({
      description:
        "URL of the model registry: `file:///…`, `mlflow+https://…` for MLflow, or `s3://…`, `gs://…` or `azblob://…`.",
    }),
    MODELS: z
      .string()
      .default("fraud@champion,fraud@candidate?")
      .pipe(modelReferences)
      .meta({
        description:
          "Models to serve: `name@alias`, comma-separated; the default alias is `champion`. `*@alias` is every model with " +
          "this alias, including later ones. `name@alias?` is optional: it is served while the alias names " +
          "a version that is not served yet, as `candidate` does during a rollout.",
      }),
    MODELS_MAX: number.int().min(1).max(MODELS_MAX).default(16).meta({
      unit: "models",
      description: "Maximum number of models served. `*` skips the others and logs their names.",
    }),
    MODEL_SETTINGS: modelSettingsByName.meta({
      description:
        "Settings for individual models, as JSON by `name` or `name@alias`: `workers`, `execution_providers`, `require_gpu`, " +
        "`contributions`, `rows_per_run_max`, `rows_per_run_max_by_provider`, `rows_queued_max`.",
    }),
    MODEL_CONTROL: z
      .enum(["none", "explicit"])
      .default("none")
      .meta({ description: "`explicit` allows callers to load and unload models." }),
    FEATURE_SPEC_VERSION: number.int().positive().optional().meta({
      unit: "version",
      description: "Reject models trained for another version of the feature spec.",
      shownDefault: "any",
    }),
    REGISTRY_POLL_SECONDS: number
      .min(0.01)
      .max(3_600)
      .default(5)
      .meta({ unit: "s", description: "Interval for reading the aliases." }),
    WORKERS: number.pipe(workers).default(1).meta({
      unit: "threads",
      description: "Number of threads per model. Each thread holds its own copy of the model.",
    }),
    ROWS_PER_RUN_MAX: number.pipe(rowsPerRunMax).optional().meta({
      unit: "rows",
      description: "Maximum number of rows per request and per run.",
      shownDefault: ROWS_PER_RUN_DEFAULTS,
    }),
    ROWS_PER_RUN_MAX_BY_PROVIDER: z
      .string()
      .default("")
      .transform((text) => text.split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim().split("=")])))
      .transform((pairs) => Object.fromEntries(pairs.map(([provider = "", rows]) => [provider, Number(rows)])))
      .pipe(rowsByProvider)
      .meta({
        description: "The same limit for models whose first provider is listed, for example `cuda=4096,trees=1024`.",
      }),
    ROWS_QUEUED_MAX: number.pipe(rowsQueuedMax).default(4_096).meta({
      unit: "rows",
      description: "Maximum number of rows waiting for a model's workers. Above it, requests are rejected.",
    }),
    EXECUTION_PROVIDERS: z
      .string()
      .default("trees,cpu")
      .transform((text) => text.split(",").map((provider) => provider.trim()))
      .pipe(providers)
      .meta({
        description:
          "Execution providers in order of preference: `trees`, or ONNX Runtime's `cpu`, `cuda`, `tensorrt`, `webgpu`, `dml` or " +
          "`coreml`. `trees` runs tree models with our own code, `cpu` runs the model unchanged, and the others run a neural network " +
          "unchanged and the tensor twin of a tree model. The first provider that is available and can run the model is used.",
      }),
    CONTRIBUTIONS: z
      .stringbool()
      .default(true)
      .meta({
        description:
          "Offer each feature's contribution to the score as a second output. Loading a model takes up to a second longer, and each " +
          "thread uses 64 MiB more.",
      }),
    REQUIRE_GPU: z
      .stringbool()
      .default(false)
      .meta({
        description:
          "Reject a model unless all of its operators on rows run on a GPU. No other provider is tried, even if the GPU " +
          "is out of memory.",
      }),
  })
  .refine((config) => (config.GRPC_CERT_FILE === undefined) === (config.GRPC_KEY_FILE === undefined), {
    path: ["GRPC_KEY_FILE"],
    message: "must be set together with GRPC_CERT_FILE",
  })
  .refine((config) => config.GRPC_CLIENT_CA_FILE === undefined || config.GRPC_CERT_FILE !== undefined, {
    path: ["GRPC_CLIENT_CA_FILE"],
    message: "needs GRPC_CERT_FILE: clients present certificates only over TLS",
  })
  .refine((config) => config.GRPC_CLIENTS === undefined || config.GRPC_CLIENT_CA_FILE !== undefined, {
    path: ["GRPC_CLIENTS"],
    message: "needs GRPC_CLIENT_CA_FILE: without it, clients present no certificates",
  })
  .refine((config) => !config.REQUIRE_GPU || config.EXECUTION_PROVIDERS.some(isGpu), {
    path: ["REQUIRE_GPU"],
    message: "needs a GPU provider, for example cuda, in EXECUTION_PROVIDERS",
  });

export const scoringConfig = scoringBesideDecisionsConfig.safeExtend({ GRPC_PORT: grpcPort });

/** Injects the `ScoringConfig`. */
export const SCORING_CONFIG = Symbol("SCORING_CONFIG");

export type ScoringConfig = z.infer<typeof scoringBesideDecisionsConfig>;
