"""An XGBoost model as ONNX: `features` FP32 [-1, N] to `probability` FP32 [-1, 1], checked against its trainer."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import xgboost
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from tripline_training.data.mapped_rows import chunks_of
from tripline_training.errors import TrainingError
from tripline_training.trees.calibration import predict_in_chunks
from tripline_training.trees.categories import TREES_DOMAIN, encoding_nodes, encoding_of
from tripline_training.trees.node_covers import COVERS_ATTRIBUTE, node_covers, xgboost_trees

INPUT_NAME = "features"
OUTPUT_NAME = "probability"
DIFFERENCE_MAX = 1e-5
"""Maximum difference between the probabilities of two runtimes for the same row."""
OPSET = 15
EDGE_ROWS = 5_000
FLOAT32_MAX = float(np.finfo(np.float32).max)

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A trainer's own probabilities, one per row."""


def to_onnx(booster: xgboost.Booster, metadata: Mapping[str, str] | None = None) -> bytes:
    """The same model and metadata always produce the same bytes. `booster` predicts the probability of one class."""
    width = booster.num_features()
    converted = convert_xgboost(
        booster, initial_types=[(INPUT_NAME, FloatTensorType([None, width]))], target_opset=OPSET
    )
    trees = [node for node in converted.graph.node if node.op_type == "TreeEnsembleClassifier"]
    if len(trees) != 1:
        raise TrainingError("The converter did not return a single tree ensemble: this is not a binary classifier.")
    # The converter outputs a label and the probabilities of both classes; only the second column is needed.
    encoding = encoding_of(booster)
    read, before, tables = INPUT_NAME, list[NodeProto](), list[TensorProto]()
    if encoding.vocabularies:
        read = "encoded"
        before, tables = encoding_nodes(encoding, width, INPUT_NAME, read)
    nodes = [
        helper.make_node(
            "TreeEnsembleClassifier",
            [read],
            ["label", "probabilities"],
            name="trees",
            domain=TREES_DOMAIN,
        ),
        helper.make_node("Gather", ["probabilities", "fraud_column"], [OUTPUT_NAME], name="pick", axis=1),
    ]
    # With the covers, the model file alone is sufficient to explain its scores.
    covers = helper.make_attribute(COVERS_ATTRIBUTE, node_covers(trees[0], xgboost_trees(booster)))
    nodes[0].attribute.extend(sorted([*trees[0].attribute, covers], key=lambda attribute: attribute.name))
    graph = helper.make_graph(
        [*before, *nodes],
        "fraud",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor("fraud_column", TensorProto.INT64, [1], [1]), *tables],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(TREES_DOMAIN, 3)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="tripline", ir_version=8)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def width_of(model: bytes) -> int:
    """Columns of a model's input."""
    return int(onnx.load_model_from_string(model).graph.input[0].type.tensor_type.shape.dim[1].dim_value)


def predict_booster(booster: xgboost.Booster, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """XGBoost's own probabilities, one per row."""
    return predict_in_chunks(booster, features)


def predict_onnx(model: bytes, features: NDArray[np.float32]) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    scores = np.empty(len(features), np.float32)
    for part in chunks_of(len(features)):
        (output,) = session.run([OUTPUT_NAME], {INPUT_NAME: features[part]})
        scores[part] = output[:, 0]
    return scores


def check_export(booster: xgboost.Booster, model: bytes, features: NDArray[np.float32], seed: int) -> tuple[int, float]:
    """Compares both runtimes on `features` and on rows with the model's own thresholds, adjacent floats, and extremes.

    Returns the number of rows, at least 5,000, and the largest difference. Raises TrainingError if it exceeds 1e-5.
    """
    rows = np.concatenate([features, edge_rows(booster, EDGE_ROWS, seed)])
    return check_rows(lambda given: predict_booster(booster, given), model, rows)


def check_rows(predict: Predict, model: bytes, rows: NDArray[np.float32]) -> tuple[int, float]:
    """The number of rows, and the largest ONNX-to-trainer difference. Raises TrainingError if it exceeds 1e-5."""
    difference = np.abs(predict(rows) - predict_onnx(model, rows))
    if not bool(np.all(difference <= DIFFERENCE_MAX)):
        worst = int(np.argmax(np.nan_to_num(difference, nan=np.inf)))
        raise TrainingError(
            f"The ONNX model differs from the trained one: row {worst} differs by {difference[worst]:.3g} "
            f"(at most {DIFFERENCE_MAX:g}): {rows[worst].tolist()}."
        )
    return len(rows), float(difference.max())


def edge_rows(booster: xgboost.Booster, count: int, seed: int) -> NDArray[np.float32]:
    """Rows that reveal a wrong comparison: each value is a threshold of its feature, an adjacent float, or extreme."""
    return rows_at(_thresholds(booster), count, seed)


def rows_at(
    thresholds: list[NDArray[np.float32]], count: int, seed: int, extremes: Sequence[float] = ()
) -> NDArray[np.float32]:
    """The same for the thresholds of each feature, and for `extremes` that XGBoost does not accept: infinite values."""
    random = np.random.default_rng(seed)
    always = np.array([0, -0.0, 1, -1, FLOAT32_MAX, -FLOAT32_MAX, 1e-45, np.nan, *extremes], dtype=np.float32)
    columns = []
    for edges in thresholds:
        beside = [np.nextafter(edges, np.float32(side)) for side in (-np.inf, np.inf)]
        columns.append(random.choice(np.concatenate([edges, *beside, always]), count))
    return np.column_stack(columns).astype(np.float32)


def edges_of(values: list[list[float]]) -> list[NDArray[np.float32]]:
    """Each feature's distinct split values, ascending."""
    return [np.unique(np.array(of_feature, dtype=np.float32)) for of_feature in values]


def _thresholds(booster: xgboost.Booster) -> list[NDArray[np.float32]]:
    """Each feature's split values, and the known values of categories."""
    saved: dict[str, Any] = json.loads(bytes(booster.save_raw("json")))
    found: list[list[float]] = [[] for _ in range(booster.num_features())]
    for tree in saved["learner"]["gradient_booster"]["model"]["trees"]:
        splits = zip(tree["left_children"], tree["split_indices"], tree["split_conditions"], strict=True)
        for left_child, feature, threshold in splits:
            if left_child != -1:
                found[feature].append(threshold)
    encoding = encoding_of(booster)
    known = [encoding.edges(position) for position in range(len(found))]
    return [edges if own is None else own for edges, own in zip(edges_of(found), known, strict=True)]
