"""A calibrated model: trained on all rows, with the calibration of a model of the earlier rows on the last ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xgboost
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.data.days import DAY_MS
from tripline_training.errors import TrainingError
from tripline_training.trees.calibration import FRAUDS_MIN, Platt, calibrated, fit_platt, margins_of
from tripline_training.trees.fit_trees import fit
from tripline_training.trees.params import Params

CALIBRATION_DAYS = 14
"""Days at the end of the training rows that are held out once, for the calibration."""
HELD_DAYS_MIN = 3
"""On fewer days the share of fraud says more about those days than about the model."""


Fit = Callable[[Rows, Params, int, int], xgboost.Booster]
"""Trees of rows, by parameters, a seed and a number of jobs."""


@dataclass(frozen=True)
class CalibratedModel:
    booster: xgboost.Booster
    platt: Platt


@dataclass(frozen=True)
class Calibration:
    """How probabilities were calibrated, as the manifest says it."""

    kind: Literal["platt", "none"]
    days: int
    """Days that were held out for it."""


NOT_CALIBRATED = Calibration("none", 0)


def fit_calibrated(
    rows: Rows,
    params: Params,
    seed: int,
    jobs: int,
    delay_ms: int,
    *,
    held_days: int = CALIBRATION_DAYS,
    fit_rows: Fit = fit,
) -> CalibratedModel:
    """Two trainings: one without the last days, whose calibration is taken, and one with them, whose trees are.

    Between the rows of the first training and the held-out ones lies the label delay, as it does in use. Raises
    TrainingError when too few days are left.
    """
    earlier, held = split_rows(rows, delay_ms, held_days)
    if not 0 < int(rows.fraud[earlier].sum()) < int(earlier.sum()):
        raise TrainingError(
            f"The payments earlier than the {held_days} days held out for the calibration and the "
            f"{delay_ms / DAY_MS:g} days of label delay hold only fraud or no fraud: train on a longer period."
        )
    trial = fit_rows(select_rows(rows, earlier), params, seed, jobs)
    platt = fit_platt(margins_of(trial, rows.features[held]), rows.fraud[held])
    return CalibratedModel(calibrated(fit_rows(rows, params, seed, jobs), platt), platt)


def fit_with_days_to_spare(
    rows: Rows, params: Params, seed: int, jobs: int, delay_ms: int, *, fit_rows: Fit = fit
) -> tuple[xgboost.Booster, Calibration]:
    """A calibrated model where the rows span enough days, or else one as it is."""
    days = days_to_hold_out(rows, delay_ms)
    if days == 0:
        return fit_rows(rows, params, seed, jobs), NOT_CALIBRATED
    model = fit_calibrated(rows, params, seed, jobs, delay_ms, held_days=days, fit_rows=fit_rows)
    return model.booster, Calibration("platt", days)


def days_to_hold_out(rows: Rows, delay_ms: int) -> int:
    """Whole days at the end of the rows that a calibration may have: a third of those that the label delay leaves.

    At most CALIBRATION_DAYS. 0 where that would be less than HELD_DAYS_MIN, or where the days held out or the earlier
    ones would have fewer than FRAUDS_MIN payments of either kind.
    """
    spanned_ms = int(rows.occurred_at_ms[-1] - rows.occurred_at_ms[0])
    days = min(CALIBRATION_DAYS, (spanned_ms - delay_ms) // (3 * DAY_MS))
    if days < HELD_DAYS_MIN:
        return 0
    for part in split_rows(rows, delay_ms, days):
        frauds = int(rows.fraud[part].sum())
        if min(frauds, int(part.sum()) - frauds) < FRAUDS_MIN:
            return 0
    return days


def split_rows(rows: Rows, delay_ms: int, held_days: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows the first training has, and which are held out; the label delay between them has neither."""
    held_from_ms = int(rows.occurred_at_ms[-1]) - held_days * DAY_MS
    return rows.occurred_at_ms < held_from_ms - delay_ms, rows.occurred_at_ms >= held_from_ms


def select_rows(rows: Rows, which: NDArray[np.bool_] | NDArray[np.int64]) -> Rows:
    """The rows of which `which` is true, or at these positions."""
    return rows.with_columns(column[which] for column in rows.columns)
