import { serviceConfig } from "@tripline/service-kit/read-config";
import { z } from "zod";

/** What onnxruntime can be asked to run on. */
export const EXECUTION_PROVIDERS = ["cpu", "cuda"] as const;

export type ExecutionProvider = (typeof EXECUTION_PROVIDERS)[number];

export const scoringConfig = z
  .object({
    ...serviceConfig,
    /** 0 takes any free port. */
    GRPC_PORT: z.coerce.number().int().min(0).max(65_535),
    REGISTRY_URL: z.string().min(1),
    MODEL_NAME: z.string().min(1).default("fraud"),
    MODEL_ALIAS: z.string().min(1).default("champion"),
    /** How often the alias is looked up again, in seconds. */
    REGISTRY_POLL_SECONDS: z.coerce.number().min(0.01).max(3_600).default(5),
    /** Threads that run the model; each holds it once. */
    WORKERS: z.coerce.number().int().min(1).max(64).default(1),
    ROWS_PER_RUN_MAX: z.coerce.number().int().min(1).max(65_536).default(512),
    /** Rows that may wait for a worker; beyond that, requests are turned away. */
    ROWS_QUEUED_MAX: z.coerce.number().int().min(1).max(1_048_576).default(4_096),
    /** In order of preference. One that is not available here is left out, unless nothing else is asked for. */
    EXECUTION_PROVIDERS: z
      .string()
      .default("cpu")
      .transform((text) => text.split(",").map((provider) => provider.trim()))
      .pipe(z.array(z.enum(EXECUTION_PROVIDERS)).min(1)),
    /** Refuse any model that does not run on a GPU. */
    REQUIRE_GPU: z.stringbool().default(false),
  })
  .refine((config) => !config.REQUIRE_GPU || config.EXECUTION_PROVIDERS.includes("cuda"), {
    path: ["REQUIRE_GPU"],
    message: "needs cuda among EXECUTION_PROVIDERS",
  });

export type ScoringConfig = z.infer<typeof scoringConfig>;
