"""Smaller numbers: a network with 8-bit or 16-bit weights, how far its scores are off and whether it is faster.

Products of matrices are all that changes: amounts and seconds would be too large for `float16`. onnxruntime's own tools
make the 8-bit ones: `int8` has the ranges of its activations from training rows; `int8-dynamic` takes them from each
batch, so that a row's score depends on the rows beside it. Its converter to `float16` is not used: it stores what is
between the operators that it leaves alone as 16-bit numbers, too, beginning with the input.
"""

import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from sklearn.metrics import average_precision_score

from tripline_training.trees.export_onnx import INPUT_NAME, OUTPUT_NAME, predict_onnx

QUANTISED = ["MatMul", "Gemm"]
"""Where the work is; the scaling, the softmax and the sigmoid stay as they are."""
CALIBRATION_ROWS = 2_048
TIMED_SECONDS = 1.0
BATCH_ROWS = 256


@dataclass(frozen=True)
class Variant:
    name: str
    model: bytes
    average_precision: float
    average_precision_delta: float
    difference_max: float
    """From the float32 model, on the rows that it was measured on."""
    batch_difference_max: float
    """Between a row's score alone and among others."""
    row_us_b1: float
    row_us_b256: float

    def as_json(self) -> dict[str, float | int]:
        return {
            "bytes": len(self.model),
            "ap_delta": self.average_precision_delta,
            "difference_max": self.difference_max,
            "batch_difference_max": self.batch_difference_max,
            "row_us_b1": self.row_us_b1,
            "row_us_b256": self.row_us_b256,
        }


def measure_variants(
    model: bytes, known: NDArray[np.float32], later: NDArray[np.float32], fraud: NDArray[np.int64]
) -> list[Variant]:
    """The float32 model and its variants on `later` rows; ranges of activations come from `known` ones."""
    made = {"float32": model, **make_variants(model, known[:: max(1, len(known) // CALIBRATION_ROWS)])}
    plain = predict_onnx(model, later)
    precision = float(average_precision_score(fraud, plain))
    found = []
    for name, content in made.items():
        scores = predict_onnx(content, later)
        broken = int((~np.isfinite(scores)).sum())
        if broken:
            print(f"variant {name}: left out, {broken} of {len(scores)} scores are not finite")
            continue
        own = float(average_precision_score(fraud, scores))
        alone = np.concatenate([predict_onnx(content, later[row : row + 1]) for row in range(min(64, len(later)))])
        found.append(
            Variant(
                name=name,
                model=content,
                average_precision=own,
                average_precision_delta=own - precision,
                difference_max=float(np.abs(scores - plain).max()),
                batch_difference_max=float(np.abs(alone - scores[: len(alone)]).max()),
                row_us_b1=time_rows(content, later[:1]),
                row_us_b256=time_rows(content, later[:BATCH_ROWS]),
            )
        )
    return found


def make_variants(model: bytes, rows: NDArray[np.float32]) -> dict[str, bytes]:
    """By name. `rows` are such as the model was trained on."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain, ready, made = (Path(folder) / name for name in ("plain.onnx", "ready.onnx", "made.onnx"))
        plain.write_bytes(model)
        quant_pre_process(plain, ready, skip_symbolic_shape=True)
        options = {"per_channel": True, "weight_type": QuantType.QInt8, "op_types_to_quantize": QUANTISED}
        quantize_static(
            ready,
            made,
            _Reader(rows),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            **options,
        )
        static = made.read_bytes()
        quantize_dynamic(ready, made, **options)
        dynamic = made.read_bytes()
    return {"int8": static, "int8-dynamic": dynamic, "float16": _with_half_products(model)}


def _with_half_products(model: bytes) -> bytes:
    """Its products of matrices take and give 16-bit numbers; weights are stored as such."""
    changed = onnx.load_model_from_string(model)
    weights = {weight.name: weight for weight in changed.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    cast: set[str] = set()
    for node in changed.graph.node:
        if node.op_type not in QUANTISED:
            nodes.append(node)
            continue
        for at, name in enumerate(node.input):
            half = f"{name}/half"
            if name not in weights and half not in cast:
                nodes.append(onnx.helper.make_node("Cast", [name], [half], to=onnx.TensorProto.FLOAT16))
                cast.add(half)
            elif name in weights and half not in weights:
                values = onnx.numpy_helper.to_array(weights[name]).astype(np.float16)
                weights[half] = onnx.numpy_helper.from_array(values, half)
            node.input[at] = half
        product = f"{node.output[0]}/half"
        nodes += [node, onnx.helper.make_node("Cast", [product], [node.output[0]], to=onnx.TensorProto.FLOAT)]
        node.output[0] = product
    read = {name for node in nodes for name in node.input}
    del changed.graph.node[:], changed.graph.initializer[:]
    changed.graph.node.extend(nodes)
    changed.graph.initializer.extend(weight for name, weight in weights.items() if name in read)
    onnx.checker.check_model(changed, full_check=True)
    return changed.SerializeToString(deterministic=True)


def time_rows(model: bytes, rows: NDArray[np.float32]) -> float:
    """Microseconds per row on one thread: the median of the runs of a second."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    times: list[float] = []
    ends = time.perf_counter() + TIMED_SECONDS
    while len(times) < 5 or time.perf_counter() < ends:
        started = time.perf_counter()
        session.run([OUTPUT_NAME], {INPUT_NAME: rows})
        times.append(time.perf_counter() - started)
    return float(np.median(times)) / len(rows) * 1e6


def table_of_variants(variants: list[Variant]) -> str:
    lines = [
        f"{'':14}{'bytes':>9}{'AP':>9}{'AP delta':>10}{'max diff':>10}{'by batch':>10}{'us b=1':>9}{'us/row b=256':>14}"
    ]
    lines += [
        f"{one.name:14}{len(one.model):>9}{one.average_precision:>9.4f}{one.average_precision_delta:>10.4f}"
        f"{one.difference_max:>10.2g}{one.batch_difference_max:>10.2g}{one.row_us_b1:>9.1f}{one.row_us_b256:>14.2f}"
        for one in variants
    ]
    return "\n".join(lines)


class _Reader(CalibrationDataReader):
    """Rows for the quantiser, a batch at a time."""

    def __init__(self, rows: NDArray[np.float32]) -> None:
        self._parts = iter(np.array_split(rows, max(1, len(rows) // BATCH_ROWS)))

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        part = next(self._parts, None)
        return None if part is None else {INPUT_NAME: part}
