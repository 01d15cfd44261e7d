"""Compares the job with `tripline score`: the same rows, and the same scores except for rounding in sums of trees."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from score_features import ROOT, Options, ScoreError, score
from tests.conftest import COMMAND_SECONDS_MAX, run_tripline

REGISTRY = (ROOT / "apps/scoring/test-models/generated").as_uri()
"""Real models with four features, with aliases."""
FEATURES = ["amount", "card_count_1d", "card_ratio_to_mean_30d", "terminal_fraud_rate_7d"]
ROWS = 20_003
DIFFERENCE_MAX = 1e-6
"""`tripline score` sums the trees itself; loading a model checks that it is this close to onnxruntime."""


def rows() -> pa.Table:
    """Payments whose features have several types and sizes, each with a number."""
    random = np.random.default_rng(7)
    columns = {
        "client_transaction_id": pa.array([f"c-{number}" for number in range(ROWS)]),
        "fraud": pa.array(random.integers(0, 2, ROWS), pa.int8()),
        "amount": pa.array(random.lognormal(3, 2, ROWS)),
        "card_count_1d": pa.array(random.integers(0, 40, ROWS), pa.int64()),
        "card_ratio_to_mean_30d": pa.array(random.lognormal(0, 1, ROWS).astype(np.float32)),
        "terminal_fraud_rate_7d": pa.array(random.random(ROWS) ** 4),
    }
    return pa.table(columns)


@pytest.fixture
def run_job(spark: SparkSession, tmp_path: Path) -> Callable[..., pa.Table]:
    """Writes a table, scores it with the job and returns the output."""

    def run(table: pa.Table, model: str = "fraud@champion", keep: tuple[str, ...] | None = None) -> pa.Table:
        source = tmp_path / "features.parquet"
        pq.write_table(table, source, row_group_size=10_000)
        output = tmp_path / "scores"
        score(spark, Options(input=str(source), output=str(output), registry=REGISTRY, model=model, keep=keep))
        return pq.read_table(output)

    return run


@pytest.mark.parametrize("alias", ["champion", "challenger"])
def test_returns_the_scores_of_tripline_score(alias: str, tmp_path: Path, run_job: Callable[..., pa.Table]) -> None:
    ours = run_job(rows(), model=f"fraud@{alias}").sort_by("client_transaction_id")
    expected = tmp_path / "expected.parquet"
    source = tmp_path / "features.parquet"
    arguments = ["--input", str(source), "--output", str(expected), "--registry", REGISTRY, "--model", f"fraud@{alias}"]
    run_tripline("score", *arguments)
    theirs = pq.read_table(expected).sort_by("client_transaction_id")
    assert (
        ours.column_names
        == theirs.column_names
        == ["client_transaction_id", "fraud", "score", "model", "model_version"]
    )
    assert ours.schema.types == theirs.schema.types
    scores = [np.asarray(table["score"]) for table in (ours, theirs)]
    assert len(scores[0]) == ROWS
    assert len(np.unique(scores[0])) > 10
    assert np.abs(scores[0] - scores[1]).max() <= DIFFERENCE_MAX
    assert ours.drop_columns(["score"]).equals(theirs.drop_columns(["score"]))


def test_keeps_the_requested_columns(run_job: Callable[..., pa.Table]) -> None:
    scored = run_job(rows(), keep=("fraud", "amount"))
    assert scored.column_names == ["fraud", "amount", "score", "model", "model_version"]


def _with(values: pa.Array, at: int, value: float | None) -> pa.Array:
    listed = values.to_pylist()
    listed[at] = value
    return pa.array(listed, values.type)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda table: table.drop_columns(["amount", "card_count_1d"]), "lacks 2 of the 4 columns"),
        (lambda table: _replaced(table, None), "amount of a row is empty or not a number"),
        (lambda table: _replaced(table, float("nan")), "amount of a row is empty or not a number"),
        (lambda table: _replaced(table, 1e300), "amount of a row is 1e\\+300, which does not fit into a float32"),
        (lambda table: table.set_column(2, "amount", [["12"] * ROWS]), "amount is string, but model fraud"),
        (lambda table: table.append_column("score", [[0] * ROWS]), "already has a column score"),
    ],
)
def test_rejects_with_one_sentence(
    change: Callable[[pa.Table], pa.Table], sentence: str, run_job: Callable[..., pa.Table]
) -> None:
    with pytest.raises(ScoreError, match=sentence):
        run_job(change(rows()))


def _replaced(table: pa.Table, value: float | None) -> pa.Table:
    return table.set_column(2, "amount", _with(table["amount"], 13_333, value))


def test_rejects_unusable_models(run_job: Callable[..., pa.Table]) -> None:
    with pytest.raises(ScoreError, match='has no alias "nobody"'):
        run_job(rows(), model="fraud@nobody")
    with pytest.raises(ScoreError, match="does not return one probability per row"):
        run_job(rows(), model="fraud@always-nan")


def test_runs_as_a_program(tmp_path: Path) -> None:
    pq.write_table(rows().slice(0, 100), tmp_path / "features.parquet")
    program = [sys.executable, str(ROOT / "training/spark/score_features.py"), "--registry", REGISTRY]
    places = ["--input", str(tmp_path / "features.parquet"), "--output", str(tmp_path / "scores")]
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"}
    run = subprocess.run(
        [*program, *places], capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX, check=False, env=environment
    )
    assert run.returncode == 0, run.stderr
    assert "100 rows scored with fraud@champion" in run.stdout
