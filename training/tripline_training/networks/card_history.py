"""All payments of a features file, and for each the payments of its card before it.

History is point in time: what stands in a payment's history took place before it, with the features that were known
when it was decided. Labels are not inputs, so an unlabelled payment is history like any other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.dataset import Dataset, Rows, Span
from tripline_training.data.tables import arrays, sql_name, table_at
from tripline_training.errors import TrainingError

NEVER = 2**62
NONE = -1
"""Stands in a history where the card had no such payment."""
UNKNOWN = -1


@dataclass(frozen=True)
class Payments:
    """Every payment of a file in the order of (event time, id), labelled or not."""

    rows: Rows
    """`fraud` is -1 without a label."""
    labelled_at_ms: NDArray[np.int64]
    """Far in the future where there is no label."""

    def known(self, span: Span, known_by_ms: int) -> NDArray[np.int64]:
        """Positions of the payments of a span whose label was known by then."""
        return np.flatnonzero(self._within(span) & (self.labelled_at_ms <= known_by_ms))

    def with_truth(self, span: Span) -> NDArray[np.int64]:
        """Positions of the labelled payments of a span."""
        return self.known(span, NEVER - 1)

    def _within(self, span: Span) -> NDArray[np.bool_]:
        at = self.rows.occurred_at_ms
        return (at >= span.from_ms) & (at < span.to_ms)


def read_payments(dataset: Dataset) -> Payments:
    """Holds the whole file in memory, 4 bytes per feature."""
    features = ", ".join(f"{sql_name(name)}::FLOAT AS {sql_name(name)}" for name in dataset.spec.names)
    columns = arrays(
        "SELECT client_transaction_id, card_token, occurred_at_ms, "
        f"coalesce(CASE WHEN fraud IS NULL THEN NULL ELSE labelled_at_ms END, {NEVER}) AS labelled_at_ms, "
        f"coalesce(fraud::BIGINT, {UNKNOWN}) AS fraud, {features} FROM {table_at(dataset.path)} "
        "ORDER BY occurred_at_ms, client_transaction_id"
    )
    rows = Rows(
        ids=columns["client_transaction_id"],
        cards=columns["card_token"],
        occurred_at_ms=columns["occurred_at_ms"].astype(np.int64),
        fraud=columns["fraud"].astype(np.int64),
        features=np.column_stack([columns.pop(name).astype(np.float32) for name in dataset.spec.names]),
    )
    return Payments(rows, columns["labelled_at_ms"].astype(np.int64))


def select(rows: Rows, positions: NDArray[np.int64]) -> Rows:
    """The rows at these positions."""
    return Rows(*(column[positions] for column in rows.columns))


def earlier_payments(cards: NDArray[np.generic], length: int) -> NDArray[np.int64]:
    """Positions of the card's last `length - 1` payments before each, the newest first; -1 where there is none.

    The rows must be in the order in which the payments took place.
    """
    if length < 2:
        raise TrainingError(f"A sequence of {length} payments has no history: the length must be at least 2.")
    _, numbers = np.unique(cards, return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    found = np.full((len(cards), length - 1), NONE, dtype=np.int64)
    for back in range(1, length):
        later, earlier = order[back:], order[:-back]
        same = numbers[later] == numbers[earlier]
        found[later[same], back - 1] = earlier[same]
    return found


def sequence_names(names: tuple[str, ...], length: int) -> tuple[str, ...]:
    """Names of the model's columns: the payment's own, then for each earlier one the same and whether it is there.

    `amount@-1` is the amount of the card's payment before; `present@-1` is 1, or 0 where there was none, and then the
    other columns of that payment are 0.
    """
    if "present" in names:
        raise TrainingError("A feature called present cannot be told from what says whether a payment is there.")
    earlier = [f"{name}@-{back}" for back in range(1, length) for name in (*names, "present")]
    return (*names, *earlier)


def sequence_rows(
    features: NDArray[np.float32], history: NDArray[np.int64], positions: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The model's columns for the payments at `positions`, in the order of `sequence_names`."""
    back = history[positions]
    present = (back != NONE).astype(np.float32)[..., None]
    earlier = features[np.maximum(back, 0)] * present
    blocks = np.concatenate([earlier, present], axis=2).reshape(len(positions), -1)
    return np.concatenate([features[positions], blocks], axis=1)
