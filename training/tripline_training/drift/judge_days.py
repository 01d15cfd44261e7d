"""Finds days that differ from the preceding days by more than usual."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.special import stdtr, stdtrit

from tripline_training.drift.measure_distance import (
    bin_edges,
    count_bins,
    log_odds_difference,
    population_stability_index,
    rank_categories,
)
from tripline_training.drift.read_days import Column, Days
from tripline_training.errors import TrainingError

OUTCOME = "fraud_share"
SPREAD_MIN = 0.05
"""Minimum standard deviation of the log odds of fraud from day to day."""


@dataclass(frozen=True)
class Limits:
    window_days: int = 14
    """A day is compared with this many days before it: two whole weeks, because weekends differ from other days."""
    usual_days: int = 14
    """This many days, each compared with the days before it, show the usual distance between days."""
    false_alarms_per_day: float = 0.0001
    """For all columns together. Distances have longer tails than Student's distribution: with 0.001, one of 126
    ordinary days raised an alarm in nine simulated systems with 600 payments per day. In these systems, amounts that
    grow by half have p-values of 1e-8."""
    distance_min: float = 0.1
    """Smaller distances do not matter, however significant they are."""
    outcome_distance_min: float = math.log(2)
    rows_per_day_min: int = 100

    @property
    def days_before(self) -> int:
        return self.window_days + self.usual_days


@dataclass(frozen=True)
class Judgement:
    """The distance of one column on one day."""

    column: str
    kind: str
    """One of `feature`, `score`, `outcome` and `performance`."""
    distance: float
    """Population stability index; for outcomes, the difference in log odds; for performance, the decrease."""
    threshold: float
    p_value: float
    """Probability of a distance this large on a usual day."""
    drifted: bool


@dataclass(frozen=True)
class DayVerdict:
    day: int
    rows: int
    judgements: list[Judgement]

    @property
    def drifted(self) -> list[Judgement]:
        """The columns that drifted, starting with the one that is farthest above its threshold."""
        found = [judgement for judgement in self.judgements if judgement.drifted]
        return sorted(found, key=lambda judgement: judgement.threshold / max(judgement.distance, 1e-300))


def judge_day(days: Days, day: int, limits: Limits | None = None) -> DayVerdict:
    """Compares a day with the `window_days` before it.

    A distance counts as drift if it is large enough to matter and larger than chance explains. Chance is measured, not
    assumed: the payments of a card depend on each other, features overlap in time, and weeks have patterns, so the
    p-values of textbook tests would be far too small. The distances of `usual_days` earlier days, each from the days
    before it, have a mean and a spread; a distance is too large if it exceeds Student's prediction limit for one more
    value. By Bonferroni's method, the number of false alarms allowed per day is divided by the number of columns, which
    is valid however the columns depend on each other.

    Raises TrainingError if a day has too few payments or some of the days before it are missing.
    """
    limits = limits or Limits()
    first = day - limits.days_before
    rows = np.bincount(days.day[(days.day >= first) & (days.day <= day)] - first, minlength=limits.days_before + 1)
    if rows.min() < limits.rows_per_day_min:
        thin = int(np.argmin(rows)) - limits.days_before
        raise TrainingError(
            f"Day {date_of(day + thin)} has {rows.min()} payments with every watched value, fewer than the "
            f"{limits.rows_per_day_min} that a comparison of {date_of(day)} needs on it and on the "
            f"{limits.days_before} days before."
        )
    # On a square-root scale, the index of a usual day is approximately normal: n * PSI is approximately chi-squared.
    roots = [np.sqrt(_distances(_counts_by_day(days.day, column, first, day), limits)) for column in days.columns]
    level = limits.false_alarms_per_day / (len(days.columns) + 1)
    bounds = _Bounds(level, spread_min=max(_typical_spread(roots), math.sqrt(0.5 / rows[-1])))
    judgements = [
        _judge(column, values, limits.distance_min, bounds) for column, values in zip(days.columns, roots, strict=True)
    ]
    outcome = _outcome_distances(days, first, limits)
    if outcome is not None:
        judgements.append(_judge_outcome(outcome, limits.outcome_distance_min, level))
    return DayVerdict(day, int(rows[-1]), judgements)


@dataclass(frozen=True)
class _Bounds:
    level: float
    """False alarms allowed per day and column."""
    spread_min: float
    """Among many columns, some vary little over two weeks by chance and would raise an alarm on the first ordinary day.
    Therefore, each spread is raised to at least the median spread of the columns, and at least to the spread of
    independent payments."""


def days_after_reference(days: Days, reference: range, judged: int, limits: Limits) -> Days:
    """The reference's last days, renumbered as if they immediately preceded the judged day, and that day.

    This reveals slow drift, which a comparison of a day with the two weeks before it cannot show.
    """
    wanted = reference[-limits.days_before :]
    if judged in reference:
        raise TrainingError(f"{date_of(judged)} is a day of the reference itself; check a later one.")
    shift = judged - wanted[-1] - 1
    of_reference = (days.day >= wanted[0]) & (days.day <= wanted[-1])
    rows = np.concatenate([np.flatnonzero(of_reference), np.flatnonzero(days.day == judged)])
    number = np.where(of_reference, days.day + shift, days.day)
    outcomes = {day + shift: known for day, known in days.outcomes.items() if wanted[0] <= day <= wanted[-1]}
    if judged in days.outcomes:
        outcomes[judged] = days.outcomes[judged]
    columns = [replace(column, values=column.values[rows]) for column in days.columns]
    return Days(number[rows], columns, outcomes)


def date_of(day: int) -> str:
    return str(np.datetime64(day, "D"))


def _counts_by_day(day: np.ndarray, column: Column, first: int, last: int) -> list[np.ndarray]:
    """Bins are computed from all days except the last, which is judged."""
    before = (day >= first) & (day < last)
    values = rank_categories(column.values, column.values[before]) if column.is_category else column.values
    edges = bin_edges(values[before])
    starts = np.searchsorted(day, np.arange(first, last + 2))
    return [count_bins(values[a:b], edges) for a, b in pairwise(starts)]


def _distances(counts: Sequence[np.ndarray], limits: Limits) -> list[float]:
    """The distance of each of the usual days, and finally of the judged day, from the `window_days` before it."""
    window = limits.window_days
    return [
        population_stability_index(np.sum(counts[at - window : at], axis=0), counts[at])
        for at in range(window, len(counts))
    ]


def _outcome_distances(days: Days, first: int, limits: Limits) -> list[float] | None:
    """None if a day had no labels, because its outcomes cannot then be judged."""
    known = [days.outcomes.get(first + at, (0, 0)) for at in range(limits.days_before + 1)]
    if any(labels == 0 for labels, _ in known):
        return None
    window = limits.window_days
    distances = []
    for at in range(window, len(known)):
        before = known[at - window : at]
        total = (sum(labels for labels, _ in before), sum(frauds for _, frauds in before))
        distances.append(log_odds_difference(total, known[at]))
    return distances


def _typical_spread(roots: list[np.ndarray]) -> float:
    return float(np.median([values[:-1].std(ddof=1) for values in roots]))


def _judge(column: Column, roots: np.ndarray, distance_min: float, bounds: "_Bounds") -> Judgement:
    threshold, p_value = usual_limit(roots, bounds.spread_min, bounds.level)
    distance, limit = float(roots[-1] ** 2), max(threshold**2, distance_min)
    return Judgement(column.name, column.kind, distance, limit, p_value, drifted=distance > limit)


def _judge_outcome(differences: list[float], distance_min: float, level: float) -> Judgement:
    """Checks both directions, so each direction gets half of the false alarms."""
    signs = np.sign(differences[-1]) or 1.0
    threshold, p_value = usual_limit(np.array(differences) * signs, SPREAD_MIN, level / 2)
    limit, distance = max(threshold, distance_min), abs(differences[-1])
    return Judgement(OUTCOME, "outcome", distance, limit, min(2 * p_value, 1.0), drifted=distance > limit)


def usual_limit(values: np.ndarray, spread_min: float, level: float) -> tuple[float, float]:
    """Student's prediction limit for one more value, from all values except the last, and the last one's p-value."""
    usual, count = values[:-1], len(values) - 1
    mean = float(usual.mean())
    spread = max(float(usual.std(ddof=1)), spread_min) * math.sqrt(1 + 1 / count)
    beyond = mean - float(stdtrit(count - 1, level)) * spread
    return beyond, float(stdtr(count - 1, (mean - values[-1]) / spread))
