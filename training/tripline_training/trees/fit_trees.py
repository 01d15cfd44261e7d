"""Fits XGBoost's trees to rows."""

from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.trees.categories import Encoding, keep_encoding, learn_encoding
from tripline_training.trees.external_matrix import ExternalMatrix
from tripline_training.trees.params import Params


def fit(rows: Rows, params: Params, seed: int, jobs: int) -> xgboost.Booster:
    """The same rows, parameters, seed and number of jobs always produce the same model.

    The default is one job, because XGBoost's threads busy-wait for each other, so if cores are shared with other
    programs, two threads are many times slower than one.
    """
    encoding = learn_encoding(rows.features, rows.categories)
    matrix = matrix_of(rows, encoding, params, jobs)
    return keep_encoding(xgboost.train(tree_settings(params, seed, jobs), matrix, params.trees), encoding)


def tree_settings(params: Params, seed: int, jobs: int) -> dict[str, Any]:
    """The parameters in XGBoost's format."""
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
    rows: Rows, encoding: Encoding, params: Params, jobs: int, *, importance: NDArray[np.float64] | None = None
) -> xgboost.DMatrix:
    """The training rows, encoded and weighted; on disk if the rows are.

    `importance` is how much each row counts; by default, all rows count equally.
    """
    weights = rows.weights
    if importance is not None:
        weights = importance if weights is None else weights * importance
    if rows.mapped:
        return ExternalMatrix(rows, encoding, weights, params.max_bin, jobs)
    return xgboost.DMatrix(encoding.encode(rows.features), label=rows.fraud, weight=weights)
