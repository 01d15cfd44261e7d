"""Reads and checks the output of `tripline backfill`: one row per payment with its label and its features."""

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.feature_spec import FeatureSpec
from tripline_training.data.folds import fold_ids, is_fold
from tripline_training.data.mapped_rows import CHUNK_ROWS, mapped_array
from tripline_training.data.sampling import (
    EVERYTHING,
    Shares,
    is_sampled,
    mature_before_ms,
    metadata_of,
    rounded,
    shares_of,
)
from tripline_training.data.tables import arrays, columns_of, query, require_columns, sql_name, table_at
from tripline_training.errors import TrainingError

KEY_COLUMNS = {
    "client_transaction_id": ("VARCHAR",),
    "card_token": ("VARCHAR",),
    "terminal_id": ("VARCHAR",),
    "occurred_at_ms": ("BIGINT",),
    "labelled_at_ms": ("BIGINT",),
    "fraud": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "BOOLEAN"),
}
FEATURE_TYPES = ("DOUBLE", "FLOAT")
COLUMNS = ("ids", "cards", "occurred_at_ms", "fraud", "features")
"""The columns of `Rows`."""
WEIGHT_COLUMN = "exploration_weight"
"""The last column of a file with explored payments: how many payments each row represents."""
MEMORY_ROWS_MAX = 2_000_000
"""Above this number, training keeps the rows in temporary files."""
MINUTE_MS = 60_000


@dataclass(frozen=True)
class Rows:
    """Payments ordered by (event time, id)."""

    ids: NDArray[np.generic]
    cards: NDArray[np.generic]
    occurred_at_ms: NDArray[np.int64]
    fraud: NDArray[np.int64]
    features: NDArray[np.float32]
    """One row per payment, one column per feature in the order of the spec."""
    categories: tuple[int, ...] = ()
    """Positions of the features that are categories."""
    shares: Shares = EVERYTHING
    """For each class, the share of its payments that these rows contain."""
    mapped: bool = False
    """Whether the columns are in temporary files. If so, `ids` and `cards` are hashes, only useful for comparison."""
    explored: NDArray[np.float64] | None = None
    """The number of declines that each row represents, because only some were approved: 1 / the approval probability.
    None if no decline was explored."""

    def __len__(self) -> int:
        return len(self.fraud)

    @property
    def columns(self) -> tuple[NDArray[Any], ...]:
        return tuple(getattr(self, name) for name in self._column_names)

    @property
    def _column_names(self) -> tuple[str, ...]:
        return COLUMNS if self.explored is None else (*COLUMNS, "explored")

    def with_columns(self, columns: Iterable[NDArray[Any]]) -> "Rows":
        """Other payments with the same features, in the order of `columns`."""
        return replace(self, **dict(zip(self._column_names, columns, strict=True)))

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """The number of payments that each row represents; None if each row represents only itself."""
        sampled = self.shares.weights(self.fraud)
        if self.explored is None or sampled is None:
            return sampled if self.explored is None else self.explored
        return sampled * self.explored


@dataclass(frozen=True)
class Span:
    """Event times from `from_ms` (inclusive) to `to_ms` (exclusive), in milliseconds since the epoch."""

    from_ms: int
    to_ms: int


def parse_span(first: str, last: str) -> Span:
    """RFC 3339 times; the second is exclusive. If the second is a plain date (UTC), the whole day is included."""
    span = Span(_moment_ms(first, days_later=0), _moment_ms(last, days_later=1))
    if span.from_ms >= span.to_ms:
        raise TrainingError(f"{first} to {last} is an empty time span.")
    return span


def parse_moment_ms(text: str) -> int:
    """An RFC 3339 time, or the start of a date (UTC), in milliseconds since the epoch."""
    return _moment_ms(text, days_later=0)


def _moment_ms(text: str, days_later: int) -> int:
    try:
        moment = datetime.combine(date.fromisoformat(text) + timedelta(days=days_later), datetime.min.time(), UTC)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise TrainingError(f"{text} is neither a date such as 2026-01-31 nor an RFC 3339 time.") from error
    if moment.tzinfo is None:
        raise TrainingError(f"{text} must have a time zone, for instance a Z at its end.")
    return round(moment.timestamp() * 1000)


ALWAYS = Span(0, 2**62)


@dataclass(frozen=True)
class Dataset:
    """A features file that has passed its checks."""

    path: Path
    spec: FeatureSpec
    oldest_ms: int
    """Event time of the oldest payment."""
    newest_ms: int
    """Event time of the newest payment."""
    shares: Shares = EVERYTHING
    """The shares of the lake's payments that the file contains."""
    memory_rows_max: int | None = None
    """Above this number, rows are kept in temporary files. None: always in memory."""
    label_delay_ms: int = 0
    """Age at which a payment without a report counts as genuine; 0 if such payments never get a verdict."""
    mature_before_ms: int = 2**62
    """Payments at or after this time are too recent for a verdict, even with a label: frauds are labelled earlier."""
    has_weights: bool = False
    """Whether declines were explored."""

    def known_rows(
        self, span: Span, known_by_ms: int, ids: Path | None = None, *, genuine_share: float | None = None
    ) -> tuple[Rows, int]:
        """Payments of a span with a label known by `known_by_ms`, and how many other payments were omitted.

        With `ids` (a table with a column client_transaction_id, or the train part of a published split), returns only
        those payments, each of which must exist. With `genuine_share`, reads all frauds and that share of the genuine
        payments; the caller must use the weights of the rows. Without it, raises TrainingError if the file is a sample.
        """
        within = self._within(span)
        if ids is not None:
            within += f" AND client_transaction_id IN ({self._ids(ids)})"
        if genuine_share is None and not self.shares.has_all:
            raise TrainingError(f"{self.path} is a sample of a large lake, which only `retrain` and `train` can use.")
        genuine = min(self.shares.genuine, rounded(genuine_share or 1))
        frauds, of_genuine = (is_sampled("client_transaction_id", share) for share in (self.shares.frauds, genuine))
        chosen = "true" if frauds == of_genuine == "true" else f"CASE fraud WHEN 1 THEN {frauds} ELSE {of_genuine} END"
        rows = self._rows(f"{within} AND {self._known(known_by_ms)} AND {chosen}", Shares(self.shares.frauds, genuine))
        return rows, self._unknown(within, known_by_ms)

    def compared_rows(self, spans: Sequence[Span], known_by_ms: int) -> tuple[Rows, int]:
        """Like `known_rows`, for comparing models: all payments, or from a sample, all payments of its cards."""
        within = f"{self._within(*spans)} AND {self._of_cards}"
        return self._rows(f"{within} AND {self._known(known_by_ms)}"), self._unknown(within, known_by_ms)

    def rows_with_truth(self, span: Span) -> Rows:
        """The labelled payments of a span, for evaluating predictions."""
        has_truth = f"fraud IS NOT NULL AND labelled_at_ms IS NOT NULL AND occurred_at_ms < {self.mature_before_ms}"
        return self._rows(f"{self._within(span)} AND {self._of_cards} AND {has_truth}")

    @property
    def _of_cards(self) -> str:
        return is_sampled("card_token", self.shares.cards)

    def _unknown(self, within: str, known_by_ms: int) -> int:
        return _count(f"{self._table} WHERE {within} AND NOT {self._known(known_by_ms)}")

    def _known(self, known_by_ms: int) -> str:
        """A verdict known by then. A recent payment has none, because so far only frauds could have been labelled."""
        before_ms = min(self.mature_before_ms, known_by_ms - self.label_delay_ms + 1)
        of_age = "" if self.label_delay_ms == 0 else f" AND occurred_at_ms < {before_ms}"
        return f"(coalesce(labelled_at_ms <= {known_by_ms}, false){of_age})"

    @property
    def _table(self) -> str:
        return table_at(self.path)

    @staticmethod
    def _within(*spans: Span) -> str:
        within = (f"occurred_at_ms >= {span.from_ms} AND occurred_at_ms < {span.to_ms}" for span in spans)
        return f"({' OR '.join(within)})" if spans else "false"

    def _ids(self, path: Path) -> str:
        if is_fold(path):
            wanted = fold_ids(path, "train")
        else:
            wanted = f"SELECT client_transaction_id::VARCHAR FROM {require_columns(path, ['client_transaction_id'])}"
        missing = _count(f"({wanted} EXCEPT SELECT client_transaction_id FROM {self._table})")
        if missing:
            raise TrainingError(f"{missing} ids of {path} are not in {self.path}.")
        return wanted

    def _rows(self, condition: str, shares: Shares = EVERYTHING) -> Rows:
        mapped, columns = False, None
        if self.memory_rows_max is not None:
            count = _count(f"{self._table} WHERE {condition}")
            mapped = count > self.memory_rows_max
            columns = self._mapped_columns(condition, count) if mapped else None
        columns = columns or self._columns(condition)
        explored = columns[len(COLUMNS)] if self.has_weights else None
        return Rows(
            *columns[: len(COLUMNS)],
            categories=self.spec.category_positions,
            shares=shares,
            mapped=mapped,
            explored=explored,
        )

    def _mapped_columns(self, condition: str, count: int) -> tuple[NDArray[Any], ...]:
        types: tuple[type[np.generic], ...] = (np.uint64, np.uint64, np.int64, np.int64)
        columns = [mapped_array((count,), kind) for kind in types]
        columns.append(mapped_array((count, len(self.spec.names)), np.float32))
        if self.has_weights:
            columns.append(mapped_array((count,), np.float64))
        filled = 0
        for span in self._batches(condition):
            batch = self._columns(f"{condition} AND {self._within(span)}", "md5_number_lower({})")
            end = filled + len(batch[0])
            for column, values in zip(columns, batch, strict=True):
                column[filled:end] = values
            filled = end
        assert filled == count
        return tuple(columns)

    def _batches(self, condition: str) -> Iterator[Span]:
        """Consecutive minutes with about CHUNK_ROWS payments. The file is sorted by time, so each is read once."""
        minutes = query(
            f"SELECT occurred_at_ms // {MINUTE_MS}, count(*) FROM {self._table} WHERE {condition} "
            "GROUP BY ALL ORDER BY 1"
        )
        from_ms = rows = 0
        while (found := minutes.fetchone()) is not None:
            minute, count = found
            if rows + count > CHUNK_ROWS and rows > 0:
                yield Span(from_ms, minute * MINUTE_MS)
                from_ms, rows = minute * MINUTE_MS, 0
            rows += count
        yield Span(from_ms, ALWAYS.to_ms)

    def _columns(self, condition: str, key: str = "{}") -> tuple[NDArray[Any], ...]:
        features = ", ".join(f"{sql_name(name)}::FLOAT AS {sql_name(name)}" for name in self.spec.names)
        weight = f", {WEIGHT_COLUMN}::DOUBLE AS weight" if self.has_weights else ""
        columns = arrays(
            f"SELECT {key.format('client_transaction_id')} AS id, {key.format('card_token')} AS card, "
            f"occurred_at_ms, fraud::BIGINT AS fraud, {features}{weight} FROM {self._table} WHERE {condition} "
            "ORDER BY occurred_at_ms, client_transaction_id"
        )
        return (
            columns["id"],
            columns["card"],
            columns["occurred_at_ms"].astype(np.int64),
            columns["fraud"].astype(np.int64),
            np.column_stack([columns[name].astype(np.float32) for name in self.spec.names]),
            *([columns["weight"].astype(np.float64)] if self.has_weights else []),
        )


def open_dataset(path: Path, spec: FeatureSpec, memory_rows_max: int | None = None) -> Dataset:
    """Checks the whole file. Raises TrainingError that lists every kind of fault with its number of rows."""
    table = table_at(path)
    present = columns_of(table)
    has_weights = list(present)[-1:] == [WEIGHT_COLUMN]
    _check_columns(path, {name: kind for name, kind in present.items() if name != WEIGHT_COLUMN}, spec)
    total, oldest_ms, newest_ms = query(
        f"SELECT count(*), min(occurred_at_ms), max(occurred_at_ms) FROM {table}"
    ).fetchall()[0]
    if total == 0:
        raise TrainingError(f"{path} has no rows.")
    faults = _faults(table, spec)
    if faults:
        raise TrainingError(f"{path} is not suitable for training: {'; '.join(faults)}.")
    return Dataset(
        path,
        spec,
        int(oldest_ms),
        int(newest_ms),
        shares_of(path),
        memory_rows_max,
        int(metadata_of(path).get("label_delay_ms", 0)),
        mature_before_ms(path),
        has_weights,
    )


def add_memory_rows_max(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--memory-rows-max",
        type=int,
        default=MEMORY_ROWS_MAX,
        help="more rows than this are kept in temporary files in TMPDIR (default 2,000,000)",
    )


def _check_columns(path: Path, present: dict[str, str], spec: FeatureSpec) -> None:
    expected = [*KEY_COLUMNS, *spec.names]
    if list(present) != expected:
        difference = next(
            (
                f"column {position} is {found or 'missing'}, but should be {wanted or 'absent'}"
                for position, (found, wanted) in enumerate(_pairs(list(present), expected), start=1)
                if found != wanted
            ),
            "",
        )
        raise TrainingError(
            f"{path} does not have the columns of feature spec {spec.version}: {difference}. "
            "Run the backfill again with the current spec."
        )
    for name, types in [*KEY_COLUMNS.items(), *((name, FEATURE_TYPES) for name in spec.names)]:
        if present[name] not in types:
            raise TrainingError(f"{path}: the column {name} is {present[name]}, but should be {' or '.join(types)}.")


def _pairs(left: list[str], right: list[str]) -> list[tuple[str | None, str | None]]:
    length = max(len(left), len(right))
    return [(left[i] if i < len(left) else None, right[i] if i < len(right) else None) for i in range(length)]


def _faults(table: str, spec: FeatureSpec) -> list[str]:
    checks = {
        "have no client_transaction_id": "client_transaction_id IS NULL",
        "have no card_token": "card_token IS NULL",
        "have no occurred_at_ms": "occurred_at_ms IS NULL",
        "have a label older than the payment": "labelled_at_ms < occurred_at_ms",
        "have a label time without a label": "labelled_at_ms IS NOT NULL AND fraud IS NULL",
        "have a value other than 0 or 1 in fraud": "fraud::BIGINT NOT IN (0, 1)",
    }
    for name in spec.names:
        # Values that do not fit into float32 become infinite, and would reach the model as infinite values.
        value = sql_name(name)
        checks[f"have no finite value in {name}"] = (
            f"{value} IS NULL OR NOT coalesce(abs({value}) <= 3.4028235e38, false)"
        )
    counts = ", ".join(f"count(*) FILTER ({condition})" for condition in checks.values())
    row = query(f"SELECT {counts}, count(*) - count(DISTINCT client_transaction_id) FROM {table}").fetchall()[0]
    faults = [f"{count} rows {sentence}" for sentence, count in zip(checks, row, strict=False) if count > 0]
    # Rows without an id were reported above and do not count as duplicates.
    repeated = row[-1] - row[0]
    return [*faults, f"{repeated} rows repeat a client_transaction_id"] if repeated > 0 else faults


def _count(source: str) -> int:
    return int(query(f"SELECT count(*) FROM {source}").fetchall()[0][0])
