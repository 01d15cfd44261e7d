"""Consecutive days at the end of the rows, each of which is predicted from rows at least a label delay earlier."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.data.days import DAY_MS
from tripline_training.data.sampling import sample_weighted
from tripline_training.trees.calibration import FRAUDS_MIN
from tripline_training.trees.fit_calibrated import select_rows

FOLDS_MAX = 4
FOLDS_MIN = 2
FOLD_DAYS_MAX = 7
LEARN_ROWS_MAX = 100_000
"""Training rows of a fold: all frauds, and a sample of the genuine payments, each weighted up."""
GENUINE_SHARE_MIN = 0.01
LATER_ROWS_MAX = 200_000
"""Maximum rows on which a fold is measured: whole cards, because intervals are computed over cards."""


@dataclass(frozen=True)
class Fold:
    """Limits the rows, so that all folds together need less memory than the original rows."""

    learn: Rows
    weights: NDArray[np.float64]
    """Additional weights of the training rows, on top of their own weights."""
    later: Rows


def forward_folds(rows: Rows, delay_ms: int) -> list[Fold]:
    """Up to four folds of at most a week, oldest first; fewer if frauds are rare.

    Empty if there are too few days for two folds that have 20 payments of each class, both for training and for
    measuring.
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
        first, begin, end = np.searchsorted(at, [from_ms - delay_ms, from_ms, from_ms + days * DAY_MS])
        chosen, weights = _some_genuine(rows.fraud[:first])
        later = begin + _some_cards(rows.cards[begin:end])
        folds.append(Fold(select_rows(rows, chosen), weights, select_rows(rows, later)))
    return folds


def _some_genuine(fraud: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Positions of the training rows, and weights that keep the probabilities unbiased."""
    frauds = int(fraud.sum())
    share = (LEARN_ROWS_MAX - frauds) / max(1, len(fraud) - frauds)
    return sample_weighted(fraud, min(1.0, max(GENUINE_SHARE_MIN, share)), seed=0)


def _some_cards(cards: NDArray[np.generic]) -> NDArray[np.int64]:
    """Positions of the payments of a limited number of cards, on which a fold is measured."""
    if len(cards) <= LATER_ROWS_MAX:
        return np.arange(len(cards))
    names, numbers = np.unique(cards, return_inverse=True)
    chosen = np.random.default_rng(0).random(len(names)) < LATER_ROWS_MAX / len(cards)
    return np.flatnonzero(chosen[numbers])


def _has_enough(rows: Rows) -> bool:
    frauds = int(rows.fraud.sum())
    return min(frauds, len(rows) - frauds) >= FRAUDS_MIN
