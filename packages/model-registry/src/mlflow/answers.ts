import { z } from "zod";

/** The parts of MLflow's responses that we use: https://mlflow.org/docs/latest/rest-api.html */

const tags = z.array(z.object({ key: z.string(), value: z.string().default("") })).default([]);

export const versionAnswer = z.object({
  name: z.string(),
  /** MLflow's own number: 1, 2, 3 and so on. */
  version: z.string(),
  source: z.string().default(""),
  status: z.string().default("READY"),
  tags,
});

export type VersionAnswer = z.infer<typeof versionAnswer>;

export const modelVersion = z.object({ model_version: versionAnswer });
export const modelVersions = z.object({
  model_versions: z.array(versionAnswer).default([]),
  next_page_token: z.string().optional(),
});

export const registeredModel = z.object({
  registered_model: z.object({
    tags,
    aliases: z.array(z.object({ alias: z.string(), version: z.string() })).default([]),
  }),
});
export const registeredModels = z.object({
  registered_models: z
    .array(z.object({ name: z.string(), latest_versions: z.array(versionAnswer).default([]) }))
    .default([]),
  next_page_token: z.string().optional(),
});

export const experimentCreated = z.object({ experiment_id: z.string() });
export const experimentFound = z.object({ experiment: z.object({ experiment_id: z.string() }) });
export const runCreated = z.object({
  run: z.object({ info: z.object({ run_id: z.string(), artifact_uri: z.string() }) }),
});

/** A response whose content is not used. */
export const nothing = z.unknown();

export function tagOf(given: VersionAnswer["tags"], key: string): string | undefined {
  return given.find((tag) => tag.key === key)?.value;
}
