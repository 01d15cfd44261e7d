"""Compares two models on the same payments: the gain of one model over the other, with an interval for the gain itself.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.data.days import DAY_MS
from tripline_training.evaluation.bootstrap import PERCENTILES, draw_cards
from tripline_training.evaluation.measures import average_precision, counts_from_top, rank_scores
from tripline_training.metrics import calibration_curve, card_precision_top_k
from tripline_training.retraining.measure_calibration import BandRatio, describe_bands, losses, ratios


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
    log_loss: Gain
    """Lower is better, so a positive difference is worse."""
    bands: list[BandRatio]
    curve_new: list[dict[str, float | int]]

    def as_json(self) -> dict[str, object]:
        return {
            "rows": self.rows,
            "frauds": self.frauds,
            "average_precision": self.ap.as_json(),
            "card_precision_at_100": self.cp100.as_json(),
            "log_loss": self.log_loss.as_json(),
            "bands": [band.as_json() for band in self.bands],
            "curve": self.curve_new,
        }


Scores = NDArray[np.float64]


def compare_scores(
    rows: Rows, new: Scores, champion: Scores, replicates: int, seed: int, bands: tuple[float, ...]
) -> Comparison:
    """Bootstraps over cards. Both models are measured on the same samples, so variation that they share cancels out.

    `rows` must contain frauds and genuine payments. `bands` are the scores from which the policy acts.
    """
    cards = np.unique(rows.cards, return_inverse=True)[1].astype(np.int64)
    days = rows.occurred_at_ms // DAY_MS
    rankings = [rank_scores(new), rank_scores(champion)]
    row_losses = [losses(new, rows.fraud), losses(champion, rows.fraud)]
    # Explored payments represent similar declines.
    own = np.ones(len(rows)) if rows.weights is None else rows.weights

    def measures(times: NDArray[np.float64], at: NDArray[np.int64], names: NDArray[np.int64]) -> NDArray[np.float64]:
        """Average precision, card precision and log loss of both models."""
        return np.array(
            [[average_precision(*counts_from_top(ranking, rows.fraud, times)) for ranking in rankings],
             [card_precision_top_k(days[at], names, scores[at], rows.fraud[at]) for scores in (new, champion)],
             [float(np.average(loss, weights=times)) for loss in row_losses]]
        )  # fmt: skip

    whole = measures(own, np.arange(len(rows)), cards)
    drawn, drawn_ratios = [], []
    # A draw takes as much memory as the rows, so only one is kept at a time.
    for draw in draw_cards(cards, rows.fraud, replicates, seed):
        times = draw.times * own
        drawn.append(measures(times, draw.rows, draw.cards))
        drawn_ratios.append(ratios(new, rows.fraud, times, bands))
    low, high = np.percentile(np.array([each[:, 0] - each[:, 1] for each in drawn]), PERCENTILES, axis=0)
    ap, cp100, log_loss = (
        Gain(float(whole[i, 0]), float(whole[i, 1]), float(low[i]), float(high[i])) for i in range(len(whole))
    )
    return Comparison(
        rows=len(rows),
        frauds=int(rows.fraud.sum()),
        ap=ap,
        cp100=cp100,
        log_loss=log_loss,
        bands=describe_bands((new, champion), rows.fraud, bands, np.array(drawn_ratios), own),
        curve_new=calibration_curve(new, rows.fraud, rows.weights),
    )
