"""Reads the payments of some days with the monitored columns: features, and scores if there are any."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.days import DAY_MS
from tripline_training.data.sampling import metadata_of
from tripline_training.data.tables import arrays, query, require_columns, sql_name
from tripline_training.data_checks.feature_kinds import CALENDAR_KINDS, read_spec_features
from tripline_training.errors import TrainingError

ROWS_PER_DAY_MAX = 50_000
"""Rows per day, chosen evenly by a hash of the id. With this many, a distance is exact to about 0.0002."""
SCORE = "score"


@dataclass(frozen=True)
class Column:
    name: str
    kind: str
    """Either `feature` or `score`."""
    values: NDArray[np.float64]
    is_category: bool = False
    """Its values are codes without an order."""


@dataclass(frozen=True)
class Days:
    """Rows ordered by time; `day` counts days since 1970-01-01 (UTC)."""

    day: NDArray[np.int64]
    columns: list[Column]
    outcomes: dict[int, tuple[int, int]]
    """Per day: the labels that arrived on it, and the frauds among them. Covers all rows, not only the chosen ones.

    If genuine payments get no labels, the counts are of frauds reported on the day, and of genuine payments that
    reached the age of a verdict on it. Days for which these are unknown are omitted.
    """


def newest_whole_day(features: Path) -> int:
    """The last complete day, that is, the day before the newest payment."""
    newest = query(f"SELECT max(occurred_at_ms) FROM {require_columns(features, ['occurred_at_ms'])}").fetchall()[0][0]
    if newest is None:
        raise TrainingError(f"{features} has no rows.")
    return int(newest) // DAY_MS - 1


def watched_features(feature_spec: Path) -> list[str]:
    """All features except calendar features, because a day has only one weekday, which is not drift."""
    return [feature.name for feature in read_spec_features(feature_spec) if feature.kind not in CALENDAR_KINDS]


def category_features(feature_spec: Path) -> list[str]:
    return [feature.name for feature in read_spec_features(feature_spec) if feature.kind == "category"]


def read_days(
    features: Path,
    names: list[str],
    first_day: int,
    last_day: int,
    scores: Path | None = None,
    *,
    categories: Collection[str] = (),
) -> Days:
    """The days from `first_day` to `last_day`, both inclusive. `categories` are the names of columns with codes.

    `scores` has client_transaction_id and score; payments without a score are then omitted. Raises TrainingError if a
    monitored value is missing.
    """
    keys = ["client_transaction_id", "occurred_at_ms", "labelled_at_ms", "fraud"]
    table = require_columns(features, [*keys, *names])
    chosen = ", ".join(f"f.{sql_name(name)}::DOUBLE AS {sql_name(name)}" for name in names)
    joined, score = f"{table} AS f", ""
    if scores is not None:
        given = require_columns(scores, ["client_transaction_id", "score"])
        joined += f" JOIN {given} AS s ON s.client_transaction_id::VARCHAR = f.client_transaction_id"
        score = f", s.score::DOUBLE AS {SCORE}"
    day = f"f.occurred_at_ms // {DAY_MS}"
    columns = arrays(
        f"SELECT {day} AS day, {chosen}{score} FROM {joined} WHERE {day} BETWEEN {first_day} AND {last_day} "
        f"QUALIFY row_number() OVER (PARTITION BY {day} ORDER BY hash(f.client_transaction_id), "
        f"f.client_transaction_id) <= {ROWS_PER_DAY_MAX} ORDER BY f.occurred_at_ms, f.client_transaction_id"
    )
    watched = [Column(name, "feature", columns[name].astype(np.float64), name in categories) for name in names]
    if scores is not None:
        watched.append(Column(SCORE, "score", columns[SCORE].astype(np.float64)))
    return Days(
        day=columns["day"].astype(np.int64),
        columns=watched,
        outcomes=_outcomes(features, table, first_day, last_day),
    )


def _outcomes(features: Path, table: str, first_day: int, last_day: int) -> dict[int, tuple[int, int]]:
    entries = metadata_of(features)
    is_fraud = "coalesce(fraud::BIGINT = 1, false)"
    known = f"SELECT labelled_at_ms // {DAY_MS} AS day, {is_fraud} AS is_fraud FROM {table} WHERE fraud IS NOT NULL"
    if "label_delay_ms" in entries:
        # The verdict "genuine" is known up to the newest report only, but a day's reports may all be dated 0:00.
        # Therefore, the payments are counted, without their verdicts.
        delay_days = math.ceil(entries["label_delay_ms"] / DAY_MS)
        newest_report_ms = int(entries["mature_before_ms"] + entries["label_delay_ms"])
        oldest = query(f"SELECT min(occurred_at_ms) FROM {table}").fetchall()[0][0]
        # The first day of the file may be incomplete.
        first_day = max(first_day, (oldest or 0) // DAY_MS + 1 + delay_days)
        last_day = min(last_day, newest_report_ms // DAY_MS)
        known = (
            f"{known} AND {is_fraud} UNION ALL "
            f"SELECT occurred_at_ms // {DAY_MS} + {delay_days}, false FROM {table} WHERE NOT {is_fraud}"
        )
    rows = query(
        f"SELECT day, count(*), count(*) FILTER (is_fraud) FROM ({known}) "
        f"WHERE day BETWEEN {first_day} AND {last_day} GROUP BY 1"
    ).fetchall()
    return {int(at): (int(labels), int(frauds)) for at, labels, frauds in rows}
