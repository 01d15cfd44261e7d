"""The exported graph equals the trained model, on ordinary rows and on those that would reveal a wrong comparison."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import xgboost

from tripline_training.errors import TrainingError
from tripline_training.trees.export_onnx import check_export, edge_rows, predict_booster, predict_onnx, to_onnx
from tripline_training.trees.node_covers import CoveredNode, lightgbm_trees, node_covers, xgboost_trees


def grown(seed: int, depth: int, width: int = 5, trees: int = 40, with_missing: bool = False) -> xgboost.Booster:
    random = np.random.default_rng(seed)
    # Whole numbers give splits that rows hit exactly.
    features = np.round(random.normal(0, 3, (4_000, width))).astype(np.float32)
    score = features[:, 0] * features[:, 1] + features[:, 2] - 6
    fraud = random.random(4_000) < 1 / (1 + np.exp(-score))
    if with_missing:
        features[random.random(features.shape) < 0.2] = np.nan
    settings = {"objective": "binary:logistic", "max_depth": depth, "seed": seed, "nthread": 1, "learning_rate": 0.3}
    return xgboost.train(settings, xgboost.DMatrix(features, label=fraud), trees)


@pytest.mark.parametrize("with_missing", [False, True])
@pytest.mark.parametrize(("seed", "depth"), [(1, 1), (2, 3), (3, 6), (4, 10)])
def test_the_exported_model_equals_the_trained_one(seed: int, depth: int, with_missing: bool) -> None:
    booster = grown(seed, depth, with_missing=with_missing)
    rows, difference = check_export(booster, to_onnx(booster), edge_rows(booster, 2_000, seed + 100), seed)
    assert rows == 7_000
    assert difference <= 1e-5


def test_edge_rows_contain_thresholds_adjacent_and_missing_values() -> None:
    features = np.arange(100, dtype=np.float32)[:, None]
    stump = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 1, "nthread": 1, "tree_method": "exact"},
        xgboost.DMatrix(features, label=features[:, 0] >= 40),
        1,
    )
    values = np.unique(edge_rows(stump, 2_000, seed=1))
    threshold = np.float32(39.5)
    for value in (threshold, np.nextafter(threshold, np.float32(0)), np.nextafter(threshold, np.float32(99))):
        assert value in values
    assert bool(np.isnan(values).any())
    assert np.finfo(np.float32).max in values


def test_the_model_has_the_documented_inputs_and_outputs() -> None:
    session = onnxruntime.InferenceSession(to_onnx(grown(1, 3)), providers=["CPUExecutionProvider"])
    (given,), (result,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("features", "tensor(float)", [None, 5])
    assert (result.name, result.type, result.shape) == ("probability", "tensor(float)", [None, 1])


def test_quantising_does_not_change_trees(tmp_path: Path) -> None:
    """Thresholds and leaves are 32-bit floats by the operator's definition: there is no int8 or float16 variant."""
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 -- no other test needs it

    model = to_onnx(grown(1, 3))
    (tmp_path / "model.onnx").write_bytes(model)
    quantize_dynamic(tmp_path / "model.onnx", tmp_path / "int8.onnx", weight_type=QuantType.QInt8)
    (trees, pick), (same_trees, same_pick) = (
        onnx.load_from_string(content).graph.node for content in (model, (tmp_path / "int8.onnx").read_bytes())
    )
    assert (trees.attribute, pick.op_type) == (same_trees.attribute, same_pick.op_type)
    assert len((tmp_path / "int8.onnx").read_bytes()) >= len(model)


def test_the_same_model_gives_the_same_bytes() -> None:
    assert to_onnx(grown(2, 4)) == to_onnx(grown(2, 4))
    assert to_onnx(grown(2, 4)) != to_onnx(grown(3, 4))


def test_detects_less_or_equal_instead_of_less() -> None:
    booster = grown(1, 3)
    model = onnx.load_from_string(to_onnx(booster))
    for attribute in model.graph.node[0].attribute:
        if attribute.name == "nodes_modes":
            attribute.strings[:] = [mode.replace(b"BRANCH_LT", b"BRANCH_LEQ") for mode in attribute.strings]
    with pytest.raises(TrainingError, match="differs from the trained one"):
        check_export(booster, model.SerializeToString(), np.zeros((1, 5), np.float32), seed=1)


def test_detects_missing_values_on_the_wrong_side() -> None:
    booster = grown(1, 3, with_missing=True)
    model = onnx.load_from_string(to_onnx(booster))
    for attribute in model.graph.node[0].attribute:
        if attribute.name == "nodes_missing_value_tracks_true":
            attribute.ints[:] = [1 - side for side in attribute.ints]
    with pytest.raises(TrainingError, match="differs from the trained one"):
        check_export(booster, model.SerializeToString(), np.zeros((1, 5), np.float32), seed=1)


def test_detects_another_model() -> None:
    with pytest.raises(TrainingError, match="differs from the trained one"):
        check_export(grown(1, 3), to_onnx(grown(2, 3)), np.zeros((1, 5), np.float32), seed=1)


def test_an_unused_feature_remains_an_input() -> None:
    features = np.zeros((100, 3), np.float32)
    features[:, 0] = np.arange(100)
    booster = xgboost.train(
        {"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(features, label=features[:, 0] > 90), 3
    )
    np.testing.assert_allclose(predict_onnx(to_onnx(booster), features), predict_booster(booster, features), atol=1e-6)


@pytest.mark.parametrize("with_missing", [False, True])
def test_covers_are_those_of_each_node(with_missing: bool) -> None:
    booster = grown(3, 6, with_missing=with_missing)
    attributes = {one.name: one for one in onnx.load_from_string(to_onnx(booster)).graph.node[0].attribute}
    covers = dict(
        zip(
            zip(attributes["nodes_treeids"].ints, attributes["nodes_nodeids"].ints, strict=True),
            attributes["nodes_hitrates"].floats,
            strict=True,
        )
    )
    trees = [json.loads(tree) for tree in booster.get_dump(with_stats=True, dump_format="json")]
    compared = 0
    for tree_id, tree in enumerate(trees):
        # The converter numbers nodes in the nesting order of the dump.
        for node_id, node in enumerate(in_order(tree)):
            assert covers[tree_id, node_id] == pytest.approx(node["cover"], rel=1e-6)
            compared += 1
    assert compared == len(covers) > 1_000


def in_order(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(below for child in node.get("children", []) for below in in_order(child))]


def test_rejects_covers_of_another_model() -> None:
    ensemble = onnx.load_from_string(to_onnx(grown(1, 3))).graph.node[0]
    with pytest.raises(TrainingError, match="in the ONNX model differs from the trained one"):
        node_covers(ensemble, xgboost_trees(grown(2, 3)))
    with pytest.raises(TrainingError, match="40 trees and the trained one 39"):
        node_covers(ensemble, xgboost_trees(grown(1, 3))[:39])


def test_covers_of_a_lightgbm_dump_are_counts_of_rows() -> None:
    left = {"leaf_index": 0, "leaf_value": 0.1, "leaf_weight": 2.5, "leaf_count": 10}
    right = {"leaf_index": 1, "leaf_value": -0.1, "leaf_weight": 7.5, "leaf_count": 30}
    split = {"split_index": 0, "split_feature": 4, "threshold": 0.5, "decision_type": "<=", "internal_count": 40}
    grown_tree = {"tree_structure": {**split, "left_child": left, "right_child": right}}
    stump = {"tree_structure": {"leaf_value": 0.3}}
    leaves = (CoveredNode(10, None, ()), CoveredNode(30, None, ()))
    assert lightgbm_trees({"tree_info": [grown_tree, stump]}) == [
        CoveredNode(40, 4, leaves),
        CoveredNode(0, None, ()),
    ]
