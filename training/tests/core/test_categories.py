"""Categories from the features file to a published version: vocabulary, booster, ONNX file, twin and manifest."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import xgboost

from tests.conftest import ROWS, columns, write_parquet
from tripline_training.check_scores import check_scores
from tripline_training.data.dataset import ALWAYS, Rows, open_dataset
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.drift.measure_distance import rank_categories
from tripline_training.make_scorecard import make_scorecard
from tripline_training.model_card import features_of_card
from tripline_training.models.average_models import average_onnx
from tripline_training.networks.network_options import NetworkOptions
from tripline_training.networks.network_rows import read_network_rows
from tripline_training.retraining.fit_in_parts import fit_in_parts
from tripline_training.selection.choose_features import only_features
from tripline_training.train import Options, train
from tripline_training.trees.calibration import Platt
from tripline_training.trees.categories import (
    MISSING,
    OTHER,
    Encoding,
    Vocabulary,
    encoding_of,
    learn_encoding,
)
from tripline_training.trees.export_onnx import check_export, edge_rows, predict_booster, predict_onnx, to_onnx
from tripline_training.trees.fit_trees import fit
from tripline_training.trees.params import DEFAULT_PARAMS, read_params
from tripline_training.trees.tensor_twin import check_twin, tensor_twin

CODES = [0, 305_000, 429_000, 16_777_215, 120_001]
"""Codes of a missing value, three frequent values, and a rare one."""
RISKY = 16_777_215
SPEC = (
    "version: 3\nfeatures:\n"
    "  - { name: amount, kind: amount }\n"
    "  - { name: merchant_category, kind: category, field: mcc }\n"
    "  - { name: card_count_1d, kind: amount }\n"
    "  - { name: order_channel, kind: category, field: channel }\n"
)


def category_columns() -> dict[str, Any]:
    """Fraud is likely if the category is the risky one and the amount is large; the channel carries no information."""
    data = columns()
    random = np.random.default_rng(5)
    category = random.choice(CODES, ROWS, p=[0.2, 0.4, 0.25, 0.14, 0.01]).astype(float)
    fraud = (random.random(ROWS) < np.where(category == RISKY, 0.5, 0.01)).astype(int)
    kept = {name: data[name] for name in list(data)[:5]}
    return {
        **kept,
        "fraud": fraud,
        "amount": data["amount"],
        "merchant_category": category,
        "card_count_1d": data["card_count_1d"],
        "order_channel": random.choice([0, 9_000_001, 9_000_002], ROWS).astype(float),
    }


@pytest.fixture(scope="module")
def category_rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    folder = tmp_path_factory.mktemp("categories")
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    spec = read_feature_spec(folder / "spec.yaml")
    return open_dataset(write_parquet(folder / "features.parquet", category_columns()), spec).rows_with_truth(ALWAYS)


@pytest.fixture(scope="module")
def category_booster(category_rows: Rows) -> xgboost.Booster:
    return fit(category_rows, read_params(DEFAULT_PARAMS), 1, 1)


def test_a_vocabulary_lists_frequent_values_by_decreasing_frequency(category_rows: Rows) -> None:
    assert category_rows.categories == (1, 3)
    category, _ = learn_encoding(category_rows.features, category_rows.categories).vocabularies
    assert category.codes == (305_000, 429_000, RISKY)
    assert list(category.rows) == sorted(category.rows, reverse=True)
    assert sum(category.rows) + category.other_rows + category.missing_rows == ROWS
    assert category.other_rows == int((category_rows.features[:, 1] == 120_001).sum())


def test_unknown_and_missing_values_have_separate_numbers() -> None:
    encoding = Encoding((Vocabulary(1, (30, 10, 20), (9, 8, 7), 1, 2),))
    given = np.array([[5, code] for code in (30, 10, 20, 0, 11, 31, -1, np.nan, -0.0)], dtype=np.float32)
    assert encoding.encode(given)[:, 1].tolist() == [3, 2, 1, MISSING, OTHER, OTHER, OTHER, OTHER, MISSING]
    assert encoding.encode(given)[:, 0].tolist() == [5] * 9
    assert given[0, 1] == 30


def test_at_most_64_values_are_known_and_equal_counts_are_ordered_by_code() -> None:
    values = np.repeat(np.arange(1, 101, dtype=np.float32), 60)[::-1, None]
    (vocabulary,) = learn_encoding(values, (0,)).vocabularies
    assert vocabulary.codes == tuple(range(1, 65))
    assert vocabulary.other_rows == 36 * 60


def test_the_trees_the_onnx_file_and_the_twin_return_the_same_scores(
    category_rows: Rows, category_booster: xgboost.Booster
) -> None:
    booster = category_booster
    assert [one.position for one in encoding_of(booster).vocabularies] == [1, 3]
    model = to_onnx(booster)
    count, difference = check_export(booster, model, category_rows.features, 1)
    assert count == ROWS + 5_000
    assert difference < 1e-6
    edges = edge_rows(booster, 2_000, 3)
    assert {float(code) for code in CODES[:4]} <= set(edges[:, 1].tolist())
    twin = tensor_twin(model)
    assert twin is not None
    check_twin(model, twin, np.concatenate([category_rows.features, edges]), 1)
    domains = {opset.domain for opset in onnx.load_model_from_string(twin).opset_import}
    assert domains == {""}


def test_models_with_different_vocabularies_can_be_averaged(
    category_rows: Rows, category_booster: xgboost.Booster
) -> None:
    first = to_onnx(category_booster)
    half = category_rows.with_columns(column[: ROWS // 2] for column in category_rows.columns)
    renamed = half.features.copy()
    renamed[:, 1] = np.where(renamed[:, 1] == 305_000, 1, renamed[:, 1])
    second = to_onnx(fit(replace(half, features=renamed), read_params(DEFAULT_PARAMS), 1, 1))
    mean = average_onnx([first, second], Platt(1.0, 0.0))
    twin = tensor_twin(mean)
    assert twin is not None
    check_twin(mean, twin, category_rows.features, 1)
    one, other, both = (predict_onnx(model, category_rows.features).astype(float) for model in (first, second, mean))
    odds = (np.log(one / (1 - one)) + np.log(other / (1 - other))) / 2
    np.testing.assert_allclose(both, 1 / (1 + np.exp(-odds)), atol=1e-6)


def test_trees_fitted_in_parts_keep_the_vocabularies(category_rows: Rows, tmp_path: Path) -> None:
    params = replace(read_params(DEFAULT_PARAMS), trees=30)
    booster = fit_in_parts(category_rows, params, 1, 1, tmp_path)
    assert encoding_of(booster) == learn_encoding(category_rows.features, category_rows.categories)
    _, difference = check_export(booster, to_onnx(booster), category_rows.features, 1)
    assert difference < 1e-6
    again = fit_in_parts(category_rows, params, 1, 1, tmp_path)
    assert again.save_raw("json") == booster.save_raw("json")


def test_an_unused_category_has_no_vocabulary(category_rows: Rows, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    spec = read_feature_spec(tmp_path / "spec.yaml")
    rows = only_features(replace(category_rows, features=category_rows.features.copy()), spec, {"amount"})
    booster = fit(rows, read_params(DEFAULT_PARAMS), 1, 1)
    assert encoding_of(booster) == Encoding()
    first, *_ = onnx.load_model_from_string(to_onnx(booster)).graph.node
    assert first.op_type == "TreeEnsembleClassifier"


def test_a_scorecard_does_not_use_categories(category_rows: Rows, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC.replace("order_channel, kind: category", "order_channel, kind: amount"))
    spec = read_feature_spec(tmp_path / "spec.yaml")
    ordered = category_rows.features.copy()
    ordered[:, 3] = category_rows.fraud
    card, _ = make_scorecard(replace(category_rows, features=ordered, categories=(1,)), spec, 0)
    names = {part.name for part in card.features}
    assert "order_channel" in names
    assert "merchant_category" not in names


def test_training_publishes_the_vocabularies_and_scores_match_the_trainer_s(
    options: Callable[..., Options], tmp_path: Path
) -> None:
    spec, features = tmp_path / "categories.yaml", tmp_path / "categories.parquet"
    spec.write_text(SPEC, encoding="utf-8")
    write_parquet(features, category_columns())
    outcome = train(options("--feature-spec", str(spec), "--features", str(features)))
    assert isinstance(outcome.folder, Path)
    manifest = json.loads((outcome.folder / "model.json").read_text())
    assert "merchant_category" in manifest["used_features"]
    assert manifest["categories"]["merchant_category"]["codes"] == [305_000, 429_000, RISKY]
    assert manifest["metrics"]["valid"]["auc_roc"] > 0.7
    assert "It knows 3 values of the category `merchant_category`" in features_of_card(manifest)
    golden = json.loads((outcome.folder / "golden.json").read_text())
    assert {row[1] for row in golden["inputs"]} >= {0, 305_000, RISKY}
    model = (outcome.folder / "model.onnx").read_bytes()
    data = category_columns()
    rows = np.column_stack([data[name] for name in manifest["features"]]).astype(np.float32)
    scored = write_parquet(
        tmp_path / "scores.parquet",
        {"client_transaction_id": data["client_transaction_id"], "score": predict_onnx(model, rows)},
    )
    assert check_scores(features, scored, outcome.folder).difference_max < 1e-5


def test_networks_learn_without_categories_and_a_mean_of_models_is_calibrated_with_them(
    options: Callable[..., Options], tmp_path: Path
) -> None:
    spec, features = tmp_path / "categories.yaml", tmp_path / "categories.parquet"
    spec.write_text(SPEC, encoding="utf-8")
    write_parquet(features, category_columns())
    plain = options()
    assert plain.valid is not None
    given = NetworkOptions(
        features=features,
        feature_spec=spec,
        registry=plain.registry,
        name="fraud",
        train=plain.train,
        valid=plain.valid,
        known_by_ms=plain.valid.from_ms,
        params=DEFAULT_PARAMS,
        seed=1,
        jobs=1,
        alias=None,
        commit=None,
        constant_online=(),
    )
    network = read_network_rows(given)
    assert network.selection.names == ("amount", "card_count_1d")
    assert not network.learn.features[:, [1, 3]].any()
    mean = read_network_rows(given, ("amount", "merchant_category"))
    assert RISKY in mean.learn.features[:, 1]
    assert not mean.learn.features[:, [2, 3]].any()


def test_scores_depend_on_the_value_and_not_on_adjacent_codes(
    category_rows: Rows, category_booster: xgboost.Booster
) -> None:
    rows = np.tile(category_rows.features[:1], (4, 1))
    rows[:, 1] = [RISKY, RISKY - 1, 305_000, 0]
    risky, beside, frequent, missing = predict_booster(category_booster, rows)
    assert risky > 10 * max(beside, frequent, missing)


def test_drift_compares_each_frequent_category_in_a_separate_bin() -> None:
    reference = np.array([5_000_000.0] * 50 + [3.0] * 30 + [7.0] * 20)
    given = np.array([3.0, 5_000_000.0, 9.0, 7.0])
    assert rank_categories(given, reference).tolist() == [1, 0, 3, 2]
