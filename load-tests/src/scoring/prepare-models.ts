import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runCommand } from "@tripline/local-stack/processes/run-command";
import { provisionPython } from "@tripline/local-stack/provision/provision-python";
import type { GoldenBatch } from "@tripline/model-registry/model-manifest";
import { goldenSchema, parseJson } from "@tripline/model-registry/model-manifest";
import { openRegistry } from "@tripline/model-registry/open-registry";
import type { BenchContext } from "../harness/bench-context.js";
import { packageVersions } from "../harness/package-versions.js";

const MAKE_MS_MAX = 120_000;
/** Number of input columns of both models. */
const WIDTH = 32;
const CREATED_AT = "2026-01-01T00:00:00Z";

export type ModelName = "trees" | "network";

export interface BenchModel {
  readonly name: ModelName;
  /** The file that every contestant loads. */
  readonly path: string;
  readonly width: number;
  readonly golden: GoldenBatch;
}

export interface BenchModels {
  readonly trees: BenchModel;
  readonly network: BenchModel;
  /** URL of a registry with the same files. */
  readonly registryUrl: string;
  /** The peers' interpreter. */
  readonly python: string;
}

/** Creates the models, which are always the same, and publishes them to the run's registry. */
export async function prepareModels(context: BenchContext): Promise<BenchModels> {
  const { root, folder } = context;
  const peers = join(root, "load-tests", "peers", "scoring");
  const requirementsFile = join(peers, "requirements.txt");
  const { python } = await provisionPython({ name: "scoring-peers", requirementsFile, root });
  Object.assign(context.versions, await packageVersions(python, ["grpcio", "mlserver", "onnxruntime"]));
  const models = join(folder, "models");
  await runCommand({
    command: python,
    args: [join(peers, "make_models.py"), models],
    purpose: "create the models",
    logFile: join(root, ".tripline", "logs", "bench-scoring-models.log"),
    timeoutMs: MAKE_MS_MAX,
  });
  const registryUrl = pathToFileURL(join(folder, "registry")).href;
  const trees = await publish(registryUrl, models, "trees");
  const network = await publish(registryUrl, models, "network");
  return { trees, network, registryUrl, python };
}

async function publish(registryUrl: string, models: string, name: ModelName): Promise<BenchModel> {
  const path = join(models, `${name}.onnx`);
  const golden = parseJson(goldenSchema, await readFile(join(models, `${name}.golden.json`), "utf8"), "golden batch");
  const registry = openRegistry(registryUrl);
  const { version } = await registry.publish({
    name,
    modelBytes: await readFile(path),
    golden,
    manifest: {
      created_at: CREATED_AT,
      feature_spec_version: 1,
      features: Array.from({ length: WIDTH }, (_, column) => `feature_${column}`),
      input: { name: "features", datatype: "FP32", shape: [-1, WIDTH] },
      output: { name: "probability", datatype: "FP32", shape: [-1, 1] },
      metrics: {},
      lineage: { data_sha256: "0".repeat(64), commit: null, params: {}, trained_at: CREATED_AT },
    },
  });
  await registry.setAlias(name, "champion", version);
  return { name, path, width: WIDTH, golden };
}
