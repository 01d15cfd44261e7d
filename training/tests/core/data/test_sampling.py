"""Tests that all programs choose the same sample of payments, and that models trained on it are unbiased."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from tests.conftest import DAY_MS, QUICK_TREES, columns, write_parquet
from tripline_training.data.dataset import Rows, Span, open_dataset
from tripline_training.data.feature_spec import FeatureSpec, read_feature_spec
from tripline_training.data.sampling import EVERYTHING, Shares
from tripline_training.errors import TrainingError
from tripline_training.make_scorecard import make_scorecard
from tripline_training.models.scorecard import margins_of_card, probabilities_of
from tripline_training.selection.forward_folds import forward_folds
from tripline_training.selection.gain_over_folds import gain_over_folds
from tripline_training.trees.export_onnx import predict_booster
from tripline_training.trees.fit_calibrated import fit_with_days_to_spare
from tripline_training.trees.params import DEFAULT_PARAMS, read_params

KNOWN = Span(0, 30 * DAY_MS), 40 * DAY_MS


def hash_of(text: str) -> float:
    return int(hashlib.md5(text.encode()).hexdigest()[:8], 16) / 2**32


@pytest.fixture
def spec(spec_path: Path) -> FeatureSpec:
    return read_feature_spec(spec_path)


def many_columns() -> dict[str, Any]:
    """Like `columns`, with 10 times as many payments."""
    parts = [columns(seed) for seed in range(10)]
    data = {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in parts[0]}
    data["client_transaction_id"] = np.array([f"t{number:06d}" for number in range(len(data["fraud"]))])
    return data


def test_reads_the_same_share_of_genuine_payments_as_any_program(features_path: Path, spec: FeatureSpec) -> None:
    dataset = open_dataset(features_path, spec)
    everything, left_out = dataset.known_rows(*KNOWN)
    sample, left_out_of_sample = dataset.known_rows(*KNOWN, genuine_share=0.25)
    pairs = zip(everything.ids, everything.fraud, strict=True)
    assert list(sample.ids) == [name for name, fraud in pairs if fraud == 1 or hash_of(name) < 0.25]
    assert (everything.weights, left_out_of_sample) == (None, left_out)
    assert sample.weights is not None
    assert sample.weights[sample.fraud == 1].max() == 1
    assert sample.weights.sum() == pytest.approx(len(everything), rel=0.1)
    smaller, _ = dataset.known_rows(*KNOWN, genuine_share=0.1)
    assert set(smaller.ids) < set(sample.ids)


def sampled_file(path: Path, source: Path, shares: Shares) -> Path:
    metadata = f"fraud_share: '{shares.frauds}', genuine_share: '{shares.genuine}', card_share: '{shares.cards}'"
    duckdb.connect(":memory:").execute(
        f"COPY (SELECT * FROM read_parquet('{source}')) TO '{path}' (FORMAT parquet, KV_METADATA {{{metadata}}})"
    )
    return path


def test_the_file_of_a_large_lake_contains_its_shares(tmp_path: Path, features_path: Path, spec: FeatureSpec) -> None:
    shares = Shares(frauds=0.5, genuine=0.25, cards=0.4)
    assert open_dataset(features_path, spec).shares == EVERYTHING
    dataset = open_dataset(sampled_file(tmp_path / "sample.parquet", features_path, shares), spec)
    assert dataset.shares == shares
    with pytest.raises(TrainingError, match="is a sample of a large lake"):
        dataset.known_rows(*KNOWN)
    learnt, _ = dataset.known_rows(*KNOWN, genuine_share=1)
    bounds = np.where(learnt.fraud == 1, 0.5, 0.25)
    assert all(hash_of(name) < bound for name, bound in zip(learnt.ids, bounds, strict=True))
    assert learnt.shares == replace(shares, cards=1.0)
    fewer, _ = dataset.known_rows(*KNOWN, genuine_share=0.1)
    assert (fewer.shares.frauds, round(fewer.shares.genuine, 6)) == (0.5, 0.1)
    # Models are compared on all payments of some cards, so these rows need no weights.
    compared, _ = dataset.compared_rows([KNOWN[0]], KNOWN[1])
    everything, _ = open_dataset(features_path, spec).known_rows(*KNOWN)
    assert list(compared.ids) == [
        name for name, card in zip(everything.ids, everything.cards, strict=True) if hash_of(str(card)) < 0.4
    ]
    assert compared.weights is None
    assert 0 < len(compared) < len(everything)


def test_a_model_trained_on_a_sample_is_as_good_and_calibrated(tmp_path: Path, spec: FeatureSpec) -> None:
    dataset = open_dataset(write_parquet(tmp_path / "many.parquet", many_columns()), spec)
    later = dataset.rows_with_truth(Span(37 * DAY_MS, 40 * DAY_MS))
    params = replace(read_params(DEFAULT_PARAMS), **QUICK_TREES)
    precisions, means = [], []
    for share in (1, 0.2):
        rows, _ = dataset.known_rows(*KNOWN, genuine_share=share)
        booster, calibration = fit_with_days_to_spare(rows, params, 1, 1, 7 * DAY_MS)
        assert calibration.kind == "platt"
        scores = predict_booster(booster, later.features)
        precisions.append(average_precision_score(later.fraud, scores))
        card, _ = make_scorecard(rows, spec, 7 * DAY_MS)
        means += [scores.mean(), probabilities_of(margins_of_card(card, later.features, spec.names)).mean()]
    assert precisions[1] > precisions[0] - 0.03
    # Without weights, the share of fraud in the sample would be four times as high.
    assert means == pytest.approx([later.fraud.mean()] * 4, rel=0.15)


def test_folds_of_a_sample_are_measured_by_weight(tmp_path: Path, spec: FeatureSpec) -> None:
    dataset = open_dataset(write_parquet(tmp_path / "many.parquet", many_columns()), spec)
    precisions = [_risk_precision(dataset.known_rows(*KNOWN, genuine_share=share)[0]) for share in (1, 0.2)]
    assert precisions[1] == pytest.approx(precisions[0], rel=0.1)


def _risk_precision(rows: Rows) -> float:
    """Average precision on the forward folds if one feature is used as the score."""
    folds = [fold.later for fold in forward_folds(rows, 7 * DAY_MS)]
    scores = [fold.features[:, 2].astype(np.float64) for fold in folds]
    return gain_over_folds(folds, scores, scores, seed=1).ap_with
