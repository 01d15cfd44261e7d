"""Compares the scorecard with a plain implementation of its description, and with vectors shared by other languages."""

import json
import math
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import FEATURES, columns, write_parquet
from tripline_training import train_scorecard
from tripline_training.data.dataset import WEIGHT_COLUMN
from tripline_training.errors import TrainingError
from tripline_training.models.scorecard import (
    Scorecard,
    calibrate_card,
    fit_scorecard,
    margins_of_card,
    parse_scorecard,
    probabilities_of,
)

GOLDEN = Path(__file__).parent / "golden_scorecard.json"


def plain_probability(card: dict, values: dict[str, float]) -> float:
    """The description at the top of models/scorecard.py, implemented literally with the standard library."""
    margin = card["intercept"]
    for part in card["features"]:
        (value,) = struct.unpack("<f", struct.pack("<f", values[part["name"]]))
        edges = struct.unpack(f"<{len(part['edges'])}f", struct.pack(f"<{len(part['edges'])}f", *part["edges"]))
        margin += part["weights"][sum(edge <= value for edge in edges)]
    return 1 / (1 + math.exp(-margin))


@pytest.fixture(scope="module")
def learnt() -> tuple[Scorecard, np.ndarray, np.ndarray]:
    data = columns()
    rows = np.column_stack([data[name] for name in FEATURES]).astype(np.float32)
    return fit_scorecard(rows[:2000], data["fraud"][:2000], tuple(FEATURES), 3), rows, data["fraud"]


def test_scores_match_the_documented_formula(learnt: tuple[Scorecard, np.ndarray, np.ndarray]) -> None:
    card, rows, _ = learnt
    edges = np.array([[edge] * 3 for part in card.features for edge in part.edges], dtype=np.float32)
    rows = np.concatenate([rows[:200], edges, np.nextafter(edges, np.float32(-np.inf))])
    scores = probabilities_of(margins_of_card(card, rows, tuple(FEATURES)))
    written = json.loads(json.dumps(card.as_json()))
    plain = [plain_probability(written, dict(zip(FEATURES, map(float, row), strict=True))) for row in rows]
    np.testing.assert_allclose(scores, plain, rtol=0, atol=1e-15)


def test_scores_match_the_golden_vectors() -> None:
    """Shared with every other language that evaluates scorecards: `inputs` are doubles, in the order of `names`."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    card = parse_scorecard(json.dumps(golden["scorecard"]))
    inputs = np.array(golden["inputs"], dtype=np.float32)
    scores = probabilities_of(margins_of_card(card, inputs, tuple(golden["names"])))
    np.testing.assert_allclose(scores, golden["probabilities"], rtol=0, atol=1e-12)
    for row, expected in zip(golden["inputs"], golden["probabilities"], strict=True):
        assert plain_probability(golden["scorecard"], dict(zip(golden["names"], row, strict=True))) == pytest.approx(
            expected, abs=1e-12
        )
    # Otherwise, a card that ignores its bins would also pass.
    assert len(set(golden["probabilities"])) > 30


def test_uses_predictive_features_and_omits_others(
    learnt: tuple[Scorecard, np.ndarray, np.ndarray],
) -> None:
    card, rows, fraud = learnt
    # Fraud follows amount and risk; the count is noise.
    assert {part.name for part in card.features} == {"amount", "terminal_fraud_rate_7d"}
    scores = margins_of_card(card, rows[2000:], tuple(FEATURES))
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 -- only here

    assert roc_auc_score(fraud[2000:], scores) > 0.8
    again = fit_scorecard(rows[:2000], fraud[:2000], tuple(FEATURES), 3)
    assert json.dumps(again.as_json()) == json.dumps(card.as_json())


def test_calibration_corrects_the_mean_and_keeps_the_order(
    learnt: tuple[Scorecard, np.ndarray, np.ndarray],
) -> None:
    card, rows, fraud = learnt
    doubled = Scorecard(card.feature_spec_version, card.intercept + 2, card.features)
    before = margins_of_card(doubled, rows, tuple(FEATURES))
    assert probabilities_of(before).mean() > 2 * fraud.mean()
    after = margins_of_card(calibrate_card(doubled, before, fraud), rows, tuple(FEATURES))
    assert probabilities_of(after).mean() == pytest.approx(fraud.mean(), rel=1e-3)
    assert np.array_equal(np.argsort(after, kind="stable"), np.argsort(before, kind="stable"))


def test_does_not_create_a_scorecard_from_noise() -> None:
    random = np.random.default_rng(1)
    with pytest.raises(TrainingError, match="a scorecard cannot be created"):
        fit_scorecard(np.ones((100, 1), np.float32), random.integers(0, 2, 100), ("constant",), 1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda card: card.update(format="x"), "not a scorecard of format tripline-scorecard 1"),
        (lambda card: card["features"][0]["weights"].pop(), "amount: 2 edges require one more weight, not 2"),
        (lambda card: card["features"][0].update(edges=[2, 1]), "amount: the edges must be in ascending order"),
        (lambda card: card["features"][0].update(weights=[0, 1, math.nan]), "amount: edges and weights must be finite"),
        (lambda card: card.pop("intercept"), "cannot be read: KeyError"),
    ],
)
def test_rejects_an_invalid_card(change: Callable[[dict], None], sentence: str) -> None:
    card = {"format": "tripline-scorecard", "format_version": 1, "feature_spec_version": 1, "intercept": 0.0}
    card["features"] = [{"name": "amount", "edges": [1, 2], "weights": [0, 1, 2]}]
    assert parse_scorecard(json.dumps(card)).features[0].edges == (1, 2)
    change(card)
    with pytest.raises(TrainingError, match=sentence):
        parse_scorecard(json.dumps(card))


def test_explored_payments_count_in_the_scorecard(tmp_path: Path, features_path: Path, spec_path: Path) -> None:
    """regression #31: the fit and the calibration ignored the weights of explored payments."""
    data = columns()
    weighted = write_parquet(
        tmp_path / "weighted.parquet", {**data, WEIGHT_COLUMN: np.where(data["fraud"] == 1, 20.0, 1.0)}
    )
    rows = np.column_stack([data[name] for name in FEATURES]).astype(np.float32)
    means = []
    for path in (features_path, weighted):
        output = tmp_path / "scorecard.json"
        given = ["--features", str(path), "--feature-spec", str(spec_path), "--output", str(output)]
        days = ["--train-from", "1970-01-01", "--train-to", "1970-01-13", "--calibrate-from", "1970-01-14"]
        train_scorecard.main([*given, *days, "--calibrate-to", "1970-01-20"])
        means.append(margins_of_card(parse_scorecard(output.read_text()), rows, tuple(FEATURES)).mean())
    assert means[1] - means[0] == pytest.approx(math.log(20), abs=0.7)


def test_the_command_writes_a_scorecard(
    features_path: Path, spec_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "scorecard.json"
    given = ["--features", str(features_path), "--feature-spec", str(spec_path), "--output", str(output)]
    days = ["--train-from", "1970-01-01", "--train-to", "1970-01-13", "--calibrate-from", "1970-01-14"]
    valid = ["--valid-from", "1970-01-28", "--valid-to", "1970-02-02"]
    train_scorecard.main([*given, *days, "--calibrate-to", "1970-01-20", *valid])
    card = parse_scorecard(output.read_text())
    assert card.feature_spec_version == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("scorecard: rows=1300 calibrated_on=700 features=")
    assert lines[1].startswith("valid: rows=600 frauds=")
    days[-1] = "1970-01-13"
    with pytest.raises(TrainingError, match="--calibrate-from must not be before the end of --train-to"):
        train_scorecard.main([*given, *days, "--calibrate-to", "1970-01-20", *valid])
