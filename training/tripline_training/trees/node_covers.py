"""How much training data reached each node of a tree ensemble, as its ONNX attribute `nodes_hitrates`.

Path-dependent TreeSHAP needs this attribute (https://arxiv.org/abs/1802.03888, Algorithm 2), but the converters do not
write it. onnxruntime reads the attribute but ignores it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import xgboost
from onnx import NodeProto

from tripline_training.errors import TrainingError

COVERS_ATTRIBUTE = "nodes_hitrates"


@dataclass(frozen=True)
class CoveredNode:
    """A node of a trained tree."""

    cover: float
    """Sum of the second derivatives of the loss over the rows that reached it (XGBoost), or their number (LightGBM)."""
    feature: int | None
    """The feature that a split compares; None for a leaf."""
    children: tuple["CoveredNode", ...]
    """For a split: the child if the comparison is true, then the child if it is false."""


def xgboost_trees(booster: xgboost.Booster) -> list[CoveredNode]:
    saved: dict[str, Any] = json.loads(bytes(booster.save_raw("json")))
    return [_xgboost_node(tree, 0) for tree in saved["learner"]["gradient_booster"]["model"]["trees"]]


def lightgbm_trees(dump: dict[str, Any]) -> list[CoveredNode]:
    """`dump` is the output of `lightgbm.Booster.dump_model()`."""
    return [_lightgbm_node(tree["tree_structure"]) for tree in dump["tree_info"]]


def node_covers(ensemble: NodeProto, trees: list[CoveredNode]) -> list[float]:
    """The covers of an ensemble's nodes, in the order in which its attributes name them.

    Both are walked together from their roots, because converters renumber nodes. An ensemble may have fewer trees:
    early stopping drops the last ones. Raises TrainingError if the ensemble does not consist of these trees.
    """
    columns = {attribute.name: attribute for attribute in ensemble.attribute}
    keys = zip(columns["nodes_treeids"].ints, columns["nodes_nodeids"].ints, strict=True)
    positions = {key: position for position, key in enumerate(keys)}
    feature_ids, modes = columns["nodes_featureids"].ints, columns["nodes_modes"].strings
    children = (columns["nodes_truenodeids"].ints, columns["nodes_falsenodeids"].ints)
    covers: list[float | None] = [None] * len(positions)
    roots = _roots(columns["nodes_treeids"].ints, columns["nodes_nodeids"].ints, modes, children)
    if any(tree_id >= len(trees) for tree_id in roots):
        raise TrainingError(f"The ONNX model has {len(roots)} trees and the trained one {len(trees)}.")
    opened = [(tree_id, node_id, trees[tree_id]) for tree_id, node_id in roots.items()]
    while opened:
        tree_id, node_id, node = opened.pop()
        position = positions[tree_id, node_id]
        feature = None if modes[position] == b"LEAF" else feature_ids[position]
        if feature != node.feature:
            raise TrainingError(f"Node {node_id} of tree {tree_id} in the ONNX model differs from the trained one.")
        covers[position] = node.cover
        opened += [(tree_id, ids[position], child) for ids, child in zip(children, node.children, strict=False)]
    found = [cover for cover in covers if cover is not None]
    if len(found) != len(covers):
        raise TrainingError(f"{len(covers) - len(found)} nodes of the ONNX model do not belong to a tree.")
    return found


def _roots(
    tree_ids: Sequence[int], node_ids: Sequence[int], modes: Sequence[bytes], children: Sequence[Sequence[int]]
) -> dict[int, int]:
    """The root of each tree, the node without a parent."""
    splits = [position for position, mode in enumerate(modes) if mode != b"LEAF"]
    below = {(tree_ids[position], ids[position]) for ids in children for position in splits}
    keys = zip(tree_ids, node_ids, strict=True)
    return {tree_id: node_id for tree_id, node_id in keys if (tree_id, node_id) not in below}


def _xgboost_node(tree: dict[str, Any], node: int) -> CoveredNode:
    # A row goes left if its value is less than the condition, which converters write as the true branch.
    left, right = tree["left_children"][node], tree["right_children"][node]
    if left == -1:
        return CoveredNode(tree["sum_hessian"][node], None, ())
    children = (_xgboost_node(tree, left), _xgboost_node(tree, right))
    return CoveredNode(tree["sum_hessian"][node], tree["split_indices"][node], children)


def _lightgbm_node(node: dict[str, Any]) -> CoveredNode:
    if "split_feature" not in node:
        # A tree with only one leaf has no count.
        return CoveredNode(float(node.get("leaf_count", 0)), None, ())
    children = (_lightgbm_node(node["left_child"]), _lightgbm_node(node["right_child"]))
    return CoveredNode(float(node["internal_count"]), node["split_feature"], children)
