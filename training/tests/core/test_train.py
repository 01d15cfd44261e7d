"""The whole path from a features file to a version in the registry, and back through the checks."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import onnx
import onnxruntime
import pytest
import xgboost

from tests.conftest import DAY_MS, FEATURES, QUICK_TREES, MakeOptions, columns, write_parquet
from tripline_training.assess import assess, report
from tripline_training.check_scores import check_scores, load_booster
from tripline_training.data.dataset import ALWAYS, Rows, Span
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.data.sampling import sample_weighted
from tripline_training.errors import TrainingError
from tripline_training.make_scorecard import make_scorecard
from tripline_training.metrics import expected_calibration_error
from tripline_training.models import scorecard
from tripline_training.models.scorecard import margins_of_card, parse_scorecard, probabilities_of
from tripline_training.train import Outcome, parse_options, train
from tripline_training.trees.calibration import margins_of
from tripline_training.trees.export_onnx import predict_onnx
from tripline_training.trees.fit_trees import fit
from tripline_training.trees.params import DEFAULT_PARAMS, read_params


def test_publishes_a_model_that_describes_itself(outcome: Outcome, tmp_path: Path) -> None:
    manifest = json.loads((outcome.folder / "model.json").read_text())
    assert manifest["features"] == FEATURES
    assert manifest["feature_spec_version"] == 3
    assert manifest["input"] == {"name": "features", "datatype": "FP32", "shape": [-1, 3]}
    assert manifest["output"] == {"name": "probability", "datatype": "FP32", "shape": [-1, 1]}
    assert set(manifest["files"]) == {"model.onnx", "golden.json", "booster.json", "scorecard.json", "twin.onnx"}
    assert manifest["lineage"]["commit"] == "abc"
    assert manifest["lineage"]["params"]["trees"] == QUICK_TREES["trees"]
    assert manifest["metrics"]["train"]["rows"] == outcome.rows == 2000
    assert manifest["metrics"]["valid"]["rows"] == 600
    for kind in ("amount", "hour (UTC)", "card"):
        parts = [part for part in manifest["metrics"]["segments"] if part["kind"] == kind]
        assert all(set(part["calibration"]) == {"value", "low", "high"} for part in parts)
        assert sum(part["rows"] for part in parts) == 600, kind
        assert sum(part["frauds"] for part in parts) == manifest["metrics"]["valid"]["frauds"], kind
    assert manifest["metrics"]["scorecard"]["auc_roc"] > 0.7
    # The model has learned something: fraud in the data follows amount and risk.
    assert manifest["metrics"]["valid"]["auc_roc"] > 0.8
    assert (tmp_path / "registry/models/fraud/aliases/champion").read_text().strip() == outcome.version


def test_publishes_a_calibrated_model(outcome: Outcome, options: MakeOptions) -> None:
    manifest = json.loads((outcome.folder / "model.json").read_text())
    calibration = manifest["metrics"]["calibration"]
    # 20 days minus 7 of label delay leave 13 for training and holding out: a third of them, in whole days.
    assert (calibration["kind"], calibration["days"]) == ("platt", 4)
    assert 0 < calibration["ece"] < 0.05
    # The published model includes the calibration: the same trees as without it, with log odds on one line.
    data = columns()
    known = data["occurred_at_ms"] < 20 * DAY_MS
    features = np.column_stack([data[name] for name in FEATURES]).astype(np.float32)
    rows = rows_of(data, known, features)
    plain = margins_of(fit(rows, read_params(options().params), seed=1, jobs=1), features)
    published = xgboost.Booster(model_file=str(outcome.folder / "booster.json"))
    slope, intercept = np.polyfit(plain, margins_of(published, features), 1)
    np.testing.assert_allclose(margins_of(published, features), slope * plain + intercept, atol=1e-3)
    assert abs(slope - 1) > 0.01
    valid = (data["occurred_at_ms"] >= 27 * DAY_MS) & (data["occurred_at_ms"] < 33 * DAY_MS)
    scores = predict_onnx((outcome.folder / "model.onnx").read_bytes(), features[valid])
    error = expected_calibration_error(scores, data["fraud"][valid], same_mass=True)
    assert error == pytest.approx(calibration["ece"], abs=1e-4)
    assert sum(tenth["rows"] for tenth in calibration["curve"]) == len(scores)


def test_publishes_a_scorecard_trained_on_the_same_rows(outcome: Outcome, options: MakeOptions) -> None:
    content = (outcome.folder / "scorecard.json").read_bytes()
    card = parse_scorecard(content.decode())
    assert card.feature_spec_version == 3
    data = columns()
    features = np.column_stack([data[name] for name in FEATURES]).astype(np.float32)
    later = (data["occurred_at_ms"] >= 27 * DAY_MS) & (data["occurred_at_ms"] < 33 * DAY_MS)
    scores = probabilities_of(margins_of_card(card, features[later], tuple(FEATURES)))
    assert expected_calibration_error(scores, data["fraud"][later], same_mass=True) < 0.05
    # The model names its scorecard, so no other scorecard can accompany the same version.
    manifest = json.loads((outcome.folder / "model.json").read_text())
    model = onnx.load_from_string((outcome.folder / "model.onnx").read_bytes())
    assert manifest["files"]["scorecard.json"] == hashlib.sha256(content).hexdigest()
    assert {one.key: one.value for one in model.metadata_props} == {
        "tripline.scorecard": manifest["files"]["scorecard.json"]
    }
    assert outcome.version == train(options()).version


def test_publishes_a_model_if_the_rows_yield_no_scorecard(
    options: MakeOptions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scorecard, "INFORMATION_MIN", 1e9)
    outcome = train(options())
    assert "scorecard: none: No feature separates fraud from other payments" in capsys.readouterr().out
    manifest = json.loads((outcome.folder / "model.json").read_text())
    assert set(manifest["files"]) == {"model.onnx", "golden.json", "booster.json", "twin.onnx"}
    assert not onnx.load_from_string((outcome.folder / "model.onnx").read_bytes()).metadata_props


def test_a_scorecard_is_calibrated_on_days_outside_its_training(spec_path: Path) -> None:
    data = columns()
    features = np.column_stack([data[name] for name in FEATURES]).astype(np.float32)
    rows = rows_of(data, data["occurred_at_ms"] < 20 * DAY_MS, features)
    card, days = make_scorecard(rows, read_feature_spec(spec_path), 7 * DAY_MS)
    held = rows.occurred_at_ms >= rows.occurred_at_ms[-1] - 4 * DAY_MS
    assert days == 4
    # It is calibrated on the held-out days, unlike a card that is made from all days.
    said = probabilities_of(margins_of_card(card, rows.features[held], tuple(FEATURES))).mean()
    assert said == pytest.approx(rows.fraud[held].mean(), rel=1e-3)
    whole, days = make_scorecard(rows, read_feature_spec(spec_path), 18 * DAY_MS)
    said = probabilities_of(margins_of_card(whole, rows.features[held], tuple(FEATURES))).mean()
    assert days == 0
    assert said != pytest.approx(rows.fraud[held].mean(), rel=1e-3)


def rows_of(data: dict[str, Any], which: np.ndarray, features: np.ndarray) -> Rows:
    ids, cards = np.array(data["client_transaction_id"]), np.array(data["card_token"])
    at, fraud = np.asarray(data["occurred_at_ms"]), np.asarray(data["fraud"])
    return Rows(ids[which], cards[which], at[which], fraud[which], features[which])


def test_a_model_of_a_short_period_is_published_uncalibrated(options: MakeOptions) -> None:
    week = Span(13 * DAY_MS, 20 * DAY_MS)
    outcome = train(replace(options(), train=week))
    manifest = json.loads((outcome.folder / "model.json").read_text())
    calibration = manifest["metrics"]["calibration"]
    assert (calibration["kind"], calibration["days"]) == ("none", 0)
    assert calibration["ece"] > 0


def test_there_is_no_calibration_error_without_later_days(options: MakeOptions) -> None:
    outcome = train(replace(options(), valid=None, known_by_ms=27 * DAY_MS))
    manifest = json.loads((outcome.folder / "model.json").read_text())
    assert set(manifest["metrics"]) == {"train", "calibration", "selection"}
    assert manifest["metrics"]["calibration"] == {"kind": "platt", "days": 4, "ece": None}


def test_the_golden_batch_contains_the_model_s_scores(outcome: Outcome) -> None:
    golden = json.loads((outcome.folder / "golden.json").read_text())
    inputs = np.array(golden["inputs"], dtype=np.float32)
    assert inputs.shape == (256, 3)
    np.testing.assert_array_equal(inputs.astype(np.float64), np.array(golden["inputs"]))
    session = onnxruntime.InferenceSession(outcome.folder / "model.onnx", providers=["CPUExecutionProvider"])
    (output,) = session.run(["probability"], {"features": inputs})
    np.testing.assert_allclose(output[:, 0], golden["outputs"], atol=1e-5)
    assert max(golden["outputs"]) > 10 * min(golden["outputs"])


def test_the_same_data_gives_the_same_version(options: MakeOptions, outcome: Outcome, tmp_path: Path) -> None:
    elsewhere = ("--registry", f"file://{tmp_path}/elsewhere")
    assert train(options(*elsewhere)).version == outcome.version
    assert train(options(*elsewhere, "--seed", "2")).version != outcome.version


def test_a_model_is_not_published_if_features_leak_labels(
    options: MakeOptions, features_path: Path, tmp_path: Path
) -> None:
    data = columns()
    data["labelled_at_ms"][17] = data["occurred_at_ms"][17] - 1
    write_parquet(features_path, data)
    with pytest.raises(TrainingError, match="a label older than the payment"):
        train(options())
    assert not (tmp_path / "registry").exists()


def test_future_labels_are_not_used(options: MakeOptions) -> None:
    assert train(options("--known-by", "1970-01-15")).rows == 701


def test_rejects_training_data_without_fraud(options: MakeOptions, features_path: Path) -> None:
    data = columns()
    data["fraud"][:] = 0
    write_parquet(features_path, data)
    with pytest.raises(TrainingError, match="nothing to learn"):
        train(options())


def test_rejects_days_without_fraud(options: MakeOptions, features_path: Path) -> None:
    data = columns()
    data["fraud"][data["occurred_at_ms"] < 20 * DAY_MS] = 0
    write_parquet(features_path, data)
    with pytest.raises(TrainingError, match="The training rows have only fraud or no fraud"):
        train(options())


def test_rejects_a_feature_that_reveals_the_label(options: MakeOptions, features_path: Path, tmp_path: Path) -> None:
    data = columns()
    data["card_count_1d"] = data["fraud"] + data["amount"] / 1e6
    write_parquet(features_path, data)
    with pytest.raises(TrainingError, match=r"card_count_1d: alone it separates fraud with an AUC of 1.*--feature-auc-max"):
        train(options())
    assert not (tmp_path / "registry").exists()


def test_regression_28_the_limit_for_a_single_feature_can_be_raised(options: MakeOptions, features_path: Path) -> None:
    data = columns()
    data["card_count_1d"] = data["fraud"] + (np.arange(len(data["fraud"])) % 200 == 0)
    write_parquet(features_path, data)
    with pytest.raises(TrainingError, match="which is 0.98"):
        train(options())
    assert train(options("--feature-auc-max", "1")).rows > 0
    with pytest.raises(TrainingError, match="must be between 0.5 and 1"):
        options("--feature-auc-max", "2")


def test_rejects_invalid_parameters(options: MakeOptions, tmp_path: Path) -> None:
    params = tmp_path / "params.json"
    params.write_text(DEFAULT_PARAMS.read_text().replace('"max_depth": 6', '"max_depth": 40'))
    with pytest.raises(TrainingError, match="max_depth must be a number from 1 to 12, not 40"):
        train(options("--params", str(params)))


def served(outcome: Outcome, path: Path, shift: float = 0.0) -> Path:
    """The scores that a server would give for the logged features, with the last one shifted."""
    data = columns()
    vectors = np.column_stack([data[name] for name in FEATURES]).astype(np.float32)
    scores = predict_onnx((outcome.folder / "model.onnx").read_bytes(), vectors).astype(np.float64)
    scores[-1] += shift
    lines = [f"{i},{score!r}" for i, score in zip(data["client_transaction_id"], scores.tolist(), strict=True)]
    path.write_text("\n".join(["client_transaction_id,score", *lines]))
    return path


def test_served_scores_are_correct(outcome: Outcome, features_path: Path, tmp_path: Path) -> None:
    comparison = check_scores(features_path, served(outcome, tmp_path / "s.csv"), outcome.folder)
    assert comparison.rows == 4_000
    assert comparison.difference_max <= 1e-5


def test_detects_a_wrong_served_score(outcome: Outcome, features_path: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="The score of t003999 differs by"):
        check_scores(features_path, served(outcome, tmp_path / "s.csv", shift=2e-5), outcome.folder)


def test_detects_a_missing_score(outcome: Outcome, features_path: Path, tmp_path: Path) -> None:
    path = served(outcome, tmp_path / "s.csv")
    path.write_text("\n".join(path.read_text().split("\n")[:-1]))
    with pytest.raises(TrainingError, match="1 have no score"):
        check_scores(features_path, path, outcome.folder)


def test_rejects_a_changed_booster(outcome: Outcome) -> None:
    with (outcome.folder / "booster.json").open("ab") as file:
        file.write(b" ")
    with pytest.raises(TrainingError, match="differs from the published file"):
        load_booster(outcome.folder)


def test_trains_on_the_train_part_of_a_split(options: MakeOptions, features_path: Path, tmp_path: Path) -> None:
    data = columns()
    data["client_transaction_id"] = [f"hb-{i}" for i in range(len(data["fraud"]))]
    write_parquet(features_path, data)
    fold = tmp_path / "fold.csv"
    lines = [f"{i},{'train' if i < 900 else 'assess'}" for i in range(1_000)]
    fold.write_text("\n".join(["TRANSACTION_ID,PART", *lines]))
    assert train(replace(options("--ids", str(fold)), train=ALWAYS)).rows == 900


def test_reports_which_days_to_train_on(features_path: Path, spec_path: Path) -> None:
    needed = [
        "--features",
        str(features_path),
        "--feature-spec",
        str(spec_path),
        "--registry",
        "file:///r",
        "--name",
        "m",
    ]
    with pytest.raises(TrainingError, match="either --train-from or --ids"):
        parse_options(needed)
    with pytest.raises(TrainingError, match="Specify both --train-from and --train-to, or neither"):
        parse_options([*needed, "--train-from", "1970-01-01"])


@pytest.fixture
def fold(tmp_path: Path) -> Path:
    path = tmp_path / "fold.csv.gz"
    rows = ", ".join(f"({i}, '{'train' if i < 2 else 'assess'}')" for i in range(5))
    query = f"COPY (SELECT * FROM (VALUES {rows}) AS t (TRANSACTION_ID, PART)) TO '{path}' (FORMAT csv, HEADER)"
    duckdb.connect(":memory:").execute(query)
    return path


DECISIONS = [
    "client_transaction_id,occurred_at_ms,card,score,fraud",
    "hb-1,0,a,0.99,0",
    "hb-2,0,a,0.5,0",
    "hb-3,0,b,0.9,1",
    "hb-4,0,c,0.1,0",
    "hb-5,0,d,1.0,0",
]


def test_evaluates_exactly_the_rows_of_the_split(fold: Path, tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text("\n".join(DECISIONS))
    quality = assess(path, fold, "hb-")
    assert (quality.rows, quality.frauds) == (3, 1)
    assert (quality.average_precision, quality.auc_roc, quality.card_precision_at_100) == (1.0, 1.0, 0.01)
    text = report(quality, fold)
    assert text.split("\n")[-1] == "assess: rows=3 frauds=1 ap=1.000 auc=1.000 cp100=0.010"
    assert "published" not in text
    assert "0.639     0.862    0.273" in report(quality, Path("folds/test-fold3.csv.gz"))


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (DECISIONS[:-2], "1 were not decided"),
        ([*DECISIONS, DECISIONS[3]], "1 were decided more than once"),
        ([*DECISIONS[:3], "hb-3,0,b,,1", *DECISIONS[4:]], "1 have no score"),
        ([*DECISIONS[:3], "hb-3,0,b,0.9,", *DECISIONS[4:]], "1 lack their card, time or label"),
    ],
)
def test_rejects_an_incomplete_evaluation_set(fold: Path, tmp_path: Path, lines: list[str], sentence: str) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(TrainingError, match=sentence):
        assess(path, fold, "hb-")


def test_a_sample_of_genuine_payments_represents_all() -> None:
    fraud = (np.arange(20_000) % 50 == 0).astype(np.int64)
    rows, weights = sample_weighted(fraud, 0.25, seed=1)
    assert fraud[rows].sum() == fraud.sum()
    assert len(rows) < 0.3 * len(fraud)
    assert weights.sum() == pytest.approx(len(fraud), rel=0.02)
    everything, ones = sample_weighted(fraud, 1, seed=1)
    assert (len(everything), set(ones)) == (len(fraud), {1.0})
