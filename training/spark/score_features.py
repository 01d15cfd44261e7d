"""Scores past payments with Spark, using the model that the scoring service runs.

Every executor gets the ONNX file of a registry's model and runs it with onnxruntime on one core per task. The same rows
get the same scores as from `tripline score`, bit for bit.
"""

import argparse
import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import FloatType, NumericType, StringType, StructType

ROOT = Path(__file__).resolve().parents[2]

SCORE_COLUMNS = ("score", "model", "model_version")


class ScoreError(Exception):
    """The message is a sentence that says what is wrong and how to fix it."""


@dataclass(frozen=True)
class Options:
    input: str
    """Parquet files with one column per feature."""
    output: str
    """Folder that Spark writes to; must not exist."""
    registry: str
    """URL of the model registry."""
    model: str = "fraud@champion"
    keep: tuple[str, ...] | None = None
    """Input columns to copy; by default all non-feature columns."""


@dataclass(frozen=True)
class Model:
    """The parts of a model that an executor needs."""

    name: str
    version: str
    content: bytes
    features: tuple[str, ...]
    input: str
    output: str


def score(spark: SparkSession, options: Options) -> int:
    """Writes a row per input row, in no particular order, and returns their number.

    Raises ScoreError if the input or the model is invalid; nothing is written in that case.
    """
    # Workers import this module by name, unless it is the program itself.
    spark.sparkContext.addPyFile(__file__)
    model = _read_model(options)
    with _in_a_sentence():
        table = spark.read.parquet(options.input)
        keep = _check_columns(table, model, options)
        types = [*(table.schema[name] for name in keep)]
        schema = (
            StructType(types).add("score", FloatType()).add("model", StringType()).add("model_version", StringType())
        )
        content = spark.sparkContext.broadcast(model.content)
        scored = table.select(*keep, *(name for name in model.features if name not in keep)).mapInArrow(
            _score_partition(model, lambda: content.value, keep), schema
        )
        scored.write.parquet(options.output, compression="zstd")
        return spark.read.parquet(options.output).count()


def _read_model(options: Options) -> Model:
    # Only the driver reads from a registry, so the training package is imported here, because executors also import
    # this module.
    sys.path.append(str(ROOT / "training"))
    from tripline_training.errors import TrainingError  # noqa: PLC0415
    from tripline_training.registry import registry  # noqa: PLC0415

    name, _, at = options.model.partition("@")
    try:
        found = registry.resolve(registry.registry_root(options.registry), name, at or "champion")
    except TrainingError as error:
        raise ScoreError(str(error)) from error
    manifest = found.manifest
    return Model(
        name=found.name,
        version=found.version,
        content=found.model,
        features=tuple(manifest["features"]),
        input=manifest["input"]["name"],
        output=manifest["output"]["name"],
    )


def _check_columns(table: DataFrame, model: Model, options: Options) -> list[str]:
    """Output columns that are copied from the input."""
    named = f"model {model.name} {model.version}"
    missing = [name for name in model.features if name not in table.columns]
    if missing:
        raise ScoreError(
            f"{options.input} lacks {len(missing)} of the {len(model.features)} columns that {named} requires: "
            f"{', '.join(missing)}."
        )
    for name in model.features:
        kind = table.schema[name].dataType
        if not isinstance(kind, NumericType):
            raise ScoreError(f"{options.input}: {name} is {kind.simpleString()}, but {named} requires numbers.")
    keep = list(options.keep or (name for name in table.columns if name not in model.features))
    for name in keep:
        if name not in table.columns:
            raise ScoreError(f"{options.input} has no column {name} to copy.")
        if name in SCORE_COLUMNS:
            raise ScoreError(f"{options.input} already has a column {name}. Specify the columns to keep.")
    return keep


def _score_partition(
    model: Model, content: Callable[[], bytes], keep: list[str]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    # The file is sent once per executor instead of once per task.
    name, version, features, tensors = model.name, model.version, model.features, (model.input, model.output)

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        session = open_session(content())
        for batch in batches:
            rows = _matrix(batch, features)
            (scores,) = session.run([tensors[1]], {tensors[0]: rows})
            flat = np.asarray(scores, dtype=np.float32).reshape(-1)
            if len(flat) != len(rows) or not bool(np.all((flat >= 0) & (flat <= 1))):
                raise ScoreError(f"Model {name} {version} was rejected: it does not return one probability per row.")
            added = [pa.array(flat), pa.array([name] * len(rows)), pa.array([version] * len(rows))]
            yield pa.RecordBatch.from_arrays(
                [*(batch.column(column) for column in keep), *added], [*keep, *SCORE_COLUMNS]
            )

    return run


def open_session(content: bytes) -> onnxruntime.InferenceSession:
    """On one core, as everywhere in Tripline, so that results do not depend on other load."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _matrix(batch: pa.RecordBatch, features: tuple[str, ...]) -> NDArray[np.float32]:
    """Features in the model's format. Raises ScoreError for a value that is empty or does not fit into a float32."""
    rows = np.empty((batch.num_rows, len(features)), dtype=np.float32)
    for column, name in enumerate(features):
        values = pc.cast(batch.column(name), pa.float64()).to_numpy(zero_copy_only=False)
        with np.errstate(over="ignore"):
            rows[:, column] = values
        wrong = ~np.isfinite(rows[:, column])
        if not wrong.any():
            continue
        value = values[np.argmax(wrong)]
        what = "is empty or not a number" if np.isnan(value) else f"is {value}, which does not fit into a float32"
        raise ScoreError(f"{name} of a row {what}. Every feature must be a number.")
    return rows


@contextlib.contextmanager
def _in_a_sentence() -> Iterator[None]:
    """The sentence in Spark's error message that says what is wrong."""
    try:
        yield
    except PySparkException as error:
        text = str(error)
        ours = re.search(r"ScoreError: (.+)", text)
        first = text.strip().split("\n")[0]
        raise ScoreError(ours.group(1) if ours else f"Spark stopped: {first}") from error


def main() -> None:
    parser = argparse.ArgumentParser(description="Scores features with a model of the registry, with Spark.")
    parser.add_argument("--input", required=True, help="Parquet with a column per feature; may be a glob")
    parser.add_argument("--output", required=True, help="folder to write: columns to keep, score, model, model_version")
    parser.add_argument("--registry", required=True, help="file:///... or mlflow+http://host:port")
    parser.add_argument("--model", default="fraud@champion", help="name@alias or name@version")
    parser.add_argument("--keep", help="input columns to copy, comma-separated (default: all non-feature columns)")
    flags = parser.parse_args()
    keep = None if flags.keep is None else tuple(name.strip() for name in flags.keep.split(","))
    # Otherwise, Spark would use the first python3 in the PATH, which may not have the packages.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = SparkSession.builder.appName("tripline-score").getOrCreate()
    try:
        rows = score(spark, Options(flags.input, flags.output, flags.registry, flags.model, keep))
        print(f"{rows} rows scored with {flags.model}, written to {flags.output}")
    except ScoreError as error:
        sys.exit(f"error: {error}")
    finally:
        spark.stop()


if __name__ == "__main__":
    main()
