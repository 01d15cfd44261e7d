"""One Spark for all tests, in this process with two threads, and one history."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from backfill_features import ROOT, Options, backfill, tripline_at

TRIPLINE = tripline_at(ROOT)
COMMAND_SECONDS_MAX = 300
# Programs that end within seconds are faster without JIT compilers that pay off after minutes.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
SETTINGS = {
    "spark.driver.extraJavaOptions": JAVA_OPTIONS,
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.codegen.wholeStage": "false",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


def run_tripline(*args: str) -> str:
    run = subprocess.run([*TRIPLINE, *args], capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master("local[2]")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Payments of 60 cards at 40 terminals within 8 days, most with a device, an address and a location."""
    path = tmp_path_factory.mktemp("history") / "history.parquet"
    run_tripline("simulate", str(path), "--cards", "60", "--terminals", "40", "--days", "8")
    return path


@pytest.fixture
def backfill_to(spark: SparkSession, tmp_path: Path) -> Callable[..., Path]:
    """Runs the job on `input` or `lake` and returns the folder that it wrote."""

    def run(**source: str) -> Path:
        output = tmp_path / "features"
        backfill(spark, Options(output=str(output), tripline=TRIPLINE, partitions=2, **source))
        return output

    return run
