"""Combines the log odds of several models in one ONNX graph: their mean, calibrated, as a probability."""

import onnx
from onnx import NodeProto, TensorProto, helper

from tripline_training.errors import TrainingError
from tripline_training.trees.calibration import Platt
from tripline_training.trees.categories import TREES_DOMAIN
from tripline_training.trees.export_onnx import INPUT_NAME, OPSET, OUTPUT_NAME

UNCALIBRATED = Platt(1.0, 0.0)


def compose_onnx(members: list[NodeProto], width: int, platt: Platt = UNCALIBRATED) -> bytes:
    """probability = sigmoid(slope * mean of the members + intercept). The same members always produce the same bytes.

    Every member takes `features` and has one output with its own name, [-1, 1].
    """
    outputs = [node.output[0] for node in members]
    if not outputs or len(set(outputs)) != len(outputs):
        raise TrainingError("A model requires at least one member, and each member requires a separate output.")
    nodes = [
        *members,
        helper.make_node("Sum", outputs, ["total"], name="total"),
        helper.make_node("Mul", ["total", "slope"], ["scaled"], name="scale"),
        helper.make_node("Add", ["scaled", "intercept"], ["margin"], name="shift"),
        helper.make_node("Sigmoid", ["margin"], [OUTPUT_NAME], name="probability"),
    ]
    constants = {"slope": platt.slope / len(members), "intercept": platt.intercept}
    graph = helper.make_graph(
        nodes,
        "fraud",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor(name, TensorProto.FLOAT, [1], [value]) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(TREES_DOMAIN, 3)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="tripline", ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
