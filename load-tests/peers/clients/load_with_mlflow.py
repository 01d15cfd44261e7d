"""Loads the champion of a registry by its alias and scores rows, using MLflow's own functions. Prints a line of JSON
per request: `asked`, `scores` if it returned scores, and `fault` if it failed.

Usage: load_with_mlflow.py <URL of the MLflow server> <model> <file with the golden batch>
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd


def attempt(asked: str, work: Callable[[], list[float] | None]) -> None:
    try:
        print(json.dumps({"asked": asked, "scores": work()}), flush=True)
    except Exception as error:
        print(json.dumps({"asked": asked, "fault": f"{type(error).__name__}: {error}"}), flush=True)


def main(url: str, name: str, inputs: list[list[float]]) -> None:
    mlflow.set_tracking_uri(url)
    uri = f"models:/{name}@champion"

    def predict() -> list[float]:
        model = mlflow.pyfunc.load_model(uri)
        features = model.metadata.get_input_schema().input_names()
        # MLflow matches columns by name, in any order. It rejects integers if the schema says double.
        rows = pd.DataFrame(inputs, columns=features, dtype=float)[features[::-1]]
        return model.predict(rows)["probability"].tolist()

    def load_onnx() -> None:
        [output] = mlflow.onnx.load_model(uri).graph.output
        assert output.name == "probability", output.name

    def read_registry() -> None:
        version = mlflow.MlflowClient().get_model_version_by_alias(name, "champion")
        assert version.status == "READY", version.status
        assert mlflow.get_run(version.run_id).data.metrics, "the run has no metrics"

    attempt("pyfunc: champion by alias, golden batch", predict)
    attempt("onnx flavour: champion by alias", load_onnx)
    attempt("client: version, run and metrics of the champion", read_registry)


if __name__ == "__main__":
    main(*sys.argv[1:3], json.loads(Path(sys.argv[3]).read_text())["inputs"])
