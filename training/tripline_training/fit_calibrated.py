"""A model with true probabilities: trained on all rows, calibrated on the last ones by a model of the earlier ones."""

from dataclasses import dataclass

import numpy as np
import xgboost
from numpy.typing import NDArray

from tripline_training.calibration import Platt, calibrated, fit_platt, margins_of
from tripline_training.dataset import Rows
from tripline_training.errors import TrainingError
from tripline_training.metrics import DAY_MS
from tripline_training.params import Params
from tripline_training.train import fit

CALIBRATION_DAYS = 14
"""Days at the end of the training rows that are held out once, for the calibration."""


@dataclass(frozen=True)
class CalibratedModel:
    booster: xgboost.Booster
    platt: Platt


def fit_calibrated(
    rows: Rows, params: Params, seed: int, jobs: int, delay_days: int, *, held_days: int = CALIBRATION_DAYS
) -> CalibratedModel:
    """Two trainings: one without the last days, whose calibration is taken, and one with them, whose trees are.

    Between the rows of the first training and the held-out ones lies the label delay, as it does in use. Raises
    TrainingError when too few days are left.
    """
    held_from_ms = int(rows.occurred_at_ms[-1]) - held_days * DAY_MS
    earlier = rows.occurred_at_ms < held_from_ms - delay_days * DAY_MS
    held = rows.occurred_at_ms >= held_from_ms
    if not 0 < int(rows.fraud[earlier].sum()) < int(earlier.sum()):
        raise TrainingError(
            f"The payments earlier than the {held_days} days held out for the calibration and the {delay_days} days of "
            "label delay hold no fraud, or nothing else: train on a longer time."
        )
    trial = fit(select_rows(rows, earlier), params, seed, jobs)
    platt = fit_platt(margins_of(trial, rows.features[held]), rows.fraud[held])
    return CalibratedModel(calibrated(fit(rows, params, seed, jobs), platt), platt)


def select_rows(rows: Rows, which: NDArray[np.bool_]) -> Rows:
    """The rows of which `which` is true."""
    return Rows(
        ids=rows.ids[which],
        cards=rows.cards[which],
        occurred_at_ms=rows.occurred_at_ms[which],
        fraud=rows.fraud[which],
        features=rows.features[which],
    )
