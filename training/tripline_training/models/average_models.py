"""Combines several published models, trees or networks, in one ONNX graph: the mean of their log odds, calibrated."""

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper

from tripline_training.errors import TrainingError
from tripline_training.trees.calibration import Platt
from tripline_training.trees.export_onnx import INPUT_NAME, OPSET, OUTPUT_NAME, predict_onnx, width_of

SMALLEST = 1e-6
"""Probabilities are clipped to at least this and at most 1 minus this, so that their log odds are finite."""


def average_onnx(members: Sequence[bytes], platt: Platt) -> bytes:
    """Raises TrainingError for models that read different columns or were exported for different opsets."""
    models = [onnx.load_model_from_string(member) for member in members]
    if len(models) < 2 or len({width_of(member) for member in members}) != 1:
        raise TrainingError("Two or more models with the same number of columns are required.")
    opsets: dict[str, int] = {}
    for opset in (one for model in models for one in model.opset_import):
        opsets[opset.domain] = max(opset.version, opsets.get(opset.domain, 0))
    # The few operators that are added here have the same meaning in all later opsets.
    found = {opset.version for model in models for opset in model.opset_import if opset.domain == ""} - {OPSET}
    if len(found) > 1:
        raise TrainingError(f"The networks were exported for the opsets {sorted(found)}: use the same opset for all.")
    opsets[""] = max([OPSET, *found])
    constants = {"one": 1.0, "low": SMALLEST, "high": 1 - SMALLEST}
    constants |= {"slope": platt.slope / len(models), "intercept": platt.intercept}
    nodes, tables = [], [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in constants.items()]
    for number, model in enumerate(models):
        own = compose.add_prefix(model, f"member{number}_").graph
        for node in own.node:
            node.input[:] = [INPUT_NAME if name == own.input[0].name else name for name in node.input]
        nodes += [*own.node, *_log_odds(own.output[0].name, f"margin{number}")]
        tables += own.initializer
    nodes += [
        helper.make_node("Sum", [f"margin{number}" for number in range(len(models))], ["total"]),
        helper.make_node("Mul", ["total", "slope"], ["scaled"]),
        helper.make_node("Add", ["scaled", "intercept"], ["margin"]),
        helper.make_node("Sigmoid", ["margin"], [OUTPUT_NAME]),
    ]
    given = helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["rows", width_of(members[0])])
    result = helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["rows", 1])
    graph = helper.make_graph(nodes, "fraud", [given], [result], tables)
    imports = [helper.make_opsetid(domain, version) for domain, version in sorted(opsets.items())]
    ir_version = max(model.ir_version for model in models)
    average = helper.make_model(graph, opset_imports=imports, producer_name="tripline", ir_version=ir_version)
    onnx.checker.check_model(average)
    return bytes(average.SerializeToString(deterministic=True))


def average_margins(members: Sequence[bytes], features: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean of the members' log odds for each row, before calibration."""
    scores = [np.clip(predict_onnx(member, features).astype(np.float64), SMALLEST, 1 - SMALLEST) for member in members]
    mean: NDArray[np.float64] = np.mean([np.log(score / (1 - score)) for score in scores], axis=0)
    return mean


def _log_odds(probability: str, output: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Clip", [probability, "low", "high"], [f"{output}_clipped"]),
        helper.make_node("Sub", ["one", f"{output}_clipped"], [f"{output}_other"]),
        helper.make_node("Div", [f"{output}_clipped", f"{output}_other"], [f"{output}_odds"]),
        helper.make_node("Log", [f"{output}_odds"], [output]),
    ]
