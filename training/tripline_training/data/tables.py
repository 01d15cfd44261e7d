"""Reads tables (Parquet, CSV, newline-delimited JSON) through DuckDB."""

import tempfile
import uuid
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from tripline_training.errors import TrainingError

READERS = {".parquet": "read_parquet", ".csv": "read_csv", ".ndjson": "read_ndjson", ".jsonl": "read_ndjson"}


def table_at(path: Path) -> str:
    """The SQL of a table function that reads `path`, which may be gzipped. Raises TrainingError for other file types.
    """
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    reader = READERS.get(suffixes[-1].lower()) if suffixes else None
    if reader is None:
        raise TrainingError(f"{path}: the file name must end with one of {', '.join(READERS)}.")
    if not path.is_file():
        raise TrainingError(f"{path} does not exist.")
    # Otherwise, a folder above the file whose name contains an equals sign would become a column.
    return f"{reader}({sql_text(str(path))}, hive_partitioning = false)"


def columns_of(table: str) -> dict[str, str]:
    """Column names in order, each with its DuckDB type."""
    rows = query(f"DESCRIBE SELECT * FROM {table}").fetchall()
    return {str(row[0]): str(row[1]) for row in rows}


def query(sql: str) -> duckdb.DuckDBPyConnection:
    """Runs one query on a separate database. Raises TrainingError with DuckDB's first line if it fails."""
    try:
        # DuckDB's own choice is the current folder, which may be read-only.
        spill = f"{tempfile.gettempdir()}/tripline-duckdb-{uuid.uuid4().hex}"
        return duckdb.connect(":memory:", config={"temp_directory": spill}).execute(sql)
    except duckdb.Error as error:
        raise TrainingError(str(error).split("\n", maxsplit=1)[0]) from error


def arrays(sql: str) -> dict[str, NDArray[np.generic]]:
    """Columns of a result as arrays. Raises TrainingError for a null, so callers must filter or coalesce."""
    columns = query(sql).fetchnumpy()
    for name, values in columns.items():
        if np.ma.is_masked(values):
            raise TrainingError(f"The column {name} has empty values.")
    return {name: np.ma.getdata(values) for name, values in columns.items()}


def require_columns(path: Path, names: list[str]) -> str:
    """The table at `path`, after checking that it has these columns."""
    table = table_at(path)
    present = columns_of(table)
    missing = [name for name in names if name not in present]
    if missing:
        raise TrainingError(f"{path} lacks the column {', '.join(missing)}.")
    return table


def sql_text(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def sql_name(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
