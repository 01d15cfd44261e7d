"""Networks as ONNX, from any library: the same bytes on any machine, checked against the trained network."""

import numpy as np
import onnx
from numpy.typing import NDArray

from tripline_training.trees.export_onnx import FLOAT32_MAX, Predict, check_rows


def strip_model(content: bytes) -> bytes:
    """Removes details of where the model was made: source files, stack traces, the exporter's version.

    The name of a version in the registry is derived from these bytes.
    """
    model = onnx.load_model_from_string(content)
    model.producer_name, model.producer_version, model.doc_string = "tripline", "", ""
    del model.metadata_props[:]
    graph = model.graph
    graph.name, graph.doc_string = "fraud", ""
    for entry in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        entry.doc_string = ""
        del entry.metadata_props[:]
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        rows = value.type.tensor_type.shape.dim[0]
        rows.Clear()
        rows.dim_param = "rows"
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def operators_of(content: bytes) -> dict[str, object]:
    """The opsets and operators that the model requires from a runtime, for the manifest."""
    model = onnx.load_model_from_string(content)
    return {
        "opsets": {opset.domain or "ai.onnx": opset.version for opset in model.opset_import},
        "operators": sorted({node.op_type for node in model.graph.node}),
    }


def check_network(predict: Predict, model: bytes, features: NDArray[np.float32], seed: int) -> tuple[int, float]:
    """Compares both runtimes on these rows and on rows of extreme and mixed values.

    Returns the number of rows, at least 5,000, and the largest difference. Raises TrainingError if it exceeds 1e-5.
    """
    odd = odd_rows(features, max(1_000, 5_000 - len(features)), seed)
    return check_rows(predict, model, np.concatenate([features, odd]))


def odd_rows(features: NDArray[np.float32], count: int, seed: int) -> NDArray[np.float32]:
    """Each value is taken from its column in a random row. One value in twenty is an extreme instead."""
    random = np.random.default_rng(seed)
    extremes = np.array([0, -0.0, 1, -1, FLOAT32_MAX, -FLOAT32_MAX, 1e-45], dtype=np.float32)
    places = random.integers(0, len(features), (count, features.shape[1]))
    mixed = features[places, np.arange(features.shape[1])]
    return np.where(random.random(mixed.shape) < 0.05, random.choice(extremes, mixed.shape), mixed)
