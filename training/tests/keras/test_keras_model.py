"""Keras's network is identical for the same seed, and its ONNX file equals the trained network."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.conftest import DAY_MS, FEATURES, network_arguments
from tripline_training import train_keras
from tripline_training.data.dataset import Rows
from tripline_training.errors import TrainingError
from tripline_training.networks.keras_network import (
    FittedKeras,
    fit_calibrated_keras,
    keras_to_onnx,
    predict_keras,
)
from tripline_training.networks.network_params import NetworkParams
from tripline_training.networks.onnx_network import check_network
from tripline_training.registry import registry
from tripline_training.trees.export_onnx import predict_onnx

PARAMS = NetworkParams(
    hidden=16, dropout=0.1, epochs=6, patience=2, batch_rows=128, learning_rate=0.01, genuine_share=1
)


@pytest.fixture(scope="module")
def fitted(rows: Rows) -> FittedKeras:
    return fit_calibrated_keras(rows, PARAMS, 1, 1, 7 * DAY_MS)


def test_the_onnx_file_equals_the_trained_network(rows: Rows, fitted: FittedKeras) -> None:
    assert fitted.calibration.kind == "platt"
    model = keras_to_onnx(fitted.model)
    count, difference = check_network(predict_keras(fitted.model), model, rows.features, seed=1)
    assert count >= 3_500
    assert difference <= 1e-5
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (given,), (result,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("features", "tensor(float)", ["rows", len(FEATURES)])
    assert (result.name, result.type, result.shape) == ("probability", "tensor(float)", ["rows", 1])
    assert {opset.domain for opset in onnx.load_model_from_string(model).opset_import} <= {"", "ai.onnx.ml"}
    with pytest.raises(TrainingError, match="differs from the trained one"):
        check_network(lambda features: predict_keras(fitted.model)(features) + 0.001, model, rows.features, seed=1)


def test_the_same_seed_gives_the_same_bytes(rows: Rows, fitted: FittedKeras) -> None:
    content = keras_to_onnx(fitted.model)
    assert keras_to_onnx(fit_calibrated_keras(rows, PARAMS, 1, 1, 7 * DAY_MS).model) == content
    assert keras_to_onnx(fit_calibrated_keras(rows, PARAMS, 2, 1, 7 * DAY_MS).model) != content


def arguments(folder: Path, root: Path) -> list[str]:
    return network_arguments(folder, root, "fraud-keras", PARAMS.as_json())


def test_the_command_publishes_a_model_that_scoring_serves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train_keras.main(arguments(tmp_path, tmp_path / "registry"))
    assert capsys.readouterr().out.splitlines()[-1].startswith("published: ")
    version = registry.resolve(tmp_path / "registry", "fraud-keras", "candidate")
    assert version.manifest["features"] == FEATURES
    # Much better than chance: fraud in the data follows amount and risk.
    assert version.manifest["metrics"]["valid"]["auc_roc"] > 0.75
    assert version.manifest["metrics"]["export"]["operators"]
    outputs = predict_onnx(version.model, np.array(version.golden["inputs"], dtype=np.float32))
    assert np.abs(outputs - np.array(version.golden["outputs"])).max() <= 1e-5
