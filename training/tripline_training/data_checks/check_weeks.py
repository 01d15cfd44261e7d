"""Finds weeks that differ from the others: a feature that stopped, or labels that are unrelated to the payments.

Training on such a week would raise no error, and a comparison of models on it would mean nothing.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows, Span
from tripline_training.data.days import DAY_MS
from tripline_training.data_checks.check_time_and_leakage import single_feature_auc
from tripline_training.data_checks.findings import Finding
from tripline_training.trees.publish_trees import moment

WEEK_DAYS = 7
EXPECTED_MIN = 20
"""A feature counts as stopped only if at least this many other values were expected in its week."""
FRAUDS_MIN = 20
"""With fewer frauds in a week its labels cannot be judged."""
ERRORS = 3
"""A week is a fault only if its area under the curve is this many standard errors below the limit."""


@dataclass(frozen=True)
class Week:
    span: Span
    part: slice
    """The week's position among all rows."""
    rows: Rows

    @property
    def name(self) -> str:
        return f"the week of {moment(self.span.from_ms)[:10]}"


def weeks_before(rows: Rows, end_ms: int) -> list[Week]:
    """Whole weeks, counted back from `end_ms`, oldest first; weeks without rows are omitted."""
    if len(rows) == 0:
        return []
    count = (end_ms - int(rows.occurred_at_ms[0])) // (WEEK_DAYS * DAY_MS)
    weeks = []
    for back in range(count, 0, -1):
        span = Span(end_ms - back * WEEK_DAYS * DAY_MS, end_ms - (back - 1) * WEEK_DAYS * DAY_MS)
        first, last = np.searchsorted(rows.occurred_at_ms, [span.from_ms, span.to_ms])
        part = slice(int(first), int(last))
        if last > first:
            weeks.append(Week(span, part, rows.with_columns(values[part] for values in rows.columns)))
    return weeks


def check_stopped_features(weeks: list[Week], names: tuple[str, ...]) -> list[Finding]:
    """A feature has stopped if its value never changes in a week, although it changed in the week before.

    Ignores rare features: for a feature to be reported, other values must have been expected so often that their
    absence cannot be chance.
    """
    findings = []
    for before, week in pairwise(weeks):
        for position, name in enumerate(names):
            values = week.rows.features[:, position]
            if values.min() != values.max():
                continue
            share = float(np.mean(before.rows.features[:, position] != values[0]))
            if share * len(values) >= EXPECTED_MIN:
                sentence = (
                    f"{name}: it is {float(values[0]):g} for all {len(values)} payments of {week.name}, while "
                    f"{share:.1%} had another value the week before; find out why it stopped."
                )
                findings.append(Finding(name, "weeks", "fault", len(values), sentence))
    return findings


def check_week_labels(weeks: list[Week], scores: NDArray[np.float64]) -> list[Finding]:
    """`scores` has one value per row, from a model or from one feature that separates frauds.

    For each week's frauds, the area under the ROC curve must not fall below half of the usual gain over chance. The
    standard error follows Hanley and McNeil, Radiology 143 (1982).
    """
    areas = [_area(week.rows.fraud, scores[week.part]) for week in weeks]
    known = [area for area in areas if area is not None]
    if len(known) < 2:
        return []
    usual = float(np.median(known))
    least = 0.5 + (usual - 0.5) / 2
    findings = []
    for week, area in zip(weeks, areas, strict=True):
        if area is None or area + ERRORS * _standard_error(area, week.rows.fraud) >= least:
            continue
        sentence = (
            f"fraud: the labels of {week.name} are almost unrelated to its payments: scores that find frauds with an "
            f"area under the curve of {usual:.3f} in other weeks give {area:.3f}; check where these labels come from."
        )
        findings.append(Finding("fraud", "weeks", "fault", len(week.rows), sentence))
    return findings


def strongest_feature(rows: Rows) -> NDArray[np.float64]:
    """The values of the feature that alone separates frauds best, with the sign for which large values mean fraud."""
    areas = [single_feature_auc(column.astype(np.float64), rows.fraud) or 0.5 for column in rows.features.T]
    values = rows.features[:, int(np.argmax(areas))].astype(np.float64)
    return values if (_area(rows.fraud, values) or 1) >= 0.5 else -values


def _area(fraud: NDArray[np.int64], values: NDArray[np.float64]) -> float | None:
    frauds = int(fraud.sum())
    if frauds < FRAUDS_MIN or len(fraud) - frauds < FRAUDS_MIN:
        return None
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 -- takes a second to load

    return float(roc_auc_score(fraud, values))


def _standard_error(area: float, fraud: NDArray[np.int64]) -> float:
    frauds = int(fraud.sum())
    genuine = len(fraud) - frauds
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (area * (1 - area) + (frauds - 1) * (first - area**2) + (genuine - 1) * (second - area**2)) / (
        frauds * genuine
    )
    return math.sqrt(max(variance, 0.0))
