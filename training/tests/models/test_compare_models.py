"""Boosted trees of two libraries, their mean and its calibration in one ONNX graph, equal to the trained models."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.conftest import FEATURES, SPEC, columns, write_parquet
from tripline_training import compare_models as command
from tripline_training.compare_models import Trained, calibrate_members, check_onnx, lightgbm_edge_rows
from tripline_training.data.dataset import Rows
from tripline_training.errors import TrainingError
from tripline_training.models.compose_onnx import compose_onnx
from tripline_training.models.fit_lightgbm import fit_lightgbm, margins_of_lightgbm
from tripline_training.models.tree_nodes import float_below, lightgbm_node
from tripline_training.trees.calibration import Platt
from tripline_training.trees.export_onnx import predict_onnx
from tripline_training.trees.fit_trees import fit
from tripline_training.trees.params import Params

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")

PARAMS = Params(
    trees=40,
    max_depth=4,
    max_leaves=7,
    learning_rate=0.1,
    min_child_weight=1,
    subsample=0.8,
    colsample_bytree=0.7,
    genuine_share=1,
)


def rows_of(first: int, last: int) -> Rows:
    data = {name: values[first:last] for name, values in columns().items()}
    return Rows(
        ids=np.array(data["client_transaction_id"]),
        cards=np.array(data["card_token"]),
        occurred_at_ms=data["occurred_at_ms"],
        fraud=data["fraud"].astype(np.int64),
        features=np.column_stack([data[name] for name in FEATURES]).astype(np.float32),
    )


@pytest.fixture(scope="module")
def ensemble() -> Trained:
    rows = rows_of(0, 2000)
    return calibrate_members(fit(rows, PARAMS, 1, 1), fit_lightgbm(rows, PARAMS, 1, 1), rows_of(2000, 3000))


def test_the_graph_is_the_calibrated_mean_of_both(ensemble: Trained) -> None:
    later = rows_of(3000, 4000).features
    model = ensemble.to_onnx(len(FEATURES))
    scores = predict_onnx(model, later)
    assert ensemble.xgboost is not None and ensemble.lightgbm is not None
    by_hand = (
        ensemble.xgboost.inplace_predict(later, predict_type="margin")
        + ensemble.lightgbm.predict(later, raw_score=True)
    ) / 2
    expected = 1 / (1 + np.exp(-(ensemble.platt.slope * by_hand + ensemble.platt.intercept)))
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-5)
    assert ensemble.platt != Platt(1.0, 0.0)
    assert check_onnx(ensemble, model, later, seed=1) <= 1e-5
    graph = onnx.load_model_from_string(model).graph
    assert [node.op_type for node in graph.node].count("TreeEnsembleRegressor") == 2
    assert [d.dim_param or d.dim_value for d in graph.output[0].type.tensor_type.shape.dim][1] == 1
    assert predict_onnx(model, later[:1]).shape == (1,)


def test_explored_payments_count_in_the_calibration(ensemble: Trained) -> None:
    """regression #31: the calibration ignored the weights of explored payments."""
    held = rows_of(2000, 3000)
    heavy = replace(held, explored=np.where(held.fraud == 1, 20.0, 1.0))
    weighted = calibrate_members(ensemble.xgboost, ensemble.lightgbm, heavy)
    assert weighted.platt.intercept > ensemble.platt.intercept + 1


def test_the_same_rows_give_the_same_bytes(ensemble: Trained) -> None:
    rows = rows_of(0, 2000)
    again = calibrate_members(fit(rows, PARAMS, 1, 1), fit_lightgbm(rows, PARAMS, 1, 1), rows_of(2000, 3000))
    assert again.to_onnx(3) == ensemble.to_onnx(3)
    other = calibrate_members(fit(rows, PARAMS, 2, 1), fit_lightgbm(rows, PARAMS, 2, 1), rows_of(2000, 3000))
    assert other.to_onnx(3) != ensemble.to_onnx(3)
    assert other.lightgbm is not None and again.lightgbm is not None
    assert other.lightgbm.model_to_string() != again.lightgbm.model_to_string()


def test_values_at_a_threshold_take_the_same_branch_as_in_lightgbm(ensemble: Trained) -> None:
    """A threshold rounded up would send the float32 just above the double to the wrong side."""
    assert ensemble.lightgbm is not None
    rows = lightgbm_edge_rows(ensemble.lightgbm, 4000, seed=2)
    model = compose_onnx([lightgbm_node(ensemble.lightgbm, "trees")], len(FEATURES))
    expected = 1 / (1 + np.exp(-margins_of_lightgbm(ensemble.lightgbm, rows)))
    np.testing.assert_allclose(predict_onnx(model, rows), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("threshold", "below"), [(0.1, 0.09999999403953552), (0.5, 0.5), (-0.1, -0.10000000149011612)])
def test_float_below_returns_the_largest_float_up_to_the_threshold(threshold: float, below: float) -> None:
    assert float_below(threshold) == below
    assert below <= threshold < float(np.nextafter(np.float32(below), np.float32(np.inf)))


def test_rejects_a_model_that_is_not_the_trained_one(ensemble: Trained) -> None:
    wrong = Trained(ensemble.xgboost, ensemble.lightgbm, Platt(ensemble.platt.slope, ensemble.platt.intercept + 0.01))
    with pytest.raises(TrainingError, match="differs from the trained one by"):
        check_onnx(ensemble, wrong.to_onnx(3), rows_of(3000, 4000).features, seed=1)
    with pytest.raises(TrainingError, match="at least one member"):
        compose_onnx([], 3)


def test_the_command_compares_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, output = tmp_path / "spec.yaml", tmp_path / "model.onnx"
    spec.write_text(SPEC, encoding="utf-8")
    features = write_parquet(tmp_path / "features.parquet", columns())
    given = ["--features", str(features), "--feature-spec", str(spec), "--output", str(output), "--kind", "lightgbm"]
    days = ["--train-from", "1970-01-01", "--train-to", "1970-01-13", "--calibrate-from", "1970-01-14"]
    valid = ["--calibrate-to", "1970-01-20", "--valid-from", "1970-01-28", "--valid-to", "1970-02-02"]
    command.main([*given, *days, *valid])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("export: kind=lightgbm bytes=")
    assert [line.split()[0] for line in lines[2:]] == ["xgboost", "lightgbm", "ensemble", "scorecard"]
    # All have learned something: fraud in the data follows amount and risk.
    assert all(float(line.split()[2]) > 0.75 for line in lines[2:])
    assert predict_onnx(output.read_bytes(), rows_of(0, 5).features).shape == (5,)
    with pytest.raises(TrainingError, match="must be in this order"):
        command.main([*given, *days, *valid, "--valid-from", "1970-01-19"])
