import type { GoldenBatch, ModelManifest } from "../model-manifest.js";
import { MODEL_FILE } from "../model-manifest.js";

/** Rows of the golden batch shown as an example. */
const EXAMPLE_ROWS = 5;
const EXAMPLE_FILE = "input_example.json";
const ENVIRONMENT_FILE = "python_env.yaml";
const REQUIREMENTS_FILE = "requirements.txt";
/** The imports of MLflow's ONNX flavor; these versions support the operators of all models that we export. */
const REQUIREMENTS = "mlflow>=3\nonnx>=1.17\nonnxruntime>=1.20\n";

/**
 * The files that MLflow's own `mlflow.pyfunc.load_model` and `mlflow.onnx.load_model` need in addition to the version's
 * files. Only MLflow reads them, and no manifest lists them. JSON is valid YAML.
 */
export function mlflowModelFiles(
  manifest: ModelManifest,
  golden: GoldenBatch,
  runId: string,
): Readonly<Record<string, Uint8Array>> {
  const mlmodel = {
    artifact_path: "model",
    flavors: {
      onnx: { data: MODEL_FILE, providers: ["CPUExecutionProvider"] },
      python_function: {
        loader_module: "mlflow.onnx",
        data: MODEL_FILE,
        env: { virtualenv: ENVIRONMENT_FILE },
      },
    },
    run_id: runId,
    saved_input_example_info: { artifact_path: EXAMPLE_FILE, type: "dataframe", pandas_orient: "split" },
    signature: {
      inputs: JSON.stringify(inputColumns(manifest)),
      outputs: JSON.stringify([column(manifest.output.name, "float")]),
      params: null,
    },
  };
  const example = { columns: manifest.features, data: golden.inputs.slice(0, EXAMPLE_ROWS) };
  const environment = { python: "3.11", dependencies: [`-r ${REQUIREMENTS_FILE}`] };
  return {
    MLmodel: json(mlmodel),
    [EXAMPLE_FILE]: json(example),
    [ENVIRONMENT_FILE]: json(environment),
    [REQUIREMENTS_FILE]: Buffer.from(REQUIREMENTS),
  };
}

/** Features in MLflow's types. As doubles, they also accept float32 frames; the model rounds back to float32. */
export function inputColumns({ features }: ModelManifest): readonly object[] {
  return features.map((name) => column(name, "double"));
}

const column = (name: string, type: "double" | "float"): object => ({ type, name, required: true });
const json = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
