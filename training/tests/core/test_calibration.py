import numpy as np
import pytest
import xgboost

from tests.conftest import DAY_MS
from tripline_training.data.dataset import Rows
from tripline_training.errors import TrainingError
from tripline_training.evaluation.measures import calibration_bins
from tripline_training.metrics import calibration_curve, expected_calibration_error
from tripline_training.trees.calibration import Platt, calibrated, fit_platt, margins_of
from tripline_training.trees.export_onnx import check_export, predict_booster, to_onnx
from tripline_training.trees.fit_calibrated import days_to_hold_out


def booster_and_rows(rows: int = 3_000) -> tuple[xgboost.Booster, np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    features = random.random((rows, 3)).astype(np.float32)
    fraud = (random.random(rows) < features[:, 0] ** 3).astype(np.int64)
    settings = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1, "seed": 1}
    return xgboost.train(settings, xgboost.DMatrix(features, label=fraud), 20), features, fraud


def test_the_calibration_is_found() -> None:
    random = np.random.default_rng(2)
    margins = random.normal(0, 2, 200_000)
    fraud = (random.random(len(margins)) < 1 / (1 + np.exp(-(0.5 * margins - 1)))).astype(np.int64)
    platt = fit_platt(margins, fraud)
    assert platt.slope == pytest.approx(0.5, abs=0.02)
    assert platt.intercept == pytest.approx(-1, abs=0.02)


def test_the_leaves_contain_the_calibration() -> None:
    booster, features, _ = booster_and_rows()
    changed = calibrated(booster, Platt(slope=0.7, intercept=-1.25))
    expected = 0.7 * margins_of(booster, features) - 1.25
    np.testing.assert_allclose(margins_of(changed, features), expected, atol=1e-5)
    # The trees are the same, so every runtime and explainer for trees also supports the calibrated ones.
    contributions = changed.predict(xgboost.DMatrix(features), pred_contribs=True)
    np.testing.assert_allclose(contributions.sum(axis=1), expected, atol=1e-4)
    count, difference = check_export(changed, to_onnx(changed), features, seed=1)
    assert count >= 5_000
    assert difference <= 1e-5


def test_no_calibration_changes_nothing() -> None:
    booster, features, _ = booster_and_rows()
    same = calibrated(booster, Platt(slope=1, intercept=0))
    np.testing.assert_allclose(predict_booster(same, features), predict_booster(booster, features), atol=1e-6)


@pytest.mark.parametrize(
    ("margins", "fraud", "sentence"),
    [
        (np.linspace(-1, 1, 100), np.arange(100) >= 81, "include 19 frauds; at least 20"),
        (np.linspace(-1, 1, 100), np.arange(100) < 30, "worse than chance"),
    ],
)
def test_rejects_scores_that_cannot_be_calibrated(margins: np.ndarray, fraud: np.ndarray, sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        fit_platt(margins, fraud.astype(np.int64))


def test_the_calibration_error_equals_a_manual_calculation() -> None:
    # Two bins of equal width are in use: the first has 0.02 and 0.04 with one fraud, the last has 0.99 with a fraud.
    scores = np.array([0.02, 0.04, 0.99])
    fraud = np.array([0, 1, 1])
    expected = (abs(0.06 - 1) + abs(0.99 - 1)) / 3
    assert expected_calibration_error(scores, fraud, same_mass=False) == pytest.approx(expected)
    # With so few rows, each has its own bin.
    assert expected_calibration_error(scores, fraud, same_mass=True) == pytest.approx((0.02 + 0.96 + 0.01) / 3)
    assert expected_calibration_error(scores[:0], fraud[:0], same_mass=True) == 0


def test_the_calibration_curve_equals_a_manual_calculation() -> None:
    # The highest score belongs to the last tenth; tenths without a score are omitted.
    scores = np.array([0.02, 0.04, 0.55, 0.95, 1.0], dtype=np.float32)
    fraud = np.array([0, 1, 0, 1, 1])
    assert calibration_curve(scores, fraud) == [
        {"mean_score": pytest.approx(0.03), "fraud_share": 0.5, "rows": 2},
        {"mean_score": pytest.approx(0.55), "fraud_share": 0.0, "rows": 1},
        {"mean_score": pytest.approx(0.975), "fraud_share": 1.0, "rows": 2},
    ]
    assert calibration_curve(scores[:0], fraud[:0]) == []
    weighted = calibration_curve(np.array([0.01, 0.05]), np.array([1, 0]), np.array([1.0, 3.0]))
    assert weighted == [{"mean_score": pytest.approx(0.04), "fraud_share": 0.25, "rows": 2}]


def test_true_probabilities_have_almost_no_calibration_error() -> None:
    random = np.random.default_rng(3)
    scores = random.random(100_000) ** 6
    fraud = (random.random(len(scores)) < scores).astype(np.int64)
    for same_mass in (False, True):
        assert expected_calibration_error(scores, fraud, same_mass) < 0.005
        assert expected_calibration_error(scores * 0.5, fraud, same_mass) > 0.05


def rows_over(days: float, frauds_a_day: int = 10) -> Rows:
    """100 payments per day for this many days."""
    count = round(days * 100) + 1
    at = np.arange(count) * (DAY_MS // 100)
    fraud = (np.arange(count) % 100 < frauds_a_day).astype(np.int64)
    names = np.array([str(number) for number in range(count)])
    return Rows(names, names, at, fraud, np.zeros((count, 1), np.float32))


@pytest.mark.parametrize(
    ("days", "frauds_a_day", "held"),
    [
        # A third of the days left by a label delay of seven days, in whole days; at least 3 and at most 14.
        (7, 10, 0),
        (15.99, 10, 0),
        (16, 10, 3),
        (26, 10, 6),
        (49, 10, 14),
        (200, 10, 14),
        # Four days with four frauds each have fewer than the required 20; six days have enough.
        (20, 4, 0),
        (20, 6, 4),
        # All payments are frauds.
        (26, 100, 0),
    ],
)
def test_determines_the_days_available_for_calibration(days: float, frauds_a_day: int, held: int) -> None:
    assert days_to_hold_out(rows_over(days, frauds_a_day), 7 * DAY_MS) == held


def test_the_plot_and_the_error_use_the_same_bins() -> None:
    random = np.random.default_rng(4)
    scores = random.random(2_000).round(2)
    fraud = (random.random(len(scores)) < scores**2).astype(np.int64)
    bins = calibration_bins(scores, fraud)
    by_hand = sum(part.rows * abs(part.predicted - part.observed) for part in bins) / len(scores)
    assert expected_calibration_error(scores, fraud, same_mass=True) == pytest.approx(by_hand)
