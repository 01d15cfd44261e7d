"""The published splits of the handbook's data: CSV files with TRANSACTION_ID and PART, which is train or assess."""

from pathlib import Path

from tripline_training.data.tables import columns_of, require_columns, sql_text, table_at

ID_PREFIX = "hb-"
"""Tripline's prefix of the handbook's TRANSACTION_ID in a client transaction id."""


def is_fold(path: Path) -> bool:
    return "PART" in columns_of(table_at(path))


def fold_ids(path: Path, part: str, id_prefix: str = ID_PREFIX) -> str:
    """A query that returns the client transaction ids of one part as `id`."""
    split = require_columns(path, ["TRANSACTION_ID", "PART"])
    return f"SELECT {sql_text(id_prefix)} || TRANSACTION_ID::BIGINT AS id FROM {split} WHERE PART = {sql_text(part)}"
