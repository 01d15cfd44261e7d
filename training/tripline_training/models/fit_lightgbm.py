"""Fits LightGBM with the parameters of params.json, which have XGBoost's names."""

import lightgbm
import numpy as np
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.trees.params import Params


def fit_lightgbm(rows: Rows, params: Params, seed: int, jobs: int) -> lightgbm.Booster:
    """The same rows, parameters and seed always produce the same model."""
    settings = {
        "objective": "binary",
        "learning_rate": params.learning_rate,
        "max_depth": params.max_depth,
        "num_leaves": params.max_leaves or 2**params.max_depth,
        "min_sum_hessian_in_leaf": params.min_child_weight,
        "min_data_in_leaf": 1,
        "bagging_fraction": params.subsample,
        "bagging_freq": 1,
        "feature_fraction": params.colsample_bytree,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": jobs,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(rows.features, label=rows.fraud, weight=rows.weights)
    return lightgbm.train(settings, data, params.trees)


def margins_of_lightgbm(booster: lightgbm.Booster, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """The model's log odds for each row."""
    return np.asarray(booster.predict(features, raw_score=True, num_threads=1), dtype=np.float64)
