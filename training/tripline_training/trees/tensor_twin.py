"""The tensor twin of a model: its trees as gathers, comparisons and sums, for which onnxruntime has CUDA kernels.

onnxruntime has no CUDA kernels for tree operators. All trees are walked at the same time, level by level. Each row has
one position per tree, so a run needs memory for rows x trees instead of rows x nodes. Shorter branches are padded to
the depth of the deepest tree. Comparisons and sums are the same as in the trees: in float32, and in the same order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tripline_training.errors import TrainingError
from tripline_training.trees.categories import TREES_DOMAIN, category_keys, tensor_encoder
from tripline_training.trees.export_onnx import edges_of, predict_onnx, rows_at, width_of

TREE_OPERATORS = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")
TWIN_DIFFERENCE_MAX = 1e-6
"""Maximum difference between the probabilities of a twin and of the trees for the same row."""
TWIN_EDGE_ROWS = 5_000
NODES_MAX = 2**21
"""For all trees, padded: 24 MB. A model with more has no twin."""
BESIDE_TRUE = {"BRANCH_LT": "GreaterOrEqual", "BRANCH_LEQ": "Greater"}
"""Maps the comparison for a split's true side to the comparison for its other side. No values are missing here."""


_Node = tuple[int, int]
"""Numbers of a tree and of a node in it."""


@dataclass(frozen=True)
class _Split:
    column: int
    """Of the features twice: first with missing values as -infinity, then as infinity, which take either side."""
    threshold: float
    when_true: int
    when_false: int


@dataclass(frozen=True)
class _Ensemble:
    """Trees padded to the same depth, as tables by level: entry tree * 2^level + place."""

    columns: list[NDArray[np.int32]]
    thresholds: list[NDArray[np.float32]]
    leaves: NDArray[np.float32]
    base: float
    comparison: str
    trees: int


def tensor_twin(model: bytes) -> bytes | None:
    """The twin; None for a model without trees, or with trees that are too large.

    The same model always produces the same bytes. Raises TrainingError for kinds of trees that our exporters do not
    produce.
    """
    given = onnx.load_model_from_string(model)
    width = width_of(model)
    nodes: list[NodeProto] = []
    tables: list[TensorProto] = []
    filled: dict[str, str] = {}
    for node in given.graph.node:
        if node.op_type == "LabelEncoder":
            nodes += tensor_encoder(node, tables)
            continue
        if node.op_type not in TREE_OPERATORS:
            nodes.append(node)
            continue
        ensemble = _read_ensemble(node, width)
        if ensemble is None:
            return None
        prefix = f"{node.output[-1]}_twin"
        # The members of a mean may have their own vocabularies, so their trees may read different tensors.
        read = node.input[0]
        if read not in filled:
            filled[read] = "twin" if not filled else f"twin{len(filled)}"
            nodes += _fill_missing(read, filled[read], tables)
        nodes += _walk(ensemble, prefix, f"{filled[read]}_features", tables)
        nodes += _output_of(node, prefix, tables)
    if not filled:
        return None
    graph = helper.make_graph(
        nodes, "fraud", given.graph.input, given.graph.output, [*given.graph.initializer, *tables]
    )
    opsets = [opset for opset in given.opset_import if opset.domain != TREES_DOMAIN]
    twin = helper.make_model(graph, opset_imports=opsets, producer_name="tripline", ir_version=given.ir_version)
    onnx.checker.check_model(twin)
    return bytes(twin.SerializeToString(deterministic=True))


def check_twin(model: bytes, twin: bytes, features: NDArray[np.float32], seed: int) -> tuple[int, float]:
    """Compares both models on `features` and on rows with the trees' thresholds, adjacent floats and special values.

    Special values are infinities and missing values. Returns the number of rows and the largest difference. Raises
    TrainingError if it exceeds 1e-6.
    """
    rows = np.concatenate([features, rows_at(_thresholds(model), TWIN_EDGE_ROWS, seed, extremes=(np.inf, -np.inf))])
    wanted, found = predict_onnx(model, rows), predict_onnx(twin, rows)
    # A network that is combined with the trees may return NaN for a missing value. In that case, both models must
    # return NaN.
    difference = np.where(np.isnan(wanted) & np.isnan(found), 0, np.abs(wanted - found))
    if not bool(np.all(difference <= TWIN_DIFFERENCE_MAX)):
        worst = int(np.argmax(np.nan_to_num(difference, nan=np.inf)))
        raise TrainingError(
            f"The tensor twin differs from its trees: row {worst} gives {found[worst]:.7g} instead of "
            f"{wanted[worst]:.7g} (at most {TWIN_DIFFERENCE_MAX:g} apart)."
        )
    return len(rows), float(difference.max())


def _read_ensemble(node: NodeProto, width: int) -> _Ensemble | None:
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    modes = {mode.decode() for mode in given["nodes_modes"]} - {"LEAF"}
    if len(modes) > 1 or not modes <= set(BESIDE_TRUE):
        raise TrainingError(f"Trees that compare by {', '.join(sorted(modes))} have no tensor twin.")
    splits, leaves = _splits_of(given, width), _leaves_of(given)
    roots = _roots(splits, leaves)
    levels = [roots]
    while any(key in splits for key in levels[-1]):
        if 2 * len(levels[-1]) > NODES_MAX:
            return None
        # A leaf is continued as both of its children.
        levels.append([child for key in levels[-1] for child in _children(key, splits)])
    if len(levels) == 1:
        levels.append([child for key in levels[-1] for child in _children(key, splits)])
    filler = _Split(0, 0.0, 0, 0)
    chosen = [[splits.get(key, filler) for key in level] for level in levels[:-1]]
    base = given.get("base_values") or [0.0]
    return _Ensemble(
        columns=[np.array([split.column for split in level], dtype=np.int32) for level in chosen],
        thresholds=[np.array([split.threshold for split in level], dtype=np.float32) for level in chosen],
        leaves=np.array([leaves[key] for key in levels[-1]], dtype=np.float32),
        base=float(base[-1]),
        comparison=BESIDE_TRUE[modes.pop()] if modes else "Greater",
        trees=len(roots),
    )


def _children(key: _Node, splits: Mapping[_Node, _Split]) -> tuple[_Node, _Node]:
    split = splits.get(key)
    return (key, key) if split is None else ((key[0], split.when_true), (key[0], split.when_false))


def _roots(splits: Mapping[_Node, _Split], leaves: Mapping[_Node, float]) -> list[_Node]:
    """The root of each tree, the node without a parent, in the order of the trees."""
    below = {
        child for key, split in splits.items() for child in ((key[0], split.when_true), (key[0], split.when_false))
    }
    return sorted((splits.keys() | leaves.keys()) - below)


def _splits_of(given: Mapping[str, Any], width: int) -> dict[_Node, _Split]:
    names = ("treeids", "nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids")
    columns = [given[f"nodes_{name}"] for name in names]
    tracks = given.get("nodes_missing_value_tracks_true") or [0] * len(columns[0])
    splits = {}
    for tree, at, mode, feature, threshold, true, false, is_missing_true in zip(*columns, tracks, strict=True):
        if mode == b"LEAF":
            continue
        if not np.isfinite(threshold):
            raise TrainingError(f"A split at {threshold} has no tensor twin: infinity stands for missing values there.")
        splits[tree, at] = _Split(feature if is_missing_true else width + feature, threshold, true, false)
    return splits


def _leaves_of(given: Mapping[str, Any]) -> dict[_Node, float]:
    kind = "target" if "target_weights" in given else "class"
    names = ("treeids", "nodeids", "weights")
    return {(tree, at): weight for tree, at, weight in zip(*(given[f"{kind}_{name}"] for name in names), strict=True)}


def _fill_missing(read: str, prefix: str, tables: list[TensorProto]) -> list[NodeProto]:
    tables.append(numpy_helper.from_array(np.array([-np.inf], dtype=np.float32), f"{prefix}_low"))
    tables.append(numpy_helper.from_array(np.array([np.inf], dtype=np.float32), f"{prefix}_high"))
    return [
        helper.make_node("IsNaN", [read], [f"{prefix}_missing"]),
        helper.make_node("Where", [f"{prefix}_missing", f"{prefix}_low", read], [f"{prefix}_missing_low"]),
        helper.make_node("Where", [f"{prefix}_missing", f"{prefix}_high", read], [f"{prefix}_missing_high"]),
        helper.make_node("Concat", [f"{prefix}_missing_low", f"{prefix}_missing_high"], [f"{prefix}_features"], axis=1),
    ]


def _walk(ensemble: _Ensemble, prefix: str, features: str, tables: list[TensorProto]) -> list[NodeProto]:
    """Computes the sum of each row's leaves from `features`: `<prefix>_margin`, [rows, 1]."""

    def table(name: str, values: NDArray[Any]) -> str:
        tables.append(numpy_helper.from_array(values, f"{prefix}_{name}"))
        return f"{prefix}_{name}"

    nodes: list[NodeProto] = []

    def step(operator: str, inputs: list[str], name: str, **attributes: int) -> str:
        nodes.append(helper.make_node(operator, inputs, [f"{prefix}_{name}"], **attributes))
        return f"{prefix}_{name}"

    two = table("two", np.array([2], dtype=np.int32))
    # The first level has one place per tree, so its tables are used directly; later levels gather from their tables.
    double = table("trees", np.arange(ensemble.trees, dtype=np.int32) * 2)
    at = ""
    for level, (columns, thresholds) in enumerate(zip(ensemble.columns, ensemble.thresholds, strict=True)):
        column, threshold = table(f"columns_{level}", columns), table(f"thresholds_{level}", thresholds)
        if level == 0:
            value = step("Gather", [features, column], "value_0", axis=1)
        else:
            column = step("Gather", [column, at], f"column_{level}", axis=0)
            threshold = step("Gather", [threshold, at], f"threshold_{level}", axis=0)
            value = step("GatherElements", [features, column], f"value_{level}", axis=1)
            double = step("Mul", [at, two], f"double_{level}")
        is_false = step(ensemble.comparison, [value, threshold], f"false_{level}")
        bit = step("Cast", [is_false], f"bit_{level}", to=TensorProto.INT32)
        at = step("Add", [double, bit], f"place_{level}")
    leaf = step("Gather", [table("leaves", ensemble.leaves), at], "leaf", axis=0)
    # Adds tree by tree, like the tree operator, because the rounding of a ReduceSum differs by 2e-6 for a thousand
    # trees.
    sums = step("CumSum", [leaf, table("axis", np.array(1, dtype=np.int64))], "sums")
    last = table("last", np.array([ensemble.trees - 1], dtype=np.int64))
    total = step("Gather", [sums, last], "total", axis=1)
    step("Add", [total, table("base", np.array([ensemble.base], dtype=np.float32))], "margin")
    return nodes


def _output_of(node: NodeProto, prefix: str, tables: list[TensorProto]) -> list[NodeProto]:
    """The output of the tree operator: the margin for a regressor, the probabilities of both classes for a classifier.
    """
    margin, output = f"{prefix}_margin", node.output[-1]
    if node.op_type == "TreeEnsembleRegressor":
        return [helper.make_node("Identity", [margin], [output])]
    tables.append(numpy_helper.from_array(np.array([1], dtype=np.float32), f"{prefix}_one"))
    return [
        helper.make_node("Sigmoid", [margin], [f"{prefix}_fraud"]),
        helper.make_node("Sub", [f"{prefix}_one", f"{prefix}_fraud"], [f"{prefix}_genuine"]),
        helper.make_node("Concat", [f"{prefix}_genuine", f"{prefix}_fraud"], [output], axis=1),
    ]


def _thresholds(model: bytes) -> list[NDArray[np.float32]]:
    """Each feature's split values in all trees of the model, and the known values of categories."""
    given = onnx.load_model_from_string(model)
    found: list[list[float]] = [[] for _ in range(width_of(model))]
    for node in given.graph.node:
        if node.op_type in TREE_OPERATORS:
            attributes = {attribute.name: attribute for attribute in node.attribute}
            names = ("featureids", "values", "modes")
            features, values, modes = (helper.get_attribute_value(attributes[f"nodes_{name}"]) for name in names)
            for feature, value, mode in zip(features, values, modes, strict=True):
                if mode != b"LEAF":
                    found[feature].append(value)
    for position, keys in category_keys(given).items():
        found[position] = keys
    return edges_of(found)
