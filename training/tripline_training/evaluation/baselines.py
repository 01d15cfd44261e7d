"""Simple baselines for a model, based on the same feature vectors, or on the original columns of the file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from tripline_training.data.tables import arrays, columns_of, require_columns, sql_name, table_at
from tripline_training.errors import TrainingError

Floats = NDArray[np.float64]
Texts = NDArray[np.object_]

TRAIN_ROWS_MAX = 300_000
"""With more rows, a baseline is slower and hardly better. All frauds are kept."""
CATEGORIES_MAX = 50
"""Number of a text's most frequent values that get an indicator column in a logistic regression."""
ITERATIONS_MAX = 2_000
ID = "client_transaction_id"


@dataclass(frozen=True)
class RawColumns:
    """Original columns of the file, row by row. A missing number is NaN; a missing text is empty."""

    numbers: dict[str, Floats]
    texts: dict[str, Texts]

    def take(self, rows: NDArray[np.int64]) -> "RawColumns":
        return RawColumns(
            {name: values[rows] for name, values in self.numbers.items()},
            {name: values[rows] for name, values in self.texts.items()},
        )


def read_raw_columns(path: Path, ids: NDArray[np.generic]) -> RawColumns:
    """The columns of these payments, in the same order. Raises TrainingError if a payment is not in the file."""
    types = {name: kind for name, kind in columns_of(require_columns(path, [ID])).items() if name != ID}
    missing = {"DOUBLE": "'NaN'::DOUBLE", "VARCHAR": "''"}
    values = [f"coalesce({sql_name(name)}, {missing[kind]}) AS {sql_name(name)}" for name, kind in types.items()]
    columns = arrays(f"SELECT {', '.join([ID, *values])} FROM {table_at(path)} ORDER BY {ID}")
    known = columns[ID].astype(str)
    places = np.searchsorted(known, ids.astype(str))
    if len(known) == 0 or (known[np.minimum(places, len(known) - 1)] != ids.astype(str)).any():
        raise TrainingError(f"{path} does not contain all payments of the features file: run tripline train again.")
    return RawColumns(
        {name: columns[name].astype(np.float64)[places] for name, kind in types.items() if kind == "DOUBLE"},
        {name: columns[name].astype(object)[places] for name, kind in types.items() if kind == "VARCHAR"},
    )


def rows_to_fit(fraud: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """All frauds, and as many genuine payments as the limit permits."""
    frauds, genuine = np.flatnonzero(fraud == 1), np.flatnonzero(fraud == 0)
    room = max(0, TRAIN_ROWS_MAX - len(frauds))
    if len(genuine) > room:
        genuine = np.random.default_rng(seed).choice(genuine, room, replace=False)
    return np.sort(np.concatenate([frauds, genuine]))


def logistic_on_vectors(train: Floats, fraud: NDArray[np.int64], test: Floats) -> Floats:
    return _logistic(_squeezed(train), fraud, _squeezed(test))


def boosting(train: Floats, fraud: NDArray[np.int64], test: Floats, seed: int) -> Floats:
    model = HistGradientBoostingClassifier(random_state=seed, early_stopping=False)
    return np.asarray(model.fit(train, fraud).predict_proba(test)[:, 1])


def logistic_on_raw(train: RawColumns, fraud: NDArray[np.int64], test: RawColumns) -> Floats:
    """Missing numbers are replaced with the median of the training rows. Each frequent text gets an indicator column.
    """
    columns = [_filled(values, test.numbers[name]) for name, values in train.numbers.items()]
    columns += [_indicators(values, test.texts[name]) for name, values in train.texts.items()]
    left = _stack([train_part for train_part, _ in columns], len(fraud))
    right = _stack([test_part for _, test_part in columns], _rows_of(test))
    return _logistic(left, fraud, right)


def boosting_on_raw(train: RawColumns, fraud: NDArray[np.int64], test: RawColumns, seed: int) -> Floats:
    """Each text is replaced with its rank by frequency. A text that occurs only in the test rows counts as missing."""
    columns = [(values, test.numbers[name]) for name, values in train.numbers.items()]
    columns += [_ranked(values, test.texts[name]) for name, values in train.texts.items()]
    left = _stack([train_part for train_part, _ in columns], len(fraud))
    right = _stack([test_part for _, test_part in columns], _rows_of(test))
    return boosting(left, fraud, right, seed)


def _logistic(train: Floats, fraud: NDArray[np.int64], test: Floats) -> Floats:
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    spread = np.where(deviation > 0, deviation, 1)
    model = LogisticRegression(max_iter=ITERATIONS_MAX).fit((train - mean) / spread, fraud)
    return np.asarray(model.predict_proba((test - mean) / spread)[:, 1])


def _squeezed(values: Floats) -> Floats:
    """Takes logarithms, because amounts and counts are skewed. Keeps the sign."""
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


def _filled(train: Floats, test: Floats) -> tuple[Floats, Floats]:
    present = train[np.isfinite(train)]
    median = float(np.median(present)) if len(present) else 0.0
    left = np.where(np.isfinite(train), train, median)
    right = np.where(np.isfinite(test), test, median)
    return _squeezed(left)[:, None], _squeezed(right)[:, None]


def _frequent(values: Texts) -> list[str]:
    names, counts = np.unique(values.astype(str), return_counts=True)
    return [str(name) for name in names[np.argsort(-counts, kind="stable")]]


def _indicators(train: Texts, test: Texts) -> tuple[Floats, Floats]:
    names = np.array(_frequent(train)[:CATEGORIES_MAX])
    left, right = (np.equal(part.astype(str)[:, None], names[None, :]) for part in (train, test))
    return left.astype(np.float64), right.astype(np.float64)


def _ranked(train: Texts, test: Texts) -> tuple[Floats, Floats]:
    places = {name: float(place) for place, name in enumerate(_frequent(train))}
    return (
        np.array([places[str(value)] for value in train]),
        np.array([places.get(str(value), np.nan) for value in test]),
    )


def _stack(columns: list[Floats], rows: int) -> Floats:
    return np.column_stack(columns) if columns else np.zeros((rows, 1))


def _rows_of(raw: RawColumns) -> int:
    return len(next(iter([*raw.numbers.values(), *raw.texts.values()]), np.zeros(0)))
