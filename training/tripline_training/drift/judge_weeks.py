"""Judges whether the deciding scores find fewer of the frauds in the newest labelled week than in earlier weeks."""

import math
from pathlib import Path

import numpy as np

from tripline_training.data.days import DAY_MS
from tripline_training.data.sampling import mature_before_ms, metadata_of
from tripline_training.data.tables import arrays, require_columns
from tripline_training.drift.judge_days import Judgement, usual_limit

PERFORMANCE = "average_precision"
WEEK_DAYS = 7
LABEL_DAYS = 7
"""Nearly all labels of a payment have arrived after this time."""
USUAL_WEEKS = 8
USUAL_WEEKS_MIN = 6
FRAUDS_MIN = 20
"""With fewer frauds in a week, its average precision is not meaningful."""
FALL_MIN = 0.1
"""Smaller decreases do not matter, however significant they are."""
SPREAD_MIN = 0.01
LEVEL = 0.001
"""False alarms per check, of which there is one per week. None of 21 checks of three simulations with 300 cards raised
an alarm; the average precision of their usual weeks ranges from 0.48 to 0.92."""


def judge_labels(features: Path, scores: Path, day: int) -> Judgement | None:
    """Returns None on six of seven days, or if too few weeks have scores and labels.

    For each payment, this uses the score that decided it, whichever model produced the score, and the label that had
    arrived by the end of the day.
    """
    if (day + 1) % WEEK_DAYS:
        return None
    weeks = _weekly_precisions(features, scores, day)
    if len(weeks) <= USUAL_WEEKS_MIN:
        return None
    falls = weeks[:-1].mean() - weeks
    threshold, p_value = usual_limit(falls, SPREAD_MIN, LEVEL)
    fall, limit = float(falls[-1]), max(threshold, FALL_MIN)
    return Judgement(PERFORMANCE, "performance", fall, limit, p_value, drifted=fall > limit)


def _weekly_precisions(features: Path, scores: Path, day: int) -> np.ndarray:
    """Values of whole weeks, newest last. Going back, it stops at the first week with too few frauds."""
    # Imported late, because scikit-learn takes a second to load and is not needed on most days.
    from tripline_training.evaluation.measures import (  # noqa: PLC0415
        average_precision,
        counts_from_top,
        rank_scores,
    )

    last = day - max(LABEL_DAYS, math.ceil(metadata_of(features).get("label_delay_ms", 0) / DAY_MS))
    first = last + 1 - (USUAL_WEEKS + 1) * WEEK_DAYS
    payments = require_columns(features, ["client_transaction_id", "occurred_at_ms", "labelled_at_ms", "fraud"])
    decided = require_columns(scores, ["client_transaction_id", "score"])
    columns = arrays(
        f"SELECT ({last} - f.occurred_at_ms // {DAY_MS}) // {WEEK_DAYS} AS back, f.fraud::BIGINT AS fraud, "
        f"s.score::DOUBLE AS score FROM {payments} AS f JOIN {decided} AS s "
        "ON s.client_transaction_id::VARCHAR = f.client_transaction_id "
        f"WHERE f.occurred_at_ms // {DAY_MS} BETWEEN {first} AND {last} "
        f"AND f.fraud IS NOT NULL AND f.labelled_at_ms < {(day + 1) * DAY_MS} "
        f"AND f.occurred_at_ms < {mature_before_ms(features)}"
    )
    precisions: list[float] = []
    for back in range(USUAL_WEEKS + 1):
        rows = columns["back"] == back
        fraud = columns["fraud"][rows].astype(np.int64)
        if int(fraud.sum()) < FRAUDS_MIN or int(fraud.sum()) == len(fraud):
            break
        ranking = rank_scores(columns["score"][rows].astype(np.float64))
        precisions.append(average_precision(*counts_from_top(ranking, fraud, np.ones(len(fraud)))))
    return np.array(precisions[::-1])
