"""Trees and a network as one model: published with everything a decision needs, and equal to the mean of both."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.conftest import DAY_MS, FEATURES, SPEC, MakeOptions, columns, write_parquet
from tripline_training import average_models as command
from tripline_training.average_models import average_models
from tripline_training.data.dataset import WEIGHT_COLUMN, Span
from tripline_training.errors import TrainingError
from tripline_training.networks.network_options import NetworkOptions
from tripline_training.registry import registry
from tripline_training.train import Outcome
from tripline_training.trees.export_onnx import predict_onnx
from tripline_training.trees.params import DEFAULT_PARAMS

NETWORKS = Path(__file__).parents[3] / "apps" / "scoring" / "test-models" / "networks" / "generated"


@pytest.fixture
def given(options: MakeOptions, outcome: Outcome, tmp_path: Path) -> NetworkOptions:
    """A registry with trees trained here, and a network that Keras trained on the same features."""
    plain = options()
    shutil.copytree(NETWORKS, tmp_path / "registry", dirs_exist_ok=True)
    valid = plain.valid
    assert valid is not None
    return NetworkOptions(
        features=plain.features,
        feature_spec=plain.feature_spec,
        registry=plain.registry,
        name="fraud",
        train=Span(valid.from_ms - 10 * DAY_MS, valid.from_ms - 7 * DAY_MS),
        valid=valid,
        known_by_ms=valid.from_ms,
        params=DEFAULT_PARAMS,
        seed=1,
        jobs=1,
        alias="challenger",
        commit=None,
        constant_online=(),
    )


def test_calibrates_with_the_weights_of_explored_payments(
    given: NetworkOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """regression #31: the calibration of averaged models ignored the weights of explored payments."""
    data = columns()
    weights = np.where(data["amount"] > 60, 20.0, 1.0)
    path = write_parquet(tmp_path / "weighted.parquet", {**data, WEIGHT_COLUMN: weights})

    def stop(_margins: np.ndarray, _fraud: np.ndarray, given_weights: np.ndarray | None = None) -> None:
        assert given_weights is not None
        assert set(given_weights) == {1.0, 20.0}
        raise TrainingError("calibrated with weights")

    monkeypatch.setattr(command, "fit_platt", stop)
    with pytest.raises(TrainingError, match="calibrated with weights"):
        average_models(["fraud@champion", "fraud-keras@candidate"], replace(given, features=path))


def test_the_published_model_is_complete_and_equals_the_mean_of_its_members(
    given: NetworkOptions, tmp_path: Path
) -> None:
    version = average_models(["fraud@champion", "fraud-keras@candidate"], given)
    root = registry.registry_root(given.registry)
    published = registry.resolve(root, "fraud", "challenger")
    assert published.version == version
    assert set(published.manifest["files"]) == {"model.onnx", "golden.json", "scorecard.json", "twin.onnx"}
    rows = np.array(published.golden["inputs"], dtype=np.float32)
    members = [registry.resolve(root, *name.split("@")).model for name in ("fraud@champion", "fraud-keras@candidate")]
    margins = [np.log(scores / (1 - scores)) for scores in (predict_onnx(one, rows) for one in members)]
    scores = predict_onnx(published.model, rows)
    order = np.argsort(np.mean(margins, axis=0))
    assert np.all(np.diff(scores[order]) >= -1e-6)
    assert np.abs(scores - np.array(published.golden["outputs"], dtype=np.float32)).max() <= 1e-5
    folder = tmp_path / "registry" / "models" / "fraud" / "versions" / version
    twin = (folder / "twin.onnx").read_bytes()
    assert np.abs(predict_onnx(twin, rows) - scores).max() <= 1e-6
    assert {opset.domain for opset in onnx.load_model_from_string(twin).opset_import} == {""}
    props = {prop.key: prop.value for prop in onnx.load_model_from_string(published.model).metadata_props}
    assert props["tripline.scorecard"] == json.loads((folder / "model.json").read_text())["files"]["scorecard.json"]


def test_rejects_members_with_other_columns(given: NetworkOptions, tmp_path: Path) -> None:
    other = tmp_path / "other-spec.yaml"
    other.write_text(SPEC.replace(FEATURES[-1], "terminal_fraud_rate_28d"), encoding="utf-8")
    with pytest.raises(TrainingError, match=r"Model fraud \w+ reads columns other than the features of spec 3"):
        average_models(["fraud@champion", "fraud-keras@candidate"], replace(given, feature_spec=other))
