"""Measures of scores: average precision, AUC ROC, Card Precision@k and the calibration error."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from tripline_training.data.days import DAY_MS

CARDS_PER_DAY = 100
"""Number of cards that analysts can review per day in the published benchmark."""

CURVE_BINS = 10
"""Bins of the calibration curve, which users see next to the curve of live payments: tenths of the score range."""

CALIBRATION_BINS = 15
"""The number of bins in Guo et al., https://proceedings.mlr.press/v70/guo17a.html"""


@dataclass(frozen=True)
class Quality:
    rows: int
    frauds: int
    average_precision: float | None
    """None without frauds or without genuine payments, because it is then undefined."""
    auc_roc: float | None
    card_precision_at_100: float | None

    def as_json(self) -> dict[str, float | int | None]:
        return asdict(self)


def measure(
    occurred_at_ms: NDArray[np.int64],
    cards: NDArray[np.generic],
    scores: NDArray[np.floating],
    fraud: NDArray[np.int64],
    weights: NDArray[np.float64] | None = None,
) -> Quality:
    """All measures of one set of payments; the arrays have one entry per row.

    Card precision ranks the payments of a day, so `weights` do not affect it.
    """
    frauds = int(fraud.sum())
    defined = 0 < frauds < len(fraud)
    return Quality(
        rows=len(fraud),
        frauds=frauds,
        average_precision=float(average_precision_score(fraud, scores, sample_weight=weights)) if defined else None,
        auc_roc=float(roc_auc_score(fraud, scores, sample_weight=weights)) if defined else None,
        card_precision_at_100=(
            card_precision_top_k(occurred_at_ms // DAY_MS, cards, scores, fraud) if len(fraud) else None
        ),
    )


def card_precision_top_k(
    day: NDArray[np.int64],
    card: NDArray[np.generic],
    score: NDArray[np.floating],
    fraud: NDArray[np.int64],
    k: int = CARDS_PER_DAY,
) -> float:
    """Mean over days of the share of a day's k most suspicious cards that were compromised on that day.

    The suspicion of a card is its highest score of the day; equal scores are ranked by card. Compromised cards that
    were found are blocked and omitted on later days. The divisor is k even if a day has fewer cards. Definition: Le
    Borgne et al., Reproducible Machine Learning for Credit Card Fraud Detection, chapter 4.4.
    """
    _, card_number = np.unique(card, return_inverse=True)
    found = np.zeros(int(card_number.max(initial=-1)) + 1, dtype=bool)
    precisions: list[float] = []
    for today in np.unique(day):
        rows = np.flatnonzero((day == today) & ~found[card_number])
        seen, position = np.unique(card_number[rows], return_inverse=True)
        highest = np.full(len(seen), -np.inf)
        compromised = np.zeros(len(seen), dtype=bool)
        np.maximum.at(highest, position, score[rows])
        np.logical_or.at(compromised, position, fraud[rows] == 1)
        top = np.lexsort((seen, -highest))[:k]
        hits = top[compromised[top]]
        found[seen[hits]] = True
        precisions.append(len(hits) / k)
    return float(np.mean(precisions))


def calibration_places(
    scores: NDArray[np.floating], same_mass: bool, bins: int = CALIBRATION_BINS
) -> NDArray[np.int64]:
    """The number of each score's bin, starting with the lowest scores. Equal scores are in the same bin."""
    shares = np.linspace(0, 1, bins + 1)[1:-1]
    edges = np.quantile(scores, shares) if same_mass else shares
    return np.searchsorted(edges, scores, side="left").astype(np.int64)


def calibration_curve(
    scores: NDArray[np.floating], fraud: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> list[dict[str, float | int]]:
    """For each non-empty tenth of the score range: the mean score, the share of fraud, and the number of rows."""
    times = np.ones(len(fraud)) if weights is None else weights
    tenths = np.minimum((scores * CURVE_BINS).astype(np.int64), CURVE_BINS - 1)
    return [
        {
            "mean_score": weighted_mean(scores[tenths == tenth], times[tenths == tenth]),
            "fraud_share": weighted_mean(fraud[tenths == tenth], times[tenths == tenth]),
            "rows": int((tenths == tenth).sum()),
        }
        for tenth in np.unique(tenths)
    ]


def weighted_mean(values: NDArray[np.generic], times: NDArray[np.float64]) -> float:
    return float(np.average(values.astype(np.float64), weights=times))


def expected_calibration_error(
    scores: NDArray[np.floating],
    fraud: NDArray[np.int64],
    same_mass: bool,
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Mean distance between predicted probability and share of fraud over 15 bins, weighted by their payments.

    The bins have equal widths (Guo et al., 2017) or, with `same_mass`, approximately equal numbers of rows: if nearly
    all scores are small, as with fraud, nearly all rows would otherwise be in a single bin.
    """
    if len(scores) == 0:
        return 0.0
    places = calibration_places(scores, same_mass)
    times = np.ones(len(scores)) if weights is None else weights
    gap = np.bincount(places, weights=times * (scores.astype(np.float64) - fraud), minlength=CALIBRATION_BINS)
    return float(np.abs(gap).sum() / times.sum())
