"""Calibration and false positives of segments, with intervals from samples of cards."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tripline_training.evaluation.bootstrap import PERCENTILES

SAMPLES = 500
CARDS_MIN = 10
"""With fewer cards, an interval would be unreliable. The backtest has the same minimum."""
CARDS_WITH_EVENTS_MIN = 5
"""With fewer cards, the samples would vary too little. Without any events, the interval would be 0 to 0."""
CARDS_TOGETHER = 5_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ratio:
    """A ratio of two sums, None if it is undefined. Its 95 % interval is also None if there is too little data."""

    value: float | None
    low: float | None
    high: float | None

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__}


@dataclass(frozen=True)
class Scores:
    """One entry per payment."""

    cards: NDArray[np.generic]
    fraud: NDArray[np.int64]
    scores: NDArray[np.floating]
    times: Floats
    """The number of payments that each entry represents."""
    band: float
    """Genuine payments with at least this score count as false positives."""

    def sums(self) -> Floats:
        """One row per payment, with columns for frauds, expected frauds, false positives and genuine payments."""
        genuine = 1.0 - self.fraud
        columns = [self.fraud, self.scores, genuine * (self.scores >= self.band), genuine]
        return np.column_stack(columns).astype(np.float64) * self.times[:, None]


def ratios_of(of: Scores, parts: list[NDArray[np.bool_]], seed: int) -> list[tuple[Ratio, Ratio]]:
    """For each part, observed divided by expected frauds, and the share of false positives among genuine payments.

    Each sample draws the cards with Poisson weights, which are the same for all parts. Source: N. Chamandy et al.,
    Estimating uncertainty for massive data streams, Google, 2012.
    """
    sums = of.sums()
    width = sums.shape[1]
    card = np.unique(of.cards, return_inverse=True)[1].astype(np.int64)
    order = np.argsort(card, kind="stable")
    of_order = card[order]
    random = np.random.default_rng(seed)
    whole, with_events = np.zeros(width * len(parts)), np.zeros(width * len(parts))
    samples = np.zeros((SAMPLES, width * len(parts)))
    for first in range(0, int(card.max(initial=-1)) + 1, CARDS_TOGETHER):
        rows = order[np.searchsorted(of_order, first) : np.searchsorted(of_order, first + CARDS_TOGETHER)]
        some = _totals(card[rows] - first, sums[rows], [within[rows] for within in parts])
        whole += some.sum(axis=0)
        with_events += (some > 0).sum(axis=0)
        samples += random.poisson(1, (SAMPLES, len(some))) @ some
    found: list[tuple[Ratio, Ratio]] = []
    for at, within in enumerate(parts):
        has_cards = len(np.unique(card[within])) >= CARDS_MIN
        calibration, false_positives = (
            _ratio(whole, samples, events, has_interval=has_cards and with_events[events] >= CARDS_WITH_EVENTS_MIN)
            for events in (width * at, width * at + 2)
        )
        found.append((calibration, false_positives))
    return found


def _totals(card: NDArray[np.int64], sums: Floats, parts: list[NDArray[np.bool_]]) -> Floats:
    """The sums per card, one card per row. Each part has all the columns of `sums`."""
    size = int(card.max(initial=-1)) + 1
    columns = [
        np.bincount(card[within], weights=sums[within, column], minlength=size)
        for within in parts
        for column in range(sums.shape[1])
    ]
    return np.column_stack(columns)


def _ratio(whole: Floats, samples: Floats, events: int, *, has_interval: bool | np.bool_) -> Ratio:
    """The ratio of the column `events` to the next column."""
    below = events + 1
    if whole[below] <= 0:
        return Ratio(None, None, None)
    value = float(whole[events] / whole[below])
    is_drawn = samples[:, below] > 0
    if not has_interval or not is_drawn.any():
        return Ratio(value, None, None)
    low, high = np.percentile(samples[is_drawn, events] / samples[is_drawn, below], PERCENTILES)
    return Ratio(value, float(low), float(high))
