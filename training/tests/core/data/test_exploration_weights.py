"""Explored payments represent similar declines, in training and in evaluation."""

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import DAY_MS, columns, write_parquet
from tripline_training.check_data import check_data
from tripline_training.data.dataset import WEIGHT_COLUMN, Rows, Span, open_dataset
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.metrics import measure
from tripline_training.retraining.compare_scores import compare_scores
from tripline_training.trees.fit_calibrated import select_rows

SPAN = Span(0, 33 * DAY_MS)
KNOWN_BY = 33 * DAY_MS


def weighted_file(folder: Path) -> Path:
    data = columns()
    return write_parquet(folder / "weighted.parquet", {**data, WEIGHT_COLUMN: np.where(data["amount"] > 60, 20.0, 1.0)})


@pytest.mark.parametrize("memory_rows_max", [None, 10], ids=["in memory", "on disk"])
def test_rows_have_the_weights_of_the_file(tmp_path: Path, spec_path: Path, memory_rows_max: int | None) -> None:
    dataset = open_dataset(weighted_file(tmp_path), read_feature_spec(spec_path), memory_rows_max)
    rows, _ = dataset.known_rows(SPAN, KNOWN_BY, genuine_share=0.5)
    expected = np.where(rows.features[:, 0] > 60, 20.0, 1.0)
    assert rows.weights is not None
    np.testing.assert_allclose(rows.weights, expected * np.where(rows.fraud == 1, 1, 2), rtol=1e-6)
    few = select_rows(rows, rows.fraud == 1)
    assert few.weights is not None
    np.testing.assert_array_equal(few.weights, expected[rows.fraud == 1])


def test_data_checks_accept_the_column(tmp_path: Path, spec_path: Path) -> None:
    assert not [one for one in check_data(weighted_file(tmp_path), spec_path).faults if one.check == "schema"]


def test_weighted_figures_equal_those_of_repeated_rows() -> None:
    random = np.random.default_rng(3)
    fraud = (random.random(600) < 0.2).astype(np.int64)
    scores = np.clip(fraud * 0.3 + random.random(600) * 0.6, 0.01, 0.99)
    times = random.integers(1, 5, 600)
    rows = Rows(
        np.arange(600),
        random.integers(0, 80, 600),
        np.arange(600),
        fraud,
        np.zeros((600, 1), np.float32),
        explored=times.astype(np.float64),
    )
    repeated = select_rows(rows, np.repeat(np.arange(600), times)).with_columns(
        [*(column[np.repeat(np.arange(600), times)] for column in rows.columns[:-1]), np.ones(times.sum())]
    )
    at = np.repeat(np.arange(600), times)
    one, other = (
        compare_scores(each, own, own[::-1].copy(), 2, 1, (0.5,))
        for each, own in ((rows, scores), (repeated, scores[at]))
    )
    assert one.ap.new == pytest.approx(other.ap.new)
    assert one.log_loss.new == pytest.approx(other.log_loss.new)
    assert one.bands[1].observed == other.bands[1].observed
    measured = measure(rows.occurred_at_ms, rows.cards, scores, fraud, rows.weights)
    assert measured.average_precision == pytest.approx(one.ap.new)
