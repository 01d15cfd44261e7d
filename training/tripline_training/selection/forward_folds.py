"""Consecutive days at the end of the rows, each predicted from what lies a label delay before it."""

from dataclasses import dataclass

import numpy as np

from tripline_training.data.dataset import Rows
from tripline_training.data.days import DAY_MS
from tripline_training.trees.calibration import FRAUDS_MIN
from tripline_training.trees.fit_calibrated import select_rows

FOLDS_MAX = 4
FOLDS_MIN = 2
FOLD_DAYS_MAX = 7
LATER_ROWS_MAX = 200_000
"""Rows that a fold is measured on: of whole cards, since an interval is drawn over cards."""


@dataclass(frozen=True)
class Fold:
    learn: Rows
    later: Rows


def forward_folds(rows: Rows, delay_ms: int) -> list[Fold]:
    """Up to four folds of at most a week, oldest first; fewer where frauds are rare.

    Empty where the days are too few for two of them, each with 20 payments of either kind to learn from and to measure.
    """
    for count in range(FOLDS_MAX, FOLDS_MIN - 1, -1):
        folds = _lay_out(rows, delay_ms, count)
        if folds and all(_has_enough(part) for fold in folds for part in (fold.learn, fold.later)):
            return folds
    return []


def _lay_out(rows: Rows, delay_ms: int, count: int) -> list[Fold]:
    at = rows.occurred_at_ms
    spanned_ms = int(at[-1] - at[0]) + 1
    days = min(FOLD_DAYS_MAX, (spanned_ms - delay_ms) // ((count + 1) * DAY_MS))
    if days < 1:
        return []
    end_ms = int(at[-1]) + 1
    folds = []
    for number in range(count):
        from_ms = end_ms - (count - number) * days * DAY_MS
        later = select_rows(rows, (at >= from_ms) & (at < from_ms + days * DAY_MS))
        folds.append(Fold(select_rows(rows, at < from_ms - delay_ms), _some_cards(later)))
    return folds


def _some_cards(rows: Rows) -> Rows:
    if len(rows) <= LATER_ROWS_MAX:
        return rows
    cards, numbers = np.unique(rows.cards, return_inverse=True)
    chosen = np.random.default_rng(0).random(len(cards)) < LATER_ROWS_MAX / len(rows)
    return select_rows(rows, chosen[numbers])


def _has_enough(rows: Rows) -> bool:
    frauds = int(rows.fraud.sum())
    return min(frauds, len(rows) - frauds) >= FRAUDS_MIN
