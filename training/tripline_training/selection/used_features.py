"""The features that a published version actually uses."""

import json
from collections.abc import Collection

import onnx
from onnx import helper

from tripline_training.data.dataset import Rows
from tripline_training.trees.tensor_twin import TREE_OPERATORS


def used_by_trees(model: bytes, scorecard: bytes | None, names: tuple[str, ...]) -> tuple[str, ...]:
    """In the order of `names`: the columns on which any tree splits, and the scorecard's columns."""
    used: set[int] = set()
    for node in onnx.load_model_from_string(model).graph.node:
        if node.op_type in TREE_OPERATORS:
            given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
            pairs = zip(given["nodes_featureids"], given["nodes_modes"], strict=True)
            used |= {feature for feature, mode in pairs if mode != b"LEAF"}
    return in_order({names[position] for position in used} | _of_scorecard(scorecard), names)


def used_by_network(rows: Rows, scorecard: bytes | None, names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that vary in the training rows, because the scaler multiplies the others by 0."""
    low, high = rows.features.min(axis=0), rows.features.max(axis=0)
    changing = {name for name, first, last in zip(names, low, high, strict=True) if first != last}
    return in_order(changing | _of_scorecard(scorecard), names)


def in_order(used: Collection[str], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name in used)


def _of_scorecard(scorecard: bytes | None) -> set[str]:
    return set() if scorecard is None else {part["name"] for part in json.loads(scorecard)["features"]}
