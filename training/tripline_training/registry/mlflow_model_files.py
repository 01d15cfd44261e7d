"""The files that make a version loadable with MLflow's `mlflow.pyfunc.load_model` and `mlflow.onnx.load_model`.

They are stored next to the files of the version. Only MLflow reads them, and no manifest lists them.
"""

import json
from collections.abc import Mapping
from typing import Any

from mlflow.models.model import Model
from mlflow.types.schema import ColSpec, Schema

from tripline_training.registry.names import GOLDEN_FILE, MODEL_FILE

EXAMPLE_ROWS = 5
"""Number of golden batch rows shown as an example."""
EXAMPLE_FILE = "input_example.json"
ENVIRONMENT_FILE = "python_env.yaml"
REQUIREMENTS_FILE = "requirements.txt"
REQUIREMENTS = "mlflow>=3\nonnx>=1.17\nonnxruntime>=1.20\n"
"""Opsets that MLflow's ONNX flavor imports; they include the operators of all models that this package exports."""


def mlflow_model_files(manifest: Mapping[str, Any], files: Mapping[str, bytes], run_id: str) -> dict[str, bytes]:
    """Files by name. JSON is also valid YAML."""
    model = Model(
        artifact_path="model",
        run_id=run_id,
        saved_input_example_info={"artifact_path": EXAMPLE_FILE, "type": "dataframe", "pandas_orient": "split"},
    )
    model.add_flavor("onnx", data=MODEL_FILE, providers=["CPUExecutionProvider"])
    environment = {"virtualenv": ENVIRONMENT_FILE}
    model.add_flavor("python_function", loader_module="mlflow.onnx", data=MODEL_FILE, env=environment)
    outputs = Schema([ColSpec("float", manifest["output"]["name"])])
    # The output of ModelSignature.to_dict, whose module needs pandas, which training does not.
    signature = {"inputs": input_schema(manifest).to_json(), "outputs": outputs.to_json(), "params": None}
    rows = json.loads(files[GOLDEN_FILE])["inputs"][:EXAMPLE_ROWS]
    return {
        "MLmodel": _json({**model.to_dict(), "signature": signature}),
        EXAMPLE_FILE: _json({"columns": manifest["features"], "data": rows}),
        ENVIRONMENT_FILE: _json({"python": "3.11", "dependencies": [f"-r {REQUIREMENTS_FILE}"]}),
        REQUIREMENTS_FILE: REQUIREMENTS.encode(),
    }


def input_schema(manifest: Mapping[str, Any]) -> Schema:
    """Features in MLflow's types. As doubles, so that float32 frames are also accepted; the model rounds back to
    float32.
    """
    return Schema([ColSpec("double", name) for name in manifest["features"]])


def _json(value: Any) -> bytes:  # noqa: ANN401
    return (json.dumps(value, indent=2) + "\n").encode()
