"""The tensor twin equals the trees, on ordinary rows and on those that would reveal a wrong comparison."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.core.test_export_onnx import grown
from tripline_training.errors import TrainingError
from tripline_training.models.compose_onnx import compose_onnx
from tripline_training.models.tree_nodes import xgboost_node
from tripline_training.trees import tensor_twin as twins
from tripline_training.trees.calibration import Platt
from tripline_training.trees.export_onnx import edge_rows, predict_onnx, to_onnx
from tripline_training.trees.tensor_twin import check_twin, tensor_twin

CUDA_OPERATORS = {
    *("Add", "Cast", "Concat", "CumSum", "Gather", "GatherElements", "Greater", "GreaterOrEqual", "Identity"),
    *("IsNaN", "Mul", "Sigmoid", "Sub", "Sum", "Where"),
}
"""The operators of a twin that onnxruntime's docs/OperatorKernels.md lists for CUDA, with the types that it uses."""


def twin_of(model: bytes) -> bytes:
    twin = tensor_twin(model)
    assert twin is not None
    return twin


@pytest.mark.parametrize("with_missing", [False, True])
@pytest.mark.parametrize(("seed", "depth"), [(1, 1), (2, 3), (3, 6), (4, 10)])
def test_returns_the_scores_of_the_trees(seed: int, depth: int, with_missing: bool) -> None:
    booster = grown(seed, depth, with_missing=with_missing)
    model = to_onnx(booster)
    count, difference = check_twin(model, twin_of(model), edge_rows(booster, 2_000, seed), seed)
    assert count == 7_000
    assert difference <= 1e-6


def test_infinite_and_missing_values_take_the_same_branches_as_in_the_trees() -> None:
    model = to_onnx(grown(5, 4, with_missing=True))
    values = np.array([np.nan, np.inf, -np.inf, 0, -0.0, 1e-45], dtype=np.float32)
    rows = np.array(np.meshgrid(*[values] * 5), dtype=np.float32).reshape(5, -1).T
    assert np.abs(predict_onnx(model, rows) - predict_onnx(twin_of(model), rows)).max() <= 1e-6


def test_sums_many_trees_in_their_original_order() -> None:
    model = to_onnx(grown(3, 6, trees=300))
    _, difference = check_twin(model, twin_of(model), np.zeros((1, 5), dtype=np.float32), 1)
    assert difference <= 5e-7


def test_has_only_operators_with_a_cuda_kernel() -> None:
    twin = onnx.load_model_from_string(twin_of(to_onnx(grown(3, 6))))
    assert {node.op_type for node in twin.graph.node} <= CUDA_OPERATORS
    assert [opset.domain for opset in twin.opset_import] == [""]


def test_memory_depends_on_rows_and_trees_but_not_on_nodes() -> None:
    """A step of 300 trees of depth 6 holds one value per row and tree."""
    booster = grown(3, 6, trees=300)
    twin = onnx.load_model_from_string(twin_of(to_onnx(booster)))
    assert len(twin.SerializeToString()) < 2_000_000
    inferred = onnx.shape_inference.infer_shapes(twin)
    widths = [dim.dim_value for value in inferred.graph.value_info for dim in value.type.tensor_type.shape.dim[1:]]
    assert max(widths) == 300


def test_evaluates_single_leaf_trees_and_trees_of_several_models() -> None:
    leaves = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["leaves"],
        domain="ai.onnx.ml",
        nodes_treeids=[0, 1],
        nodes_nodeids=[0, 0],
        nodes_featureids=[0, 0],
        nodes_values=[0.0, 0.0],
        nodes_modes=["LEAF", "LEAF"],
        nodes_truenodeids=[0, 0],
        nodes_falsenodeids=[0, 0],
        target_treeids=[0, 1],
        target_nodeids=[0, 0],
        target_ids=[0, 0],
        target_weights=[0.5, -2.0],
        base_values=[0.25],
        n_targets=1,
    )
    model = compose_onnx([leaves, xgboost_node(grown(1, 3), "trees")], 5, Platt(0.7, -1.0))
    check_twin(model, twin_of(model), np.zeros((1, 5), dtype=np.float32), 1)


@pytest.mark.parametrize("alias", ["champion", "challenger"])
def test_this_code_produces_the_twins_in_scoring_s_test_models(alias: str) -> None:
    models = Path(__file__).parents[3] / "apps" / "scoring" / "test-models"
    trees = models / "generated" / "models" / "fraud"
    version = (trees / "aliases" / alias).read_text().strip()
    twin = tensor_twin((trees / "versions" / version / "model.onnx").read_bytes())
    assert (models / "twins" / f"fraud-{alias}.onnx").read_bytes() == twin


def test_the_same_model_gives_the_same_bytes() -> None:
    assert twin_of(to_onnx(grown(2, 4))) == twin_of(to_onnx(grown(2, 4)))


def test_rejects_a_twin_that_differs() -> None:
    model, other = to_onnx(grown(2, 4)), twin_of(to_onnx(grown(3, 4)))
    with pytest.raises(TrainingError, match=r"The tensor twin differs from its trees: row \d+ gives"):
        check_twin(model, other, np.zeros((1, 5), dtype=np.float32), 1)


def test_detects_missing_values_on_the_wrong_side_of_a_twin() -> None:
    model = to_onnx(grown(5, 4, with_missing=True))
    twin = onnx.load_model_from_string(twin_of(model))
    low, high = (next(one for one in twin.graph.initializer if one.name == name) for name in ("twin_low", "twin_high"))
    low.raw_data, high.raw_data = high.raw_data, low.raw_data
    with pytest.raises(TrainingError, match="differs"):
        check_twin(model, twin.SerializeToString(), np.zeros((1, 5), dtype=np.float32), 1)


def test_large_trees_have_no_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twins, "NODES_MAX", 100)
    assert tensor_twin(to_onnx(grown(3, 6))) is None
