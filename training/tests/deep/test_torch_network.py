"""PyTorch's network on the feature vector is identical for the same seed, and its ONNX file equals the network."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from tests.conftest import DAY_MS, FEATURES, network_arguments
from tripline_training.data.dataset import Rows
from tripline_training.errors import TrainingError
from tripline_training.networks import train_torch
from tripline_training.networks.export_torch import network_to_onnx, predict_network
from tripline_training.networks.fit_torch import (
    FittedTorch,
    Setting,
    fit_calibrated_torch,
    fit_torch,
    margins_of_torch,
    prepare_torch,
)
from tripline_training.networks.network_params import TorchParams
from tripline_training.networks.onnx_network import check_network, odd_rows
from tripline_training.registry import registry
from tripline_training.trees.export_onnx import predict_onnx
from tripline_training.trees.fit_calibrated import select_rows

PARAMS = TorchParams(
    hidden=16,
    dropout=0.1,
    epochs=6,
    patience=2,
    batch_rows=128,
    learning_rate=0.01,
    genuine_share=1,
    learning_rate_decay=0.9,
    weight_decay=0.01,
    fraud_weight=1,
)


@pytest.fixture(scope="module")
def setting() -> Setting:
    return Setting(PARAMS, 1, prepare_torch(1))


@pytest.fixture(scope="module")
def fitted(rows: Rows, setting: Setting) -> FittedTorch:
    return fit_calibrated_torch(rows, setting, 7 * DAY_MS)


def test_the_onnx_file_equals_the_trained_network(rows: Rows, fitted: FittedTorch) -> None:
    assert (fitted.calibration.kind, fitted.calibration.days) == ("platt", 6)
    model = network_to_onnx(fitted.network, len(FEATURES))
    features = rows.features
    count, difference = check_network(predict_network(fitted.network), model, features, seed=1)
    assert count >= 3_500
    assert difference <= 1e-5
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (given,), (result,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("features", "tensor(float)", ["rows", len(FEATURES)])
    assert (result.name, result.type, result.shape) == ("probability", "tensor(float)", ["rows", 1])
    assert predict_onnx(model, features[:0]).shape == (0,)
    # A row's score does not depend on the other rows.
    alone = np.concatenate([predict_onnx(model, features[row : row + 1]) for row in range(50)])
    np.testing.assert_allclose(alone, predict_onnx(model, features)[:50], rtol=0, atol=1e-6)
    assert bool(np.isfinite(predict_onnx(model, odd_rows(features, 2_000, 7))).all())
    with pytest.raises(TrainingError, match="differs from the trained one"):
        check_network(lambda given: predict_network(fitted.network)(given) + 0.001, model, features, seed=1)


def test_the_file_does_not_reveal_where_it_was_made(fitted: FittedTorch) -> None:
    content = network_to_onnx(fitted.network, len(FEATURES))
    for trace in (b"site-packages", b"tripline_training", str(Path.home()).encode(), b"pkg.torch"):
        assert trace not in content
    model = onnx.load_model_from_string(content)
    assert (model.producer_name, model.producer_version) == ("tripline", "")


def test_the_same_seed_gives_the_same_bytes(rows: Rows, setting: Setting, fitted: FittedTorch) -> None:
    content = network_to_onnx(fitted.network, len(FEATURES))
    again, other = (fit_calibrated_torch(rows, replace(setting, seed=seed), 7 * DAY_MS) for seed in (1, 2))
    assert network_to_onnx(again.network, len(FEATURES)) == content
    assert network_to_onnx(other.network, len(FEATURES)) != content


def test_labels_of_held_out_days_only_determine_when_to_stop(rows: Rows, setting: Setting) -> None:
    """Training does not learn from the measured days: other labels on those days give the same weights."""
    place = np.arange(len(rows))
    earlier, held = select_rows(rows, place < 1_500), select_rows(rows, place >= 2_000)
    plain = fit_torch(earlier, held, setting)
    stopped = fit_torch(earlier, replace(held, fraud=1 - held.fraud), setting)
    assert stopped.epochs != plain.epochs
    alone = fit_torch(earlier, None, setting, epochs=plain.epochs)
    np.testing.assert_array_equal(
        margins_of_torch(alone.network, held.features), margins_of_torch(plain.network, held.features)
    )
    for name, value in fit_torch(earlier, None, setting, epochs=stopped.epochs).network.state_dict().items():
        assert torch.equal(value, stopped.network.state_dict()[name]), name


def arguments(folder: Path, root: Path) -> list[str]:
    return network_arguments(folder, root, "fraud-torch", PARAMS.as_json())


def test_the_command_publishes_a_model_that_scoring_serves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = arguments(tmp_path, tmp_path / "registry")
    train_torch.main(given)
    assert capsys.readouterr().out.splitlines()[-1].startswith("published: ")
    version = registry.resolve(tmp_path / "registry", "fraud-torch", "candidate")
    manifest = version.manifest
    assert (manifest["features"], manifest["feature_spec_version"]) == (FEATURES, 3)
    # Much better than chance: fraud in the data follows amount and risk.
    assert manifest["metrics"]["valid"]["auc_roc"] > 0.75
    assert manifest["metrics"]["calibration"]["kind"] == "platt"
    assert manifest["metrics"]["export"]["compared_rows"] >= 3_500
    # The model may decide, so it has a fallback scorecard.
    assert registry.SCORECARD_FILE in manifest["files"]
    outputs = predict_onnx(version.model, np.array(version.golden["inputs"], dtype=np.float32))
    assert np.abs(outputs - np.array(version.golden["outputs"])).max() <= 1e-5
    # A version is named after its bytes.
    train_torch.main(given)
    assert registry.resolve(tmp_path / "registry", "fraud-torch", "candidate").version == version.version
    train_torch.main([*given, "--seed", "2"])
    assert registry.resolve(tmp_path / "registry", "fraud-torch", "candidate").version != version.version


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden": 3}, "hidden must be"),
        ({"width": 8}, "must contain exactly"),
        ({"fraud_weight": None}, "must contain exactly"),
    ],
)
def test_rejects_impossible_parameters(tmp_path: Path, change: dict[str, int | None], said: str) -> None:
    given = arguments(tmp_path, tmp_path / "registry")
    params = {name: value for name, value in (PARAMS.as_json() | change).items() if value is not None}
    (tmp_path / "params.json").write_text(json.dumps(params), encoding="utf-8")
    with pytest.raises(TrainingError, match=said):
        train_torch.main(given)
    assert not (tmp_path / "registry").exists()
