"""A model uses profiles only if they help over time, and nothing that is constant online."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import DAY_MS, FEATURES, SPEC, MakeOptions, columns, write_parquet
from tripline_training.average_models import average_models
from tripline_training.data.dataset import Rows, Span
from tripline_training.data.feature_spec import FeatureSpec, read_feature_spec
from tripline_training.errors import TrainingError
from tripline_training.model_card import features_of_card
from tripline_training.networks.network_options import NetworkOptions
from tripline_training.selection.choose_features import Fitting, Selection, choose_features
from tripline_training.selection.forward_folds import forward_folds
from tripline_training.selection.gain_over_folds import FoldGain
from tripline_training.selection.used_features import used_by_network
from tripline_training.train import train
from tripline_training.trees.export_onnx import predict_onnx
from tripline_training.trees.params import DEFAULT_PARAMS, read_params

PROFILES = {"card_age": "card", "terminal_profile_amount": "terminal"}
FITTING = Fitting(replace(read_params(DEFAULT_PARAMS), trees=40, max_bin=64), seed=1, jobs=1, delay_ms=7 * DAY_MS)


def with_profiles() -> dict[str, Any]:
    """Only the terminal's profile is informative: `risk` is hidden, and the age of the card carries no information."""
    data = columns()
    random = np.random.default_rng(7)
    risk = data["terminal_fraud_rate_7d"]
    noise = {"terminal_fraud_rate_7d": random.random(len(risk)), "card_age": random.random(len(risk)) * 300}
    return {**data, **noise, "terminal_profile_amount": risk * 100}


@pytest.fixture
def spec_path(tmp_path: Path) -> Path:
    path = tmp_path / "feature-spec.yaml"
    lines = [f"  - {{ name: {name}, kind: profile, entity: {entity} }}\n" for name, entity in PROFILES.items()]
    path.write_text(SPEC + "".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def features_path(tmp_path: Path) -> Path:
    return write_parquet(tmp_path / "features.parquet", with_profiles())


@pytest.fixture
def spec(spec_path: Path) -> FeatureSpec:
    return read_feature_spec(spec_path)


def rows_of(spec: FeatureSpec, days: int = 40) -> Rows:
    data = with_profiles()
    known = data["occurred_at_ms"] < days * DAY_MS
    features = np.column_stack([data[name] for name in spec.names]).astype(np.float32)
    ids, cards = (np.array(data[name])[known] for name in ("client_transaction_id", "card_token"))
    return Rows(ids, cards, data["occurred_at_ms"][known], data["fraud"][known], features[known])


def published(outcome: Any) -> dict[str, Any]:  # noqa: ANN401
    manifest: dict[str, Any] = json.loads((outcome.folder / "model.json").read_text())
    return manifest


def test_a_profile_is_used_only_if_it_improves_later_days(spec: FeatureSpec) -> None:
    selection = choose_features(rows_of(spec), spec, FITTING)
    assert selection.names == (*FEATURES, "terminal_profile_amount")
    card, terminal = selection.groups
    assert (card.group, card.used, card.folds) == ("card_profile", False, 4)
    assert card.gain_low is not None and card.gain_low <= 0
    assert (terminal.group, terminal.used, terminal.folds) == ("terminal_profile", True, 4)
    assert terminal.gain_low is not None and terminal.gain_low > 0
    assert terminal.ap_with is not None and terminal.ap_without is not None
    assert terminal.ap_with > terminal.ap_without
    assert choose_features(rows_of(spec), spec, FITTING) == selection


def test_a_gain_in_average_precision_does_not_offset_a_drop_in_auc(
    spec: FeatureSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallen = FoldGain(ap_without=0.5, ap_with=0.6, low=0.01, high=0.2, auc_without=0.9, auc_with=0.89)
    monkeypatch.setattr("tripline_training.selection.choose_features.gain_over_folds", lambda *_: fallen)
    selection = choose_features(rows_of(spec), spec, FITTING)
    assert {(group.used, group.reason) for group in selection.groups} == {(False, "AUC ROC falls")}


def test_a_fold_does_not_learn_from_later_data(spec: FeatureSpec) -> None:
    folds = forward_folds(rows_of(spec), 7 * DAY_MS)
    assert len(folds) == 4
    for fold in folds:
        assert fold.learn.occurred_at_ms.max() < fold.later.occurred_at_ms.min() - 7 * DAY_MS
    assert [int(fold.later.occurred_at_ms[-1] // DAY_MS) for fold in folds] == [21, 27, 33, 39]


def test_a_fold_uses_a_limited_number_of_rows(spec: FeatureSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of(spec)
    whole = forward_folds(rows, 7 * DAY_MS)
    module = "tripline_training.selection.forward_folds"
    monkeypatch.setattr(f"{module}.LEARN_ROWS_MAX", 800)
    monkeypatch.setattr(f"{module}.LATER_ROWS_MAX", 500)
    for fold, full in zip(forward_folds(rows, 7 * DAY_MS), whole, strict=True):
        assert fold.learn.fraud.sum() == full.learn.fraud.sum()
        assert len(fold.learn) == pytest.approx(800, rel=0.1)
        assert fold.weights.sum() == pytest.approx(len(full.learn), rel=0.1)
        # Whole cards, with all of their payments.
        cards = np.isin(full.later.cards, fold.later.cards)
        assert 300 < len(fold.later) == cards.sum() < len(full.later)


def test_profiles_are_not_used_with_too_few_days(spec: FeatureSpec) -> None:
    selection = choose_features(rows_of(spec, days=9), spec, FITTING)
    assert selection.names == tuple(FEATURES)
    assert {group.reason for group in selection.groups} == {"too few days or frauds to compare"}


def test_a_constant_profile_is_not_compared(spec: FeatureSpec) -> None:
    rows = rows_of(spec)
    rows.features[:, 3:] = 0
    selection = choose_features(rows, spec, FITTING)
    assert {(group.reason, group.folds) for group in selection.groups} == {("constant in the rows to train on", 0)}


def test_regression_24_a_first_model_uses_no_profile_that_nothing_materialises(options: MakeOptions) -> None:
    """regression #24: profiles were defaults online, but the model had learned from values that it never saw again."""
    outcome = train(options("--alias", "champion", "--constant-online", ",".join(PROFILES)))
    manifest = published(outcome)
    assert manifest["features"] == [*FEATURES, *PROFILES]
    assert set(manifest["used_features"]) <= set(FEATURES)
    selection = manifest["metrics"]["selection"]
    assert selection["constant_online"] == list(PROFILES)
    assert {group["reason"] for group in selection["groups"].values()} == {"constant online"}
    # The score is the same whatever the value.
    model = (outcome.folder / "model.onnx").read_bytes()
    rows = np.array(json.loads((outcome.folder / "golden.json").read_text())["inputs"], dtype=np.float32)
    other = rows.copy()
    other[:, len(FEATURES) :] = 12_345
    assert (predict_onnx(model, rows) == predict_onnx(model, other)).all()
    card = json.loads((outcome.folder / "scorecard.json").read_text())
    assert {part["name"] for part in card["features"]} <= set(FEATURES)


def test_used_features_are_those_in_splits_and_scorecard(options: MakeOptions) -> None:
    manifest = published(train(options()))
    assert "terminal_profile_amount" in manifest["used_features"]
    assert "card_age" not in manifest["used_features"]
    text = features_of_card(manifest)
    assert f"It uses {len(manifest['used_features'])} of the 5 features of its input: " in text
    assert "`card_profile` is not used: the mean average precision over " in text
    assert "`terminal_profile` is used: the mean average precision over " in text
    older = {key: value for key, value in manifest.items() if key != "used_features"}
    assert "It uses 5 of the 5 features" in features_of_card({**older, "metrics": {}})


def test_regression_24_rejects_a_model_whose_features_are_constant_online(options: MakeOptions, tmp_path: Path) -> None:
    """regression #24: a mean of models uses the features of its members, so it cannot omit any."""
    plain = options("--alias", "champion")
    train(plain)
    assert plain.valid is not None
    given = NetworkOptions(
        features=plain.features,
        feature_spec=plain.feature_spec,
        registry=plain.registry,
        name="fraud",
        train=Span(plain.valid.from_ms - 10 * DAY_MS, plain.valid.from_ms - 7 * DAY_MS),
        valid=plain.valid,
        known_by_ms=plain.valid.from_ms,
        params=DEFAULT_PARAMS,
        seed=1,
        jobs=1,
        alias="challenger",
        commit=None,
        constant_online=("terminal_profile_amount",),
    )
    with pytest.raises(TrainingError, match=r"The model uses terminal_profile_amount, but online"):
        average_models(["fraud@champion", "fraud@champion"], given)
    assert not (tmp_path / "registry/models/fraud/aliases/challenger").exists()
    with pytest.raises(TrainingError, match="The feature spec has no feature card_agee"):
        train(options("--constant-online", "card_agee"))


def test_a_network_uses_the_features_that_change_in_its_rows(spec: FeatureSpec) -> None:
    rows = rows_of(spec)
    rows.features[:, spec.names.index("card_age")] = 0
    assert used_by_network(rows, None, spec.names) == (*FEATURES, "terminal_profile_amount")
    assert Selection(("amount",)).as_json() == {"constant_online": [], "groups": {}}
