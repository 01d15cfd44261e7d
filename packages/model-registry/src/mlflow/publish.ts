import { TriplineError } from "@tripline/contracts/error-table";
import { userName } from "../compose-move.js";
import type { ModelManifest } from "../model-manifest.js";
import type { PreparedPublication } from "../prepare-publication.js";
import { experimentCreated, experimentFound, modelVersion, nothing, runCreated } from "./answers.js";
import type { MlflowClient } from "./client.js";
import { MlflowRefusal } from "./client.js";
import { inputColumns, mlflowModelFiles } from "./model-files.js";

export const VERSION_TAG = "tripline.version";
export const MANIFEST_TAG = "tripline.manifest";
/** MLflow's own limit, MAX_MODEL_REGISTRY_TAG_VALUE_LENGTH. */
const TAG_CHARACTERS_MAX = 100_000;
const PARAM_CHARACTERS_MAX = 6_000;
/** Limit of one log-batch call. */
const PARAMS_MAX = 100;
const METRICS_MAX = 800;
/** Limit of a dataset's digest. */
const DIGEST_CHARACTERS_MAX = 36;
const SCHEMA_CHARACTERS_MAX = 65_535;
const ARTIFACT_FOLDER = "model";

/**
 * Adds a version: first a run with parameters, metrics and files, then the model version that points to it. Readers see
 * only model versions, so a publisher that dies leaves only an unused run.
 *
 * @returns MLflow's number of the new version
 */
export async function publishVersion(client: MlflowClient, prepared: PreparedPublication): Promise<string> {
  const { manifest, golden, files } = prepared;
  const { name, version } = manifest;
  const manifestText = JSON.stringify(manifest);
  if (manifestText.length > TAG_CHARACTERS_MAX) {
    throw new TriplineError(
      "model-refused",
      `The manifest of model ${name} ${version} has ${manifestText.length} characters; MLflow allows ${TAG_CHARACTERS_MAX}.`,
    );
  }
  const { run_id, artifact_uri } = await startRun(client, manifest);
  const source = `${artifact_uri}/${ARTIFACT_FOLDER}`;
  const all = { ...mlflowModelFiles(manifest, golden, run_id), ...files };
  for (const [file, bytes] of Object.entries(all)) await client.upload(source, file, bytes);
  await client.post(nothing, "runs/update", { run_id, status: "FINISHED", end_time: Date.now() });
  await unlessThere(() => client.post(nothing, "registered-models/create", { name }));
  const tags = Object.entries(tagsOf(manifest, manifestText)).map(([key, value]) => ({ key, value }));
  const body = { name, source, run_id, tags, description: `Tripline ${version}` };
  return (await client.post(modelVersion, "model-versions/create", body)).model_version.version;
}

/** The tags of a model version, for users of MLflow. */
function tagsOf(
  { version, feature_spec_version, lineage }: ModelManifest,
  manifestText: string,
): Record<string, string> {
  return {
    [VERSION_TAG]: version,
    [MANIFEST_TAG]: manifestText,
    "tripline.feature_spec_version": String(feature_spec_version),
    "tripline.data_sha256": lineage.data_sha256,
    ...(lineage.commit === null ? {} : { "tripline.commit": lineage.commit }),
    ...(lineage.data_from === undefined ? {} : { "tripline.data_from": lineage.data_from }),
    ...(lineage.data_to === undefined ? {} : { "tripline.data_to": lineage.data_to }),
  };
}

async function startRun(client: MlflowClient, manifest: ModelManifest) {
  const { name, version, lineage, metrics, created_at } = manifest;
  const createdMs = Date.parse(created_at);
  const { run } = await client.post(runCreated, "runs/create", {
    experiment_id: await experimentId(client, `tripline/${name}`),
    run_name: `${name} ${version}`,
    start_time: createdMs,
    // MLflow's own clients also send the user both as a field and as a tag.
    user_id: userName(),
    tags: [
      { key: "mlflow.user", value: userName() },
      ...(lineage.commit === null ? [] : [{ key: "mlflow.source.git.commit", value: lineage.commit }]),
    ],
  });
  const { run_id } = run.info;
  const params = leaves(lineage.params).map(([key, value]) => ({
    key,
    value: String(value).slice(0, PARAM_CHARACTERS_MAX),
  }));
  const numbers = leaves(metrics).flatMap(([key, value]) =>
    typeof value === "number" ? [{ key, value, timestamp: createdMs, step: 0 }] : [],
  );
  await client.post(nothing, "runs/log-batch", {
    run_id,
    params: params.slice(0, PARAMS_MAX),
    metrics: numbers.slice(0, METRICS_MAX),
  });
  await logTrainingData(client, run_id, manifest);
  return run.info;
}

/** If several publishers log the same dataset at the same time, MLflow rejects all but one. A retry then succeeds. */
async function logTrainingData(client: MlflowClient, run_id: string, manifest: ModelManifest): Promise<void> {
  const name = () => client.post(nothing, "runs/log-inputs", { run_id, datasets: [trainingData(manifest)] });
  await name().catch((error: unknown) => {
    if (error instanceof MlflowRefusal) return name();
    throw error;
  });
}

/** The training data, as MLflow's pages show it. */
function trainingData(manifest: ModelManifest): object {
  const { data_sha256, data_from, data_to, known_by } = manifest.lineage;
  const schema = JSON.stringify({ mlflow_colspec: inputColumns(manifest) });
  return {
    tags: [{ key: "mlflow.data.context", value: "training" }],
    dataset: {
      name: `${manifest.name} features`,
      digest: data_sha256.slice(0, DIGEST_CHARACTERS_MAX),
      source_type: "tripline",
      source: JSON.stringify({ sha256: data_sha256, from: data_from, to: data_to, known_by }),
      ...(schema.length > SCHEMA_CHARACTERS_MAX ? {} : { schema }),
    },
  };
}

async function experimentId(client: MlflowClient, name: string): Promise<string> {
  const made = await unlessThere(() => client.post(experimentCreated, "experiments/create", { name }));
  if (made !== undefined) return made.experiment_id;
  return (await client.get(experimentFound, "experiments/get-by-name", { experiment_name: name })).experiment
    .experiment_id;
}

/** Undefined if it already exists. */
async function unlessThere<T>(create: () => Promise<T>): Promise<T | undefined> {
  try {
    return await create();
  } catch (error) {
    if (error instanceof MlflowRefusal && error.errorCode === "RESOURCE_ALREADY_EXISTS") return undefined;
    throw error;
  }
}

/** Nested entries as `outer.inner`; MLflow allows dots in names of parameters and metrics. */
function leaves(values: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(values).flatMap(([name, value]): [string, unknown][] => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [[name, value]];
    return leaves({ ...value }).map(([inner, leaf]): [string, unknown] => [`${name}.${inner}`, leaf]);
  });
}
