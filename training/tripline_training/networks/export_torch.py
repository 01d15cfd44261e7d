"""A PyTorch network as ONNX: input `features` FP32 [-1, N], output `probability` FP32 [-1, 1]."""

import io
import logging
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tripline_training.errors import TrainingError
from tripline_training.networks.onnx_network import strip_model
from tripline_training.trees.export_onnx import INPUT_NAME, OUTPUT_NAME, Predict

NETWORK_OPSET = 18
PREDICT_ROWS = 4_096


def network_to_onnx(network: nn.Module, width: int) -> bytes:
    """The same network always produces the same bytes, on any machine."""
    example = torch.ones(2, width)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            network.eval(),
            (example,),
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            opset_version=NETWORK_OPSET,
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("rows")},),
            verbose=False,
        )
    if program is None:
        raise TrainingError("PyTorch exported nothing.")
    written = io.BytesIO()
    program.save(written)
    return strip_model(written.getvalue())


def predict_network(network: nn.Module) -> Predict:
    """PyTorch's own probabilities, computed on the CPU."""

    def predict(features: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            parts = [network(part)[:, 0].numpy() for part in torch.from_numpy(features).split(PREDICT_ROWS)]
        return np.concatenate(parts)

    return predict
