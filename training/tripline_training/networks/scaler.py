"""Scales features for a network. The scaling is computed from the training rows and is part of the graph."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SKEWNESS_MIN = 2.0
"""A feature with more skewness than this is log-transformed: otherwise, a few large values would hide the rest."""
DEVIATION_MIN = 1e-6
DEVIATIONS_MAX = 10.0
"""Values further from the mean are clipped to this distance, because training had no similar ones."""


@dataclass(frozen=True)
class Scaler:
    """Three numbers per feature: whether to take its logarithm (1 or 0), the offset to subtract, and the factor."""

    logarithm: NDArray[np.float32]
    mean: NDArray[np.float32]
    factor: NDArray[np.float32]


def fit_scaler(features: NDArray[np.float32]) -> Scaler:
    """A constant feature has the factor 0: the network learns nothing about it, so it must have no effect later."""
    logarithm, means, factors = [], [], []
    for column in features.T:
        plain = column.astype(np.float64)
        is_skewed = abs(_skewness(plain)) > SKEWNESS_MIN
        values = np.sign(plain) * np.log1p(np.abs(plain)) if is_skewed else plain
        deviation = float(values.std())
        logarithm.append(float(is_skewed))
        means.append(float(values.mean()))
        factors.append(1 / deviation if deviation > DEVIATION_MIN else 0.0)
    return Scaler(*(np.array(numbers, dtype=np.float32) for numbers in (logarithm, means, factors)))


def _skewness(values: NDArray[np.float64]) -> float:
    deviation = float(values.std())
    if deviation == 0:
        return 0.0
    return float((((values - values.mean()) / deviation) ** 3).mean())
