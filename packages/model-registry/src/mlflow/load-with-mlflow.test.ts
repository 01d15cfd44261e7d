import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { keepBytecode, provisionPython } from "@tripline/local-stack/provision/provision-python";
import type { Publication } from "../model-registry.js";
import { openRegistry } from "../open-registry.js";
import type { RunningMlflow } from "../testing/mlflow.js";
import { ROOT, startMlflow } from "../testing/mlflow.js";

/** A real model, also used by the tests of the scoring service. */
const VERSIONS = join(ROOT, "apps/scoring/test-models/generated/models/fraud/versions");
const START_MS_MAX = 600_000;
/** Importing MLflow takes seconds, and far longer while other tests load the machine. */
const RUN_MS_MAX = 300_000;

const PUBLISH = `
import json, sys
from pathlib import Path
from tripline_training.registry import registry
url, name, folder, facts = sys.argv[1:]
store = registry.registry_root(url)
files = {file: Path(folder, file).read_bytes() for file in ("model.onnx", "golden.json")}
version, _ = registry.publish(store, name, files, json.loads(facts))
registry.set_alias(store, name, "champion", version)
`;

/** MLflow's own functions, as its users call them, without our code. */
const LOAD = `
import json, sys, warnings
import mlflow, numpy as np, pandas as pd

url, golden, names = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
mlflow.set_tracking_uri(url)

def load(name):
    uri = f"models:/{name}@champion"
    model = mlflow.pyfunc.load_model(uri)
    features = model.metadata.get_input_schema().input_names()
    rows = pd.DataFrame(golden["inputs"], columns=features)
    try:
        model.predict(rows.drop(columns=[features[1]]))
        refused = ""
    except mlflow.exceptions.MlflowException as error:
        refused = str(error)
    example = model.input_example
    run = mlflow.MlflowClient().get_run(model.metadata.run_id)
    [data] = run.inputs.dataset_inputs
    return {
        "features": features,
        "outputs": model.metadata.get_output_schema().input_names(),
        "scores": model.predict(rows)["probability"].tolist(),
        "of_floats": model.predict(rows.astype(np.float32))["probability"].tolist(),
        "of_other_order": model.predict(rows[features[::-1]])["probability"].tolist(),
        "of_example": model.predict(example)["probability"].tolist(),
        "refused": refused,
        "producer": mlflow.onnx.load_model(uri).graph.output[0].name,
        "user": run.data.tags["mlflow.user"],
        "user_id": run.info.user_id,
        "context": {tag.key: tag.value for tag in data.tags},
        "dataset": [data.dataset.name, data.dataset.digest],
        "source": json.loads(data.dataset.source),
        "columns": [column["name"] for column in json.loads(data.dataset.schema)["mlflow_colspec"]],
    }

print(json.dumps([load(name) for name in names]))
`;

let mlflow: RunningMlflow;
let scratch: string;
let folder: string;
let published: Publication;

beforeAll(async () => {
  mlflow = await startMlflow(process.env);
  scratch = await mkdtemp(join(tmpdir(), "tripline-load-"));
  folder = join(VERSIONS, "0dfd03561f26");
  const read = async (file: string) => readFile(join(folder, file));
  const { name, version: _version, files: _files, ...manifest } = JSON.parse((await read("model.json")).toString());
  manifest.lineage = { ...manifest.lineage, data_sha256: "ab".repeat(32), data_from: "2026-01-01T00:00:00Z" };
  const golden = JSON.parse((await read("golden.json")).toString());
  published = { name, modelBytes: await read("model.onnx"), golden, manifest };
}, START_MS_MAX);

afterAll(async () => {
  await mlflow?.stop();
  await rm(scratch, { recursive: true, force: true });
});

async function publishFromTypeScript(name: string): Promise<void> {
  const registry = openRegistry(`mlflow+${mlflow.url}`, { MODEL_CACHE_DIRECTORY: scratch });
  const { version } = await registry.publish({ ...published, name });
  await registry.setAlias(name, "champion", version);
}

async function publishFromPython(name: string): Promise<void> {
  const requirementsFile = `${ROOT}/training/requirements/training.txt`;
  const { python } = await provisionPython({ name: "training", requirementsFile, root: ROOT });
  const args = ["-c", PUBLISH, `mlflow+${mlflow.url}`, name, folder, JSON.stringify(published.manifest)];
  const env = { ...process.env, ...keepBytecode(python), PYTHONPATH: `${ROOT}/training` };
  await promisify(execFile)(python, args, { env, timeout: RUN_MS_MAX });
}

test(
  "MLflow's load_model loads models published from TypeScript and from Python, by alias and with their feature names",
  async () => {
    const names = ["fraud-typescript", "fraud-python"] as const;
    await publishFromTypeScript(names[0]);
    await publishFromPython(names[1]);
    const requirementsFile = `${ROOT}/packages/model-registry/mlflow-requirements.txt`;
    const { python } = await provisionPython({ name: "mlflow", requirementsFile, root: ROOT });
    const args = ["-c", LOAD, mlflow.url, JSON.stringify(published.golden), ...names];
    const env = { ...process.env, ...keepBytecode(python) };
    const run = await promisify(execFile)(python, args, { cwd: scratch, env, timeout: RUN_MS_MAX });
    const { features, lineage } = published.manifest;
    const scores = published.golden.outputs.map((score) => expect.closeTo(score, 5));
    const loaded = {
      features,
      outputs: ["probability"],
      scores,
      of_floats: scores,
      of_other_order: scores,
      of_example: scores.slice(0, 5),
      refused: expect.stringContaining(features[1] ?? ""),
      producer: "probability",
      user: userInfo().username,
      user_id: userInfo().username,
      context: { "mlflow.data.context": "training" },
      source: { sha256: lineage.data_sha256, from: "2026-01-01T00:00:00Z" },
      columns: features,
    };
    const digest = lineage.data_sha256.slice(0, 36);
    expect(JSON.parse(run.stdout)).toEqual(names.map((name) => ({ ...loaded, dataset: [`${name} features`, digest] })));
    expect(run.stderr).not.toMatch(/mismatch|requirement/i);
  },
  2 * RUN_MS_MAX,
);
