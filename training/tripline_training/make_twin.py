"""Writes the tensor twin of a model's trees, for a version that was published without one, or for a benchmark.

python -m tripline_training.make_twin --model model.onnx --output twin.onnx
"""

import argparse
from pathlib import Path

import numpy as np

from tripline_training.errors import TrainingError, run_command
from tripline_training.trees.export_onnx import width_of
from tripline_training.trees.tensor_twin import check_twin, tensor_twin


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="tripline_training.make_twin", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="ONNX file of the trees")
    parser.add_argument("--output", type=Path, required=True, help="file for the twin")
    parser.add_argument("--seed", type=int, default=1, help="seed of the rows on which the two are compared")
    given = parser.parse_args(arguments)
    model = given.model.read_bytes()
    twin = tensor_twin(model)
    if twin is None:
        raise TrainingError(f"{given.model} has no tensor twin: it has no trees, or its trees are too large.")
    count, difference = check_twin(model, twin, np.zeros((1, width_of(model)), dtype=np.float32), given.seed)
    given.output.write_bytes(twin)
    print(f"twin: bytes={len(twin)} compared_rows={count} difference_max={difference:.2g}")


if __name__ == "__main__":
    run_command(main)
