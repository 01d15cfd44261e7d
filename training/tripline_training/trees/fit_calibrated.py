"""Fits a model on all rows. A model of the earlier rows, applied to the last ones, calibrates it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xgboost
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.data.days import DAY_MS
from tripline_training.data.mapped_rows import mapped_selection
from tripline_training.errors import TrainingError
from tripline_training.trees.calibration import FRAUDS_MIN, Platt, calibrated, fit_platt, margins_of
from tripline_training.trees.fit_trees import fit
from tripline_training.trees.params import Params

CALIBRATION_DAYS = 14
"""Days at the end of the training rows that are held out once for calibration."""
HELD_DAYS_MIN = 3
"""With fewer days, the share of fraud depends more on these days than on the model."""


Fit = Callable[[Rows, Params, int, int], xgboost.Booster]
"""Fits trees to rows, given parameters, a seed and a number of jobs."""


@dataclass(frozen=True)
class CalibratedModel:
    booster: xgboost.Booster
    platt: Platt


@dataclass(frozen=True)
class Calibration:
    """The calibration method, for the manifest."""

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
    """Two training runs: one without the last days for the calibration, and one with them for the trees.

    A label delay separates the rows of the first run from the held-out rows, as in production. Raises TrainingError if
    too few days are left.
    """
    earlier, held = split_rows(rows, delay_ms, held_days)
    if not 0 < int(rows.fraud[earlier].sum()) < int(earlier.sum()):
        raise TrainingError(
            f"The payments earlier than the {held_days} days held out for the calibration and the "
            f"{delay_ms / DAY_MS:g} days of label delay contain only fraud or no fraud: train on a longer period."
        )
    trial = fit_rows(select_rows(rows, earlier), params, seed, jobs)
    later = select_rows(rows, held)
    platt = fit_platt(margins_of(trial, later.features), later.fraud, later.weights)
    return CalibratedModel(calibrated(fit_rows(rows, params, seed, jobs), platt), platt)


def fit_with_days_to_spare(
    rows: Rows, params: Params, seed: int, jobs: int, delay_ms: int, *, fit_rows: Fit = fit
) -> tuple[xgboost.Booster, Calibration]:
    """A calibrated model if the rows span enough days, otherwise an uncalibrated one."""
    days = days_to_hold_out(rows, delay_ms)
    if days == 0:
        return fit_rows(rows, params, seed, jobs), NOT_CALIBRATED
    model = fit_calibrated(rows, params, seed, jobs, delay_ms, held_days=days, fit_rows=fit_rows)
    return model.booster, Calibration("platt", days)


def days_to_hold_out(rows: Rows, delay_ms: int) -> int:
    """Number of whole days at the end of the rows for calibration: a third of those left after the label delay.

    At most CALIBRATION_DAYS. 0 if that is less than HELD_DAYS_MIN, or if the held-out days or the earlier days have
    fewer than FRAUDS_MIN payments of either class.
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
    """Which rows are in the first training run and which are held out; rows within the label delay are in neither."""
    held_from_ms = int(rows.occurred_at_ms[-1]) - held_days * DAY_MS
    return rows.occurred_at_ms < held_from_ms - delay_ms, rows.occurred_at_ms >= held_from_ms


def select_rows(rows: Rows, which: NDArray[np.bool_] | NDArray[np.int64]) -> Rows:
    """The rows for which `which` is true, or those at these positions."""
    if rows.mapped:
        return rows.with_columns(mapped_selection(column, which) for column in rows.columns)
    return rows.with_columns(column[which] for column in rows.columns)
