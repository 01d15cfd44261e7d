"""Compares two models on the same payments: the gain of one model over the other, with an interval for the gain itself.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.data.days import DAY_MS
from tripline_training.evaluation.bootstrap import PERCENTILES, draw_cards
from tripline_training.evaluation.measures import average_precision, counts_from_top, rank_scores
from tripline_training.metrics import calibration_curve, card_precision_top_k, expected_calibration_error


@dataclass(frozen=True)
class Gain:
    """The values of one measure: both models, and the 95 % interval of the difference."""

    new: float
    champion: float
    low: float
    high: float

    @property
    def gain(self) -> float:
        return self.new - self.champion

    def as_json(self) -> dict[str, float]:
        return {"new": self.new, "champion": self.champion, "gain_low": self.low, "gain_high": self.high}


@dataclass(frozen=True)
class Comparison:
    rows: int
    frauds: int
    ap: Gain
    cp100: Gain
    ece_new: float
    ece_champion: float
    curve_new: list[dict[str, float | int]]

    def as_json(self) -> dict[str, object]:
        return {
            "rows": self.rows,
            "frauds": self.frauds,
            "average_precision": self.ap.as_json(),
            "card_precision_at_100": self.cp100.as_json(),
            "ece": {"new": self.ece_new, "champion": self.ece_champion},
            "curve": self.curve_new,
        }


Scores = NDArray[np.float64]


def compare_scores(rows: Rows, new: Scores, champion: Scores, replicates: int, seed: int) -> Comparison:
    """Bootstraps over cards. Both models are measured on the same samples, so variation that they share cancels out.

    `rows` must contain frauds and genuine payments.
    """
    cards = np.unique(rows.cards, return_inverse=True)[1].astype(np.int64)
    days = rows.occurred_at_ms // DAY_MS
    rankings = [rank_scores(new), rank_scores(champion)]

    def measures(times: NDArray[np.float64], at: NDArray[np.int64], names: NDArray[np.int64]) -> NDArray[np.float64]:
        """Average precision and card precision of both models."""
        return np.array(
            [[average_precision(*counts_from_top(ranking, rows.fraud, times)) for ranking in rankings],
             [card_precision_top_k(days[at], names, scores[at], rows.fraud[at]) for scores in (new, champion)]]
        )  # fmt: skip

    whole = measures(np.ones(len(rows)), np.arange(len(rows)), cards)
    draws = [measures(draw.times, draw.rows, draw.cards) for draw in draw_cards(cards, rows.fraud, replicates, seed)]
    gains = np.array([drawn[:, 0] - drawn[:, 1] for drawn in draws])
    low, high = np.percentile(gains, PERCENTILES, axis=0)
    ap, cp100 = (Gain(float(whole[i, 0]), float(whole[i, 1]), float(low[i]), float(high[i])) for i in range(2))
    return Comparison(
        rows=len(rows),
        frauds=int(rows.fraud.sum()),
        ap=ap,
        cp100=cp100,
        ece_new=expected_calibration_error(new, rows.fraud, same_mass=True),
        ece_champion=expected_calibration_error(champion, rows.fraud, same_mass=True),
        curve_new=calibration_curve(new, rows.fraud),
    )
