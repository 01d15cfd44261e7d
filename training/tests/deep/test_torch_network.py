"""PyTorch's network on the feature vector is the same again for the same seed, and its ONNX file is the trained one."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import FEATURES, SPEC, columns, write_parquet
from tripline_training.errors import TrainingError
from tripline_training.networks import train_torch
from tripline_training.networks.network_params import TorchParams
from tripline_training.registry import registry
from tripline_training.trees.export_onnx import predict_onnx

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


def arguments(folder: Path, root: Path) -> list[str]:
    """For `train_torch`, on a file of features that is written into the folder."""
    spec, params = folder / "spec.yaml", folder / "params.json"
    spec.write_text(SPEC, encoding="utf-8")
    params.write_text(json.dumps(PARAMS.as_json()), encoding="utf-8")
    features = write_parquet(folder / "features.parquet", columns())
    return [
        *("--features", str(features), "--feature-spec", str(spec), "--params", str(params)),
        *("--registry", root.as_uri(), "--name", "fraud-torch", "--alias", "candidate"),
        *("--train-from", "1970-01-01", "--train-to", "1970-01-26"),
        *("--valid-from", "1970-02-02", "--valid-to", "1970-02-09"),
    ]


def test_the_command_publishes_what_scoring_serves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = arguments(tmp_path, tmp_path / "registry")
    train_torch.main(given)
    assert capsys.readouterr().out.splitlines()[-1].startswith("published: ")
    version = registry.resolve(tmp_path / "registry", "fraud-torch", "candidate")
    manifest = version.manifest
    assert (manifest["features"], manifest["feature_spec_version"]) == (FEATURES, 3)
    # Better than chance by far: fraud in the data follows amount and risk.
    assert manifest["metrics"]["valid"]["auc_roc"] > 0.75
    assert manifest["metrics"]["calibration"]["kind"] == "platt"
    assert manifest["metrics"]["export"]["compared_rows"] >= 3_500
    # It may decide, so it has what stands in for it.
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
        ({"width": 8}, "must hold exactly"),
        ({"fraud_weight": None}, "must hold exactly"),
    ],
)
def test_parameters_that_cannot_be_are_refused(tmp_path: Path, change: dict[str, int | None], said: str) -> None:
    given = arguments(tmp_path, tmp_path / "registry")
    params = {name: value for name, value in (PARAMS.as_json() | change).items() if value is not None}
    (tmp_path / "params.json").write_text(json.dumps(params), encoding="utf-8")
    with pytest.raises(TrainingError, match=said):
        train_torch.main(given)
    assert not (tmp_path / "registry").exists()
