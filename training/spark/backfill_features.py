"""Computes features of past payments with Spark, using the engine that serves them online.

A feature depends on the events of one entity, on whether another entity, the judge, explains its frauds, and on whether
the card remembers the labelled payments. Therefore, the events of the judge and the card are processed first and give
a result for each label. Then, for each entity of the spec, the events are grouped by key, sorted as `tripline backfill`
sorts them, and piped through `tripline fold-entity`, one process per partition. Finally, the columns of the entities
are joined by payment.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

from payment_columns import OPTIONAL_COLUMNS

ROOT = Path(__file__).resolve().parents[2]
ID = "client_transaction_id"
DOUBLE_BYTES = 8
BATCH_SECONDS_MAX = 600
"""A fold takes well under a second for a Spark batch, which has 10,000 lines by default."""
EXIT_SECONDS_MAX = 30
ERROR_CHARACTERS_MAX = 2_000

COLUMNS = {
    ID: "string",
    "card_token": "string",
    "amount_minor": "bigint",
    "currency": "string",
    "occurred_at_ms": "bigint",
    "fraud": "tinyint",
    "labelled_at_ms": "bigint",
}
"""Columns of a transactions file and the type of each."""
OUTPUT_COLUMNS = [ID, "card_token", "terminal_id", "occurred_at_ms", "labelled_at_ms", "fraud"]
"""Columns before the features."""

# The order in which events are counted, as in `tripline backfill`: labels come before payments with the same time.
ORDER = ["at_ms", "is_payment", ID]


class BackfillError(Exception):
    """The message is a sentence that says what is wrong and how to fix it."""


@dataclass(frozen=True)
class Options:
    output: str
    """Folder that Spark writes to; must not exist."""
    tripline: tuple[str, ...]
    """Command that runs `tripline`; on a cluster, it must work on every machine."""
    input: str | None = None
    """Transactions, CSV or Parquet; may be a glob."""
    lake: str | None = None
    """Instead of `input`: the folder that the archive service writes to."""
    tenant: str = "demo"
    partitions: int | None = None
    """Number of partitions of the entities; by default Spark's parallelism."""


def backfill(spark: SparkSession, options: Options) -> int:
    """Writes a row per payment, in no particular order, and returns their number.

    Raises BackfillError if the input is invalid or the engine rejects a row; nothing is written in that case.
    """
    # A value that does not fit into its column must cause an error instead of becoming null.
    spark.conf.set("spark.sql.ansi.enabled", "true")
    # Workers import these modules by name, except for this module if it is the program itself.
    for module in (Path(__file__), Path(__file__).with_name("payment_columns.py")):
        spark.sparkContext.addPyFile(str(module))
    partitions = options.partitions or spark.sparkContext.defaultParallelism
    with _in_a_sentence():
        plan = _read_plan(options.tripline)
        payments = _read_payments(spark, options).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            rows = _check_ids(payments)
            features = _join_entities(payments, plan, options, partitions)
            order = [*OUTPUT_COLUMNS, *plan["features"]]
            features.select(order).write.parquet(options.output, compression="zstd")
        finally:
            payments.unpersist()
    return rows


def _read_plan(tripline: tuple[str, ...]) -> dict[str, Any]:
    """Entities with keys and features, from the program whose engine computes them, so that they cannot differ."""
    try:
        answer = subprocess.run(
            [*tripline, "fold-entity", "--plan"], capture_output=True, text=True, timeout=EXIT_SECONDS_MAX, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", None) or error).strip()
        raise BackfillError(
            f"{' '.join(tripline)} cannot be run: {said} Build the repository, or specify its path."
        ) from error
    plan: dict[str, Any] = json.loads(answer.stdout)
    return plan


def _read_payments(spark: SparkSession, options: Options) -> DataFrame:
    """All columns of a transactions file; null if a payment has no value."""
    if (options.input is None) == (options.lake is None):
        raise BackfillError("Specify either --input or --lake.")
    table = (
        _read_file(spark, options.input) if options.lake is None else _read_lake(spark, options.lake, options.tenant)
    )
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise BackfillError(f"{options.input or options.lake} lacks the column {', '.join(missing)}.")
    columns = [f.col(name).cast(kind).alias(name) for name, kind in COLUMNS.items()]
    for name, kind in OPTIONAL_COLUMNS.items():
        value = f.col(name) if name in table.columns else f.lit(None)
        # In a message, an empty text means that the value is missing.
        present = f.nullif(value, f.lit("")) if kind == "string" else value
        columns.append(present.cast(kind).alias(name))
    return table.select(columns)


def _read_file(spark: SparkSession, path: str) -> DataFrame:
    if path.lower().endswith(".parquet"):
        return spark.read.parquet(path)
    return spark.read.csv(path, header=True, inferSchema=False, quote='"', escape='"', mode="FAILFAST")


def _read_lake(spark: SparkSession, lake: str, tenant: str) -> DataFrame:
    """Reads the archived topics `transactions` and `labels`. As in a retraining, a payment's newest label is used."""
    transactions, labels = (
        spark.read.parquet(f"{lake}/{topic}").where(f.col("tenant") == tenant) for topic in ("transactions", "labels")
    )
    order = f.struct("labelled_at_ms", -f.col("kafka_partition"), "kafka_offset")
    newest = f.max_by(f.struct("labelled_at_ms", "fraud"), order)
    known = labels.groupBy(ID).agg(newest.alias("label"))
    return (
        transactions.dropDuplicates(["transaction_id"])
        .join(known, ID, "left")
        .select("*", f.col("label.labelled_at_ms"), f.col("label.fraud").cast("tinyint").alias("fraud"))
    )


def _check_ids(payments: DataFrame) -> int:
    """The number of payments. The entities' results are joined by payment id, so the ids must be unique."""
    repeated = payments.groupBy(ID).count().where("count > 1").head()
    if repeated is not None:
        raise BackfillError(f"The input is invalid: {ID} {repeated[ID]} occurs more than once.")
    return payments.count()


def _join_entities(payments: DataFrame, plan: Mapping[str, Any], options: Options, partitions: int) -> DataFrame:
    judge = next((one for one in plan["entities"] if one["name"] == plan["judge"]), None)
    if judge is not None:
        payments = payments.join(_answer(payments, judge, "explained", "--judge", options, partitions), ID, "left")
    finder = next((one for one in plan["entities"] if one["name"] == plan["finder"]), None)
    if finder is not None:
        payments = payments.join(_answer(payments, finder, "found", "--find", options, partitions), ID, "left")

    def join(table: DataFrame, entity: Mapping[str, Any]) -> DataFrame:
        folded = _fold_entity(payments, entity, options, partitions)
        return table.join(folded, ID, "left" if entity["optional"] else "inner")

    joined = reduce(join, plan["entities"], payments.select(OUTPUT_COLUMNS))
    # A payment without a device has no row among the devices, so its features have their defaults.
    defaults = {one["name"]: float(one["default"]) for entity in plan["entities"] for one in entity["features"]}
    return joined.fillna(defaults)


def _answer(
    payments: DataFrame, entity: Mapping[str, Any], name: str, flag: str, options: Options, partitions: int
) -> DataFrame:
    """Returns one row per labelled payment, with the payment's id and the answer for its label, 0 or 1."""
    answers = _fold_events(payments, entity, [name], [*_command(entity, options), flag], partitions)
    return answers.select(ID, f.col(name).cast("tinyint").alias(name))


def _fold_entity(payments: DataFrame, entity: Mapping[str, Any], options: Options, partitions: int) -> DataFrame:
    """Columns: the payment's id and the features of its entity. One row per payment that has such an entity."""
    names = [feature["name"] for feature in entity["features"]]
    return _fold_events(payments, entity, names, _command(entity, options), partitions)


def _command(entity: Mapping[str, Any], options: Options) -> list[str]:
    return [*options.tripline, "fold-entity", "--entity", entity["name"], "--tenant", options.tenant]


def _fold_events(
    payments: DataFrame, entity: Mapping[str, Any], names: list[str], command: list[str], partitions: int
) -> DataFrame:
    """Columns: the payment's id and the output of the command, with a row for each event that has output."""
    key = entity["key"]
    events = _lines(payments, "payment", "occurred_at_ms", entity, [])
    judged = ["explained"] if entity["judged"] else []
    if entity["found"]:
        found = payments.where(f.col("found") == 1)
        events = events.unionByName(_lines(found, "label", "labelled_at_ms", entity, [*OPTIONAL_COLUMNS, *judged]))
    if entity["labelled"]:
        labelled = payments.where(f.col("labelled_at_ms").isNotNull())
        events = events.unionByName(_lines(labelled, "label", "labelled_at_ms", entity, judged))
    if entity["optional"]:
        events = events.where(f.col(key).isNotNull())
    answers_labels = "--judge" in command or "--find" in command
    is_answered = ~f.col("is_payment") if answers_labels else f.col("is_payment")
    return (
        events.repartition(partitions, key)
        .sortWithinPartitions(key, *ORDER)
        .select(is_answered.alias("is_answered"), ID, "line")
        .mapInArrow(
            _fold_partition(command, names), ", ".join([f"{ID} string", *(f"`{name}` double" for name in names)])
        )
    )


def _lines(payments: DataFrame, stream: str, time: str, entity: Mapping[str, Any], more: list[str]) -> DataFrame:
    """The events as `fold-entity` reads them, with their sort keys."""
    is_payment = stream == "payment"
    own = ["amount_minor", "currency", *OPTIONAL_COLUMNS] if is_payment else ["terminal_id", "labelled_at_ms", "fraud"]
    # Doubles remain exact, because Java writes enough digits to distinguish a double from its neighbours.
    fields: list[Column] = [f.lit(stream).alias("stream")]
    fields += [f.col(name) for name in (ID, "card_token", "occurred_at_ms", *own, *more)]
    # An id composed of several fields is null if any of them is null.
    parts = [part for field in entity["fields"] for part in (f.lit("/"), f.col(field))][1:]
    return payments.select(
        f.concat(*parts).alias(entity["key"]),
        f.col(time).alias("at_ms"),
        f.lit(is_payment).alias("is_payment"),
        ID,
        f.to_json(f.struct(*fields)).alias("line"),
    )


def _fold_partition(
    command: list[str], names: list[str]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def fold(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        engine: Engine | None = None
        try:
            for batch in batches:
                if batch.num_rows == 0:
                    continue
                engine = engine or Engine(command, len(names))
                rows = engine.fold(batch)
                ids = batch.column(ID).filter(batch.column("is_answered"))
                yield pa.RecordBatch.from_arrays([ids, *(pa.array(column) for column in rows.T)], [ID, *names])
            if engine is not None:
                engine.finish()
        finally:
            if engine is not None:
                engine.kill()

    return fold


class Engine:
    """A `fold-entity` process that folds batches."""

    def __init__(self, command: list[str], width: int) -> None:
        self._width = width
        self._lines = 0
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by kill
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)

    def fold(self, batch: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.float64]]:
        """One row for each event of the batch that has output."""
        is_answered = batch.column("is_answered").to_numpy(zero_copy_only=False)
        expected = self._lines + 1 + np.flatnonzero(is_answered)
        self._lines += batch.num_rows
        text = "\n".join(batch.column("line").to_pylist()) + "\n"
        # Both pipes are bounded, so without a concurrent reader, this thread and the process would wait for each other.
        writer = threading.Thread(target=self._write, args=(text.encode(),), daemon=True)
        watch = threading.Timer(BATCH_SECONDS_MAX, self._process.kill)
        writer.start()
        watch.start()
        try:
            assert self._process.stdout is not None
            size = len(expected) * (1 + self._width) * DOUBLE_BYTES
            data = self._process.stdout.read(size)
            writer.join()
        finally:
            watch.cancel()
        if len(data) < size or self._process.poll() is not None:
            self._fail()
        rows = np.frombuffer(data, dtype="<f8").reshape(len(expected), 1 + self._width)
        if not np.array_equal(rows[:, 0], expected):
            raise BackfillError("fold-entity returned different lines from those it received.")
        return rows[:, 1:]

    def finish(self) -> None:
        """Raises BackfillError if the process reports an error."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        watch = threading.Timer(EXIT_SECONDS_MAX, self._process.kill)
        watch.start()
        try:
            left = self._process.stdout.read()
            if self._process.wait() != 0:
                self._fail()
        finally:
            watch.cancel()
        if left:
            raise BackfillError("fold-entity returned more lines than it received.")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(BrokenPipeError):
                assert pipe is not None
                pipe.close()

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        # If the process has ended, the reader reports this.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def _fail(self) -> None:
        code = self._process.wait(EXIT_SECONDS_MAX)
        self._errors.seek(0)
        said = self._errors.read(ERROR_CHARACTERS_MAX).decode(errors="replace").strip()
        raise BackfillError(f"The engine stopped: {said or f'fold-entity exited with code {code}'}")


@contextlib.contextmanager
def _in_a_sentence() -> Iterator[None]:
    """The sentence in Spark's error message that says what is wrong."""
    try:
        yield
    except PySparkException as error:
        text = str(error)
        ours = re.search(r"BackfillError: (.+)", text)
        first = text.strip().split("\n")[0]
        raise BackfillError(ours.group(1) if ours else f"Spark stopped: {first}") from error


def main() -> None:
    parser = argparse.ArgumentParser(description="Computes the features of past payments with Spark.")
    parser.add_argument("--input", help="transactions, CSV or Parquet; may be a glob")
    parser.add_argument("--lake", help="the folder that the archive service writes to, instead of --input")
    parser.add_argument("--output", required=True, help="folder to write: a row per payment, a column per feature")
    parser.add_argument("--tenant", default="demo", help="tenant of the payments (default: demo)")
    parser.add_argument("--partitions", type=int, help="number of partitions of the entities")
    parser.add_argument(
        "--repository", type=Path, default=ROOT, help="path of a built repository, the same on all machines"
    )
    flags = parser.parse_args()
    options = Options(
        output=flags.output,
        tripline=tripline_at(flags.repository),
        input=flags.input,
        lake=flags.lake,
        tenant=flags.tenant,
        partitions=flags.partitions,
    )
    # Otherwise, Spark would use the first python3 in the PATH, which may not have the packages.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = SparkSession.builder.appName("tripline-backfill").getOrCreate()
    try:
        print(f"{backfill(spark, options)} payments written to {options.output}")
    except BackfillError as error:
        sys.exit(f"error: {error}")
    finally:
        spark.stop()


def tripline_at(repository: Path) -> tuple[str, ...]:
    return (str(repository / "node_modules/.bin/node"), str(repository / "apps/cli/dist/main.js"))


if __name__ == "__main__":
    main()
