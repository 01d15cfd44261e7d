"""Fits XGBoost's trees to rows."""

from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.trees.categories import Encoding, keep_encoding, learn_encoding
from tripline_training.trees.params import Params


def fit(rows: Rows, params: Params, seed: int, jobs: int) -> xgboost.Booster:
    """The same rows, parameters, seed and number of jobs give the same model.

    One job is the default: XGBoost's threads wait for each other by spinning, so where cores are shared with other
    programs, two take many times as long as one.
    """
    encoding = learn_encoding(rows.features, rows.categories)
    matrix = matrix_of(rows, params, seed, encoding)
    return keep_encoding(xgboost.train(tree_settings(params, seed, jobs), matrix, params.trees), encoding)


def tree_settings(params: Params, seed: int, jobs: int) -> dict[str, Any]:
    """The parameters as XGBoost wants them."""
    return {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "max_depth": params.max_depth,
        "max_leaves": params.max_leaves,
        "grow_policy": "lossguide" if params.max_leaves > 0 else "depthwise",
        "learning_rate": params.learning_rate,
        "min_child_weight": params.min_child_weight,
        "subsample": params.subsample,
        "colsample_bytree": params.colsample_bytree,
        "max_bin": params.max_bin,
        "reg_lambda": params.reg_lambda,
        "seed": seed,
        "nthread": jobs,
    }


def matrix_of(
    rows: Rows, params: Params, seed: int, encoding: Encoding, *, importance: NDArray[np.float64] | None = None
) -> xgboost.DMatrix:
    """The rows to learn from, encoded and weighted.

    `importance` is how much each row counts; all the same unless given.
    """
    chosen, weights = sample_genuine(rows.fraud, params.genuine_share, seed)
    if importance is not None:
        weights = importance[chosen] if weights is None else weights * importance[chosen]
    return xgboost.DMatrix(encoding.encode(rows.features[chosen]), label=rows.fraud[chosen], weight=weights)


def sample_weighted(fraud: NDArray[np.int64], share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """As `sample_genuine`, with weights of 1 where nothing is left out."""
    chosen, weights = sample_genuine(fraud, share, seed)
    return chosen, np.ones(len(chosen)) if weights is None else weights


def sample_genuine(
    fraud: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
    """The rows to learn from, with all frauds, and their weights, under which probabilities stay what they are."""
    if share == 1:
        return np.arange(len(fraud)), None
    chosen = np.flatnonzero((fraud == 1) | (np.random.default_rng(seed).random(len(fraud)) < share))
    return chosen, np.where(fraud[chosen] == 1, 1.0, 1 / share)
