"""Boosted trees as ONNX nodes with log odds as output, so that one graph can average and calibrate several."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost
from onnx import NodeProto, helper
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from tripline_training.errors import TrainingError
from tripline_training.trees.categories import TREES_DOMAIN
from tripline_training.trees.export_onnx import INPUT_NAME, OPSET

if TYPE_CHECKING:
    import lightgbm


def xgboost_node(booster: xgboost.Booster, output: str) -> NodeProto:
    """The converter's trees, as a regressor of the margin instead of a classifier."""
    converted = convert_xgboost(
        booster, initial_types=[(INPUT_NAME, FloatTensorType([None, booster.num_features()]))], target_opset=OPSET
    )
    trees = [node for node in converted.graph.node if node.op_type == "TreeEnsembleClassifier"]
    if len(trees) != 1:
        raise TrainingError("The converter did not return a single tree ensemble: this is not a binary classifier.")
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in trees[0].attribute}
    attributes: dict[str, Any] = {name: value for name, value in given.items() if name.startswith("nodes_")}
    for name in ("nodeids", "treeids", "weights"):
        attributes[f"target_{name}"] = given[f"class_{name}"]
    attributes["target_ids"] = [0] * len(given["class_ids"])
    base = given.get("base_values", [0.0])
    return _regressor(output, {**attributes, "base_values": [float(base[-1])]})


@dataclass
class _Columns:
    """Attributes of a tree ensemble, node by node."""

    tree: list[int] = field(default_factory=list)
    node: list[int] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    mode: list[str] = field(default_factory=list)
    true: list[int] = field(default_factory=list)
    false: list[int] = field(default_factory=list)
    cover: list[float] = field(default_factory=list)
    leaf_tree: list[int] = field(default_factory=list)
    leaf_node: list[int] = field(default_factory=list)
    leaf_weight: list[float] = field(default_factory=list)


def lightgbm_node(booster: "lightgbm.Booster", output: str) -> NodeProto:
    """Built from LightGBM's own dump, because its thresholds are doubles, and a converter that rounds them to the
    nearest float sends values at a threshold to the wrong side.
    """
    columns = _Columns()
    for number, tree in enumerate(booster.dump_model()["tree_info"]):
        _add_tree(columns, number, tree["tree_structure"])
    return _regressor(
        output,
        {
            "nodes_treeids": columns.tree,
            "nodes_nodeids": columns.node,
            "nodes_featureids": columns.feature,
            "nodes_values": columns.value,
            "nodes_modes": columns.mode,
            "nodes_truenodeids": columns.true,
            "nodes_falsenodeids": columns.false,
            "nodes_hitrates": columns.cover,
            "nodes_missing_value_tracks_true": [0] * len(columns.node),
            "target_treeids": columns.leaf_tree,
            "target_nodeids": columns.leaf_node,
            "target_weights": columns.leaf_weight,
            "target_ids": [0] * len(columns.leaf_node),
            "base_values": [0.0],
        },
    )


def float_below(threshold: float) -> float:
    """The largest float32 that does not exceed it. For float32 values, `<=` gives the same result as the double."""
    rounded = np.float32(threshold)
    return float(np.nextafter(rounded, np.float32(-np.inf)) if float(rounded) > threshold else rounded)


def _add_tree(columns: _Columns, number: int, root: dict[str, Any]) -> None:
    """Numbers the nodes in depth-first order, the left child immediately after its parent."""
    opened: list[tuple[dict[str, Any], int | None]] = [(root, None)]
    count = 0
    while opened:
        node, right_of = opened.pop()
        own, count = count, count + 1
        at = len(columns.node)
        if right_of is not None:
            columns.false[right_of] = own
        is_leaf = "leaf_value" in node
        if not is_leaf and node["decision_type"] != "<=":
            raise TrainingError(f"A split by {node['decision_type']} cannot be exported: features are numbers.")
        columns.tree.append(number)
        columns.node.append(own)
        columns.feature.append(0 if is_leaf else int(node["split_feature"]))
        columns.value.append(0.0 if is_leaf else float_below(float(node["threshold"])))
        columns.mode.append("LEAF" if is_leaf else "BRANCH_LEQ")
        columns.true.append(0 if is_leaf else own + 1)
        columns.false.append(0)
        columns.cover.append(float(node.get("leaf_count" if is_leaf else "internal_count", 0)))
        if is_leaf:
            columns.leaf_tree.append(number)
            columns.leaf_node.append(own)
            columns.leaf_weight.append(float(node["leaf_value"]))
        else:
            opened.append((node["right_child"], at))
            opened.append((node["left_child"], None))


def _regressor(output: str, attributes: dict[str, Any]) -> NodeProto:
    node = helper.make_node("TreeEnsembleRegressor", [INPUT_NAME], [output], name=output, domain=TREES_DOMAIN)
    every = {**attributes, "n_targets": 1, "aggregate_function": "SUM", "post_transform": "NONE"}
    node.attribute.extend(helper.make_attribute(name, value) for name, value in sorted(every.items()))
    return node
