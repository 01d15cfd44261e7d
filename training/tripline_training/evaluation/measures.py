"""Measures of scores with a weight per row, because in a bootstrap a card may count several times or not at all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tripline_training.metrics import CALIBRATION_BINS, calibration_places, weighted_mean

Floats = NDArray[np.float64]
FALSE_POSITIVE_RATES = (0.001, 0.005, 0.01, 0.05)
MEASURE_TITLES = {
    "average_precision": "average precision",
    "auc_roc": "AUC ROC",
    "card_precision_at_100": "Card Precision@100",
    "recall_at_fpr_0.001": "recall at 0.1 % false positives",
    "recall_at_fpr_0.005": "recall at 0.5 % false positives",
    "recall_at_fpr_0.01": "recall at 1 % false positives",
    "recall_at_fpr_0.05": "recall at 5 % false positives",
    "ece": "expected calibration error",
    "value_detection_rate": "value detection rate: share of the fraud amount that is stopped",
    "first_fraud_recall": "recall on each card's first fraud",
    "money_saved": "money saved",
    "money_saved_share": "share of the possible savings",
}
"""The names of `measure_all`'s measures in report and model card, in order."""


@dataclass(frozen=True)
class Ranking:
    """The steps of a set of scores from the highest to the lowest. Equal scores are in the same step."""

    order: NDArray[np.int64]
    ends: NDArray[np.int64]
    """The last position within `order` of each step."""


@dataclass(frozen=True)
class CalibrationBin:
    rows: int
    frauds: int
    predicted: float
    """Mean score of the payments that the rows represent."""
    observed: float
    """Share of fraud among the same payments."""


def rank_scores(scores: Floats) -> Ranking:
    order = np.argsort(-scores, kind="stable").astype(np.int64)
    ordered = scores[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)).astype(np.int64)
    return Ranking(order, ends)


def counts_from_top(ranking: Ranking, fraud: NDArray[np.int64], weights: Floats) -> tuple[Floats, Floats]:
    """Weighted frauds and genuine payments at or above each step."""
    times = weights[ranking.order]
    is_fraud = fraud[ranking.order] == 1
    frauds = np.cumsum(np.where(is_fraud, times, 0.0))[ranking.ends]
    genuine = np.cumsum(np.where(is_fraud, 0.0, times))[ranking.ends]
    return frauds, genuine


def average_precision(frauds: Floats, genuine: Floats) -> float:
    """Sum over the steps of precision times the increase in recall, as scikit-learn defines it."""
    alerts = np.maximum(frauds + genuine, 1e-300)
    steps = np.diff(frauds, prepend=0.0) / frauds[-1]
    return float(np.sum(steps * frauds / alerts))


def auc_roc(frauds: Floats, genuine: Floats) -> float:
    """Area under the curve by the trapezoidal rule, in which ties count as half."""
    steps = np.diff(genuine, prepend=0.0)
    heights = frauds - np.diff(frauds, prepend=0.0) / 2
    return float(np.sum(steps * heights) / (frauds[-1] * genuine[-1]))


def recall_at_false_positive_rate(frauds: Floats, genuine: Floats, rate: float) -> float:
    """The largest share of fraud that a threshold finds if it stops at most `rate` of the genuine payments."""
    allowed = frauds[genuine <= rate * genuine[-1] + 1e-9]
    return float(allowed[-1] / frauds[-1]) if len(allowed) else 0.0


def calibration_bins(
    scores: Floats, fraud: NDArray[np.int64], weights: Floats | None = None, bins: int = CALIBRATION_BINS
) -> list[CalibrationBin]:
    """Bins with approximately equal numbers of rows, lowest scores first. Equal scores are in the same bin."""
    times = np.ones(len(fraud)) if weights is None else weights
    places = calibration_places(scores, same_mass=True, bins=bins)
    parts = [np.flatnonzero(places == place) for place in np.unique(places)]
    return [
        CalibrationBin(
            rows=len(part),
            frauds=int(fraud[part].sum()),
            predicted=weighted_mean(scores[part], times[part]),
            observed=weighted_mean(fraud[part], times[part]),
        )
        for part in parts
    ]
