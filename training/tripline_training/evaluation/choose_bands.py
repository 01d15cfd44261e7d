"""Chooses the score bands that would have saved the most on given payments."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.days import DAY_MS
from tripline_training.evaluation.band_costs import BandCosts, gains_of_declining, gains_of_reviewing
from tripline_training.evaluation.read_scored import Scored

Floats = NDArray[np.float64]

EDGES = 60
"""Number of scores to try as the start of a band."""
SCORE_MIN = 0.001
"""No band starts below this score."""


@dataclass(frozen=True)
class Bands:
    """Where the bands for reviews and declines start; None if there is no such band."""

    review_from: float | None
    decline_from: float | None

    def as_json(self) -> dict[str, float | None]:
        return asdict(self)


@dataclass(frozen=True)
class BandFold:
    """Payments of several days in time order; each array has one entry per row."""

    day: NDArray[np.int64]
    amounts: Floats
    fraud: NDArray[np.int64]
    scores: Floats
    times: Floats
    """How many payments each row represents."""

    @property
    def days(self) -> int:
        return len(np.unique(self.day))


@dataclass(frozen=True)
class Saved:
    saved: float
    reviews: float


def fold_of(scored: Scored, part: slice) -> BandFold:
    return BandFold(
        day=scored.occurred_at_ms[part] // DAY_MS,
        amounts=scored.amounts[part],
        fraud=scored.fraud[part],
        scores=scored.scores[part],
        times=scored.times[part],
    )


def savings_of(fold: BandFold, bands: Bands, costs: BandCosts) -> Saved:
    """Savings from the bands compared with approving every payment."""
    review_from = np.inf if bands.review_from is None else bands.review_from
    decline_from = np.inf if bands.decline_from is None else bands.decline_from
    saved, reviews = _savings(fold, np.array([review_from]), np.array([decline_from]), costs)
    return Saved(float(saved[0, 0]), float(reviews[0, 0]))


def choose_bands(folds: list[BandFold], costs: BandCosts) -> Bands:
    """The bands that save the most over all folds. If several are equally good, those that stop the fewest payments."""
    edges = _edges(np.concatenate([fold.scores for fold in folds]))
    saved = np.sum([_savings(fold, edges, edges, costs)[0] for fold in folds], axis=0)
    best = np.flatnonzero(saved.ravel() >= saved.max() - 1e-9)[-1]
    review, decline = (float(edges[at]) for at in np.unravel_index(best, saved.shape))
    # If reviews start at or above the declines, no payment is reviewed.
    return Bands(
        review_from=review if review < decline else None,
        decline_from=decline if np.isfinite(decline) else None,
    )


def _edges(scores: Floats) -> Floats:
    """Scores at geometrically spaced ranks from the top, rounded as in a policy, and infinity for no band."""
    high = np.sort(scores[scores >= SCORE_MIN])[::-1]
    if len(high) == 0:
        return np.array([np.inf])
    at = np.unique(np.geomspace(1, len(high), EDGES).round().astype(np.int64)) - 1
    rounded = np.array([float(f"{score:.3g}") for score in high[at]])
    return np.append(np.unique(rounded), np.inf)


def _savings(fold: BandFold, review_from: Floats, decline_from: Floats, costs: BandCosts) -> tuple[Floats, Floats]:
    """Savings and number of reviews: one row per start of the reviews, one column per start of the declines."""
    near = np.flatnonzero(fold.scores >= min(review_from.min(), decline_from.min()))
    scores, times, day = fold.scores[near], fold.times[near], fold.day[near]
    declining = gains_of_declining(costs, fold.amounts[near], fold.fraud[near]) * times
    reviewing = gains_of_reviewing(costs, fold.amounts[near], fold.fraud[near]) * times
    # For each row, the first row of its day.
    begins = np.searchsorted(day, day, side="left")
    saved = np.zeros((len(review_from), len(decline_from)))
    reviews = np.zeros_like(saved)
    for column, decline in enumerate(decline_from):
        is_declined = scores >= decline
        by_declines = float(declining[is_declined].sum())
        for row, review in enumerate(review_from):
            is_reviewed = (scores >= review) & ~is_declined
            kept = within_capacity(is_reviewed * times, begins, costs.reviews_per_day)
            share = np.divide(kept, times, out=np.zeros_like(times), where=times > 0)
            saved[row, column] = by_declines + float((reviewing * share).sum())
            reviews[row, column] = float(kept.sum())
    return saved, reviews


def within_capacity(wanted: Floats, begins: NDArray[np.int64], capacity: float) -> Floats:
    """The part of each wanted review that fits into its day's capacity, in payment order."""
    before = np.cumsum(wanted) - wanted
    return np.asarray(np.clip(capacity - (before - before[begins]), 0, wanted))
