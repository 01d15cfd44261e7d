"""Runs the questions on a lake that the archive's own code wrote, and translates them for each warehouse."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest
import sqlglot

WAREHOUSE = Path(__file__).parent
QUESTIONS = sorted((WAREHOUSE / "questions").glob("*.sql"))
DIALECTS = ["athena", "bigquery", "databricks", "redshift", "snowflake", "trino", "tsql"]
TABLES = ["transactions", "decisions", "labels"]
FIRST, SECOND = date(2026, 11, 1), date(2026, 11, 2)

# The answers for payments.json.
ANSWERS: dict[str, list[tuple[object, ...]]] = {
    "days-until-fraud-is-known": [("chargeback", 2, 15.0, 20.0)],
    "decisions-without-model": [("rules_only", "no answer", 1, 15.0)],
    "false-positive-rate-by-merchant": [("m-2", 1, 1, 1.0), ("m-1", 2, 0, 0.0)],
    "fraud-by-country": [("US", "FR", 2, 2, 1.0), ("FR", "FR", 3, 0, 0.0)],
    "fraud-stopped": [("EUR", 2, 0.5, 0.75)],
    "loss-by-day": [(FIRST, "EUR", 1, 10.0, 2000.0), (SECOND, "EUR", 0, 0.0, 0.0)],
    "outcomes-by-day": [
        (FIRST, "approve", 2, 2 / 3),
        (FIRST, "decline", 1, 1 / 3),
        (SECOND, "approve", 1, 1 / 3),
        (SECOND, "decline", 1, 1 / 3),
        (SECOND, "review", 1, 1 / 3),
    ],
    "rule-precision": [("VELOCITY", 3, 2, 1, 0.5)],
    "score-calibration": [(0.0, 3, 0.05, 1 / 3), (0.9, 2, 0.93, 0.5)],
    "shadow-rule-precision": [("night", 2, 1, 0.5)],
}


def sql_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table in TABLES:
            files = f"{os.environ['LAKE']}/{table}/day=*/*.parquet"
            connection.execute(f"CREATE VIEW lake_{table} AS FROM read_parquet('{files}', union_by_name = true)")
        for file in ("views.sql", "nested/duckdb.sql"):
            connection.execute(sql_of(WAREHOUSE / file))
        yield connection


def test_there_is_an_answer_for_each_question() -> None:
    assert [path.stem for path in QUESTIONS] == sorted(ANSWERS)


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda path: path.stem)
def test_duckdb_answers_each_question(path: Path, lake: duckdb.DuckDBPyConnection) -> None:
    rows = lake.execute(sql_of(path)).fetchall()
    assert [pytest.approx(row) for row in ANSWERS[path.stem]] == [
        tuple(float(value) if type(value).__name__ == "Decimal" else value for value in row) for row in rows
    ]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_question_can_be_translated_and_parsed(dialect: str) -> None:
    for path in [WAREHOUSE / "views.sql", *QUESTIONS]:
        for translated in sqlglot.transpile(
            sql_of(path), read="duckdb", write=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE
        ):
            assert sqlglot.parse_one(translated, read=dialect) is not None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_views_of_nested_columns_can_be_parsed(dialect: str) -> None:
    views = sqlglot.parse(sql_of(WAREHOUSE / "nested" / f"{dialect}.sql"), read=dialect)
    assert [view.this.name for view in views if view is not None] == ["reasons", "shadow_hits"]
    assert not any(isinstance(view, sqlglot.exp.Command) for view in views)
