"""Calibrates a tree model's probabilities without changing their order.

Platt, "Probabilistic Outputs for Support Vector Machines" (1999): a logistic regression of the label on the margin.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tripline_training.data.mapped_rows import chunks_of
from tripline_training.errors import TrainingError
from tripline_training.trees.categories import encoding_of

FRAUDS_MIN = 20
"""With fewer frauds than this, slope and intercept cannot be distinguished from chance."""


@dataclass(frozen=True)
class Platt:
    """A calibrated margin is slope * margin + intercept, in log odds."""

    slope: float
    intercept: float


def margins_of(booster: xgboost.Booster, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """The model's log odds for each row."""
    return predict_in_chunks(booster, features, output_margin=True).astype(np.float64)


def predict_in_chunks(
    booster: xgboost.Booster, features: NDArray[np.float32], *, output_margin: bool = False
) -> NDArray[np.float32]:
    """A prediction for each row. XGBoost copies the rows that it predicts, so they are predicted in chunks."""
    encoding = encoding_of(booster)
    scores = np.empty(len(features), np.float32)
    for part in chunks_of(len(features)):
        rows = xgboost.DMatrix(encoding.encode(features[part]))
        scores[part] = booster.predict(rows, output_margin=output_margin)
    return scores


def fit_platt(
    margins: NDArray[np.float64], fraud: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> Platt:
    """The maximum-likelihood slope and intercept.

    The model must not have been trained on these rows. Raises TrainingError for too few frauds, or if higher margins do
    not mean more fraud.
    """
    frauds = int(fraud.sum())
    if frauds < FRAUDS_MIN or len(fraud) - frauds < FRAUDS_MIN:
        raise TrainingError(
            f"The {len(fraud)} payments held out for the calibration include {frauds} frauds; "
            f"at least {FRAUDS_MIN} frauds and {FRAUDS_MIN} genuine payments are required."
        )
    model = LogisticRegression(C=np.inf, max_iter=1000, tol=1e-8).fit(margins[:, None], fraud, weights)
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if not slope > 0:
        raise TrainingError(f"On the payments held out for calibration, the model is worse than chance ({slope:g}).")
    return Platt(slope, intercept)


def calibrated(booster: xgboost.Booster, platt: Platt) -> xgboost.Booster:
    """The same trees with the calibration in their leaves, so that every runtime returns calibrated probabilities.

    A margin is the base plus one leaf per tree, so scaling each leaf and the base calibrates the margin.
    """
    saved: dict[str, Any] = json.loads(bytes(booster.save_raw("json")))
    learner = saved["learner"]
    for tree in learner["gradient_booster"]["model"]["trees"]:
        tree["base_weights"] = [weight * platt.slope for weight in tree["base_weights"]]
        tree["split_conditions"] = [
            condition * platt.slope if left == -1 else condition
            for condition, left in zip(tree["split_conditions"], tree["left_children"], strict=True)
        ]
    parameters = learner["learner_model_param"]
    base = float(parameters["base_score"].strip("[]"))
    margin = platt.slope * (np.log(base) - np.log1p(-base)) + platt.intercept
    parameters["base_score"] = f"[{1 / (1 + np.exp(-margin)):.9E}]"
    changed = xgboost.Booster()
    changed.load_model(bytearray(json.dumps(saved).encode()))
    return changed
