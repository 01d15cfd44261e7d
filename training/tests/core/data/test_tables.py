"""Reads the columns of a table in a file."""

from pathlib import Path

import duckdb
import pytest

from tripline_training.data.tables import columns_of, sql_text, table_at


@pytest.mark.parametrize("name", ["payments.parquet", "payments.csv", "payments.ndjson"])
def test_a_folder_name_with_an_equals_sign_adds_no_column(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "a=b 'c' ä"
    folder.mkdir()
    path = folder / name
    kind = path.suffix.removeprefix(".").replace("ndjson", "json")
    duckdb.execute(f"COPY (SELECT 1 AS amount) TO {sql_text(str(path))} (FORMAT {kind})")
    assert list(columns_of(table_at(path))) == ["amount"]
