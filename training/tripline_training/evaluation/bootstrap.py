"""Intervals of measures by a bootstrap over cards, because the payments of one card are not independent of each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.days import DAY_MS
from tripline_training.evaluation.cost_matrix import CostMatrix, money_saved, stop_by_expected_cost
from tripline_training.evaluation.measures import (
    FALSE_POSITIVE_RATES,
    Ranking,
    auc_roc,
    average_precision,
    counts_from_top,
    rank_scores,
    recall_at_false_positive_rate,
)
from tripline_training.evaluation.read_scored import Scored
from tripline_training.metrics import card_precision_top_k, expected_calibration_error

PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True)
class Estimate:
    value: float
    low: float | None
    """2.5th percentile of the bootstrap; None without a bootstrap."""
    high: float | None

    def as_json(self) -> dict[str, float | None]:
        return {"value": self.value, "low": self.low, "high": self.high}


def measure_all(scored: Scored, costs: CostMatrix) -> dict[str, float]:
    """Every measure of the report on all rows."""
    every = Draw(scored.times, np.arange(len(scored)), scored.cards)
    measures = _measure_draw(scored, costs, rank_scores(scored.scores), every)
    measures["ece"] = expected_calibration_error(scored.scores, scored.fraud, same_mass=True, weights=scored.weights)
    return measures


def bootstrap(scored: Scored, costs: CostMatrix, replicates: int, seed: int) -> dict[str, Estimate]:
    """Measures with their 95 % intervals.

    The same rows, number of replicates and seed always produce the same intervals. Draws whole cards with replacement.
    A card that is drawn twice counts as two cards in Card Precision@100.
    """
    measures = measure_all(scored, costs)
    samples: dict[str, list[float]] = {name: [] for name in measures}
    ranking = rank_scores(scored.scores)
    for draw in draw_cards(scored.cards, scored.fraud, replicates, seed):
        rows = draw.rows
        drawn = _measure_draw(scored, costs, ranking, replace(draw, times=draw.times * scored.times))
        drawn["ece"] = expected_calibration_error(
            scored.scores[rows], scored.fraud[rows], same_mass=True, weights=scored.times[rows]
        )
        for name, value in drawn.items():
            samples[name].append(value)
    return {name: estimate_of(value, samples[name]) for name, value in measures.items()}


@dataclass(frozen=True)
class Draw:
    """How many times each row counts, and the same rows written out in time order, with the card of each row."""

    times: NDArray[np.float64]
    rows: NDArray[np.int64]
    cards: NDArray[np.int64]


def draw_cards(cards: NDArray[np.int64], fraud: NDArray[np.int64], replicates: int, seed: int) -> Iterator[Draw]:
    """Samples of whole cards, which are numbered from 0. Samples without fraud, or with nothing else, are omitted."""
    random = np.random.default_rng(seed)
    count = int(cards.max()) + 1
    for _ in range(replicates):
        times = random.multinomial(count, np.full(count, 1 / count))[cards]
        if not (times[fraud == 1].sum() and times[fraud == 0].sum()):
            continue
        rows = np.repeat(np.arange(len(cards)), times)
        # Numbers the copies of a card's rows 0, 1, ... and treats each copy as a separate card.
        copy = np.arange(len(rows)) - np.repeat(np.cumsum(times) - times, times)
        yield Draw(times.astype(np.float64), rows, cards[rows] + count * copy)


def _measure_draw(scored: Scored, costs: CostMatrix, ranking: Ranking, draw: Draw) -> dict[str, float]:
    weights, rows, cards = draw.times, draw.rows, draw.cards
    frauds, genuine = counts_from_top(ranking, scored.fraud, weights)
    money = money_saved(costs, scored.amounts, scored.fraud, scored.scores, weights)
    days = scored.occurred_at_ms[rows] // DAY_MS
    stopped = stop_by_expected_cost(costs, scored.amounts, scored.scores)
    of_frauds = weights * (scored.fraud == 1)
    return {
        "average_precision": average_precision(frauds, genuine),
        "auc_roc": auc_roc(frauds, genuine),
        "card_precision_at_100": card_precision_top_k(days, cards, scored.scores[rows], scored.fraud[rows]),
        **{
            f"recall_at_fpr_{rate:g}": recall_at_false_positive_rate(frauds, genuine, rate)
            for rate in FALSE_POSITIVE_RATES
        },
        "value_detection_rate": _share(of_frauds * scored.amounts, stopped),
        "first_fraud_recall": _share(of_frauds * scored.is_first_fraud, stopped),
        "money_saved": money.saved,
        "money_saved_share": money.saved_share,
    }


def _share(parts: NDArray[np.float64], which: NDArray[np.bool_]) -> float:
    whole = float(parts.sum())
    return float(parts[which].sum()) / whole if whole > 0 else 0.0


def estimate_of(value: float, sample: list[float]) -> Estimate:
    """A value with the 95 % interval of its bootstrap samples."""
    if not sample:
        return Estimate(value, None, None)
    low, high = np.percentile(np.array(sample), PERCENTILES)
    return Estimate(value, float(low), float(high))
