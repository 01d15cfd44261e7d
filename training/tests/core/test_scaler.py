"""Scales features for a network."""

import numpy as np

from tripline_training.networks.scaler import fit_scaler


def test_the_scaler_takes_logarithms_of_skewed_features() -> None:
    random = np.random.default_rng(1)
    features = np.column_stack([random.lognormal(3, 1.5, 5_000), random.normal(5, 2, 5_000), np.full(5_000, 7.0)])
    scaler = fit_scaler(features.astype(np.float32))
    assert scaler.logarithm.tolist() == [1, 0, 0]
    np.testing.assert_allclose(scaler.mean, [np.log1p(features[:, 0]).mean(), features[:, 1].mean(), 7], rtol=1e-5)
    np.testing.assert_allclose(1 / scaler.factor[:2], [np.log1p(features[:, 0]).std(), features[:, 1].std()], rtol=1e-5)
    # A constant carries no information, whatever its later value.
    assert scaler.factor[2] == 0
