"""Distances between the values of one day and the values of earlier days."""

import math

import numpy as np
from numpy.typing import NDArray

BINS = 10
DISTINCT_VALUES_MAX = 20
"""Up to this many distinct values get their own bins."""
SMOOTHING = 0.5
"""Added to each bin's count, so that an empty bin gives a large but finite distance."""

Counts = NDArray[np.int64]


def bin_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inner edges of the bins: each value belongs to the bin of the last edge that does not exceed it."""
    distinct = np.unique(values)
    if len(distinct) <= DISTINCT_VALUES_MAX:
        return distinct
    # If one value, such as a default, fills more than a bin, it becomes an edge, and so does the next larger value, so
    # that it gets its own bin.
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
    beside = [
        float(distinct[distinct > edge][0])
        for edge in edges
        if np.mean(values == edge) > 1 / BINS and edge < distinct[-1]
    ]
    return np.unique(np.concatenate([edges, beside]))


def rank_categories(values: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rank of each code by its frequency in the reference. All rare codes share the last rank.

    Each frequent value therefore gets its own bin, whatever its code.
    """
    codes, counts = np.unique(reference, return_counts=True)
    frequent = codes[np.argsort(-counts, kind="stable")][: DISTINCT_VALUES_MAX - 1]
    ranks = np.full(len(values), float(len(frequent)))
    for rank, code in enumerate(frequent):
        ranks[values == code] = rank
    return ranks


def count_bins(values: NDArray[np.float64], edges: NDArray[np.float64]) -> Counts:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def population_stability_index(before: Counts, now: Counts) -> float:
    """Sum over the bins of (q - p) * ln(q / p): Siddiqi, Credit Risk Scorecards, 2006. 0 if nothing changed.

    In practice, 0.1 is considered a noticeable shift, and 0.25 a large one.
    """
    bins = len(before)
    p = (before + SMOOTHING) / (before.sum() + SMOOTHING * bins)
    q = (now + SMOOTHING) / (now.sum() + SMOOTHING * bins)
    return float(np.sum((q - p) * np.log(q / p)))


def log_odds_difference(before: tuple[int, int], now: tuple[int, int]) -> float:
    """How much the log odds of fraud rose. Counts are (labels, frauds). ln 2 means about twice the share of fraud."""

    def log_odds(labels: int, frauds: int) -> float:
        return math.log((frauds + SMOOTHING) / (labels - frauds + SMOOTHING))

    return log_odds(*now) - log_odds(*before)
