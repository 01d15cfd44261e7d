"""Compares metrics with slow or published definitions, and tests the path from features file to report and model card.
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tests.conftest import columns, write_settled
from tripline_training import evaluate_report, model_card
from tripline_training.data.days import DAY_MS
from tripline_training.errors import TrainingError
from tripline_training.evaluation.bootstrap import bootstrap, measure_all
from tripline_training.evaluation.cost_matrix import (
    CostMatrix,
    money_saved,
    read_cost_matrix,
    savings_by_threshold,
    stop_by_expected_cost,
)
from tripline_training.evaluation.draw_lines import HEIGHT, WIDTH, Axis, Line, draw_lines
from tripline_training.evaluation.measures import (
    auc_roc,
    average_precision,
    calibration_bins,
    counts_from_top,
    rank_scores,
    recall_at_false_positive_rate,
)
from tripline_training.evaluation.read_scored import Scored
from tripline_training.evaluation.render_report import render_report
from tripline_training.evaluation.segments import measure_segments, missed_terminals
from tripline_training.train import Outcome

COSTS = CostMatrix(lost_share=0.9, chargeback_fee=10, review_cost=2, friction_share=0.1)


def scored(rows: int = 400, seed: int = 3) -> Scored:
    """Scores on a coarse grid, so that many are equal."""
    random = np.random.default_rng(seed)
    scores = random.integers(0, 21, rows) / 20
    return Scored(
        occurred_at_ms=np.arange(rows) * (5 * DAY_MS // rows),
        cards=random.integers(0, 40, rows),
        terminals=np.arange(rows) % 7,
        terminal_names=[f"term-{i}" for i in range(7)],
        card_age_days=np.arange(rows) / rows * 14,
        amounts=random.lognormal(3, 1, rows),
        fraud=(random.random(rows) < scores).astype(np.int64),
        scores=scores,
    )


def test_weighted_metrics_equal_those_of_repeated_rows() -> None:
    """scikit-learn is the oracle; each row is repeated according to its weight."""
    rows = scored()
    times = np.random.default_rng(5).integers(0, 4, len(rows))
    counts = counts_from_top(rank_scores(rows.scores), rows.fraud, times.astype(np.float64))
    fraud, scores = np.repeat(rows.fraud, times), np.repeat(rows.scores, times)
    assert average_precision(*counts) == pytest.approx(average_precision_score(fraud, scores), abs=1e-12)
    assert auc_roc(*counts) == pytest.approx(roc_auc_score(fraud, scores), abs=1e-12)


def test_value_detection_and_recall_on_first_frauds() -> None:
    """Two cards with two frauds each; the second fraud of one card and the first of the other are stopped."""
    rows = replace(
        scored(6),
        cards=np.array([0, 0, 1, 1, 0, 1]),
        fraud=np.array([1, 1, 1, 1, 0, 0]),
        amounts=np.array([100.0, 300, 50, 50, 10, 10]),
        scores=np.array([0.0, 1, 1, 0, 0, 0]),
    )
    measures = measure_all(rows, COSTS)
    assert measures["value_detection_rate"] == pytest.approx(350 / 500)
    assert measures["first_fraud_recall"] == pytest.approx(1 / 2)
    weighted = measure_all(replace(rows, weights=np.array([3.0, 1, 1, 1, 1, 1])), COSTS)
    assert weighted["first_fraud_recall"] == pytest.approx(1 / 4)


def test_recall_at_a_false_positive_rate_uses_only_whole_steps() -> None:
    scores = np.array([0.9, 0.8, 0.8, 0.7, 0.6, 0.5])
    fraud = np.array([1, 1, 0, 1, 0, 0])
    counts = counts_from_top(rank_scores(scores), fraud, np.ones(6))
    # Without false positives, one fraud is found. With one, all three are found: the second in the tied step, and the
    # third at 0.7.
    found = [recall_at_false_positive_rate(*counts, rate) for rate in (0, 0.33, 1 / 3, 2 / 3, 1)]
    assert found == pytest.approx([1 / 3, 1 / 3, 1, 1, 1])


def test_computes_the_calibration_of_known_bins() -> None:
    scores = np.repeat([0.1, 0.5], [50, 50])
    fraud = np.concatenate([np.repeat([1, 0], [10, 40]), np.repeat([1, 0], [20, 30])])
    bins = calibration_bins(scores, fraud, bins=2)
    assert [(part.rows, part.frauds) for part in bins] == [(50, 10), (50, 20)]
    assert [part.predicted - part.observed for part in bins] == pytest.approx([-0.1, 0.1])
    assert measure_all(calibrated_rows(scores, fraud), COSTS)["ece"] == pytest.approx(0.1)


def calibrated_rows(scores: np.ndarray, fraud: np.ndarray) -> Scored:
    return replace(scored(len(scores)), scores=scores, fraud=fraud)


def test_the_money_saved_equals_a_manual_calculation() -> None:
    amounts, fraud = np.array([100.0, 100.0, 20.0, 50.0]), np.array([1, 0, 1, 0])
    scores = np.array([0.9, 0.9, 0.01, 0.01])
    # Stopping saves 0.9 * 100 + 10 - 2 = 98 for the first, and costs 2 + 0.1 * 100 = 12 for the second.
    saved = money_saved(COSTS, amounts, fraud, scores)
    assert (saved.saved, saved.possible) == (pytest.approx(86.0), pytest.approx(98.0 + 26.0))
    assert (saved.stopped, saved.stopped_frauds) == (2, 1)
    # Break-even for an amount of 100: p * 98 = (1 - p) * 12.
    even = 12 / 110
    assert list(stop_by_expected_cost(COSTS, np.full(2, 100.0), np.array([even - 1e-6, even + 1e-6]))) == [False, True]
    thresholds = np.array([0.0, 0.01, 0.5, 0.95])
    by_threshold = savings_by_threshold(COSTS, amounts, fraud, scores, thresholds)
    assert list(by_threshold) == pytest.approx([86 + 26 - 7, 86 + 26 - 7, 86, 0])
    weighted = money_saved(COSTS, amounts, fraud, scores, np.array([2.0, 0.0, 1.0, 1.0]))
    assert (weighted.saved, weighted.stopped) == (pytest.approx(196.0), 2)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "cannot be read"),
        ('{"lost_share": 1}', "must contain exactly lost_share, chargeback_fee, review_cost, friction_share"),
        (
            '{"lost_share": 1, "chargeback_fee": -1, "review_cost": 1, "friction_share": 0}',
            "chargeback_fee must be a number of at least 0, not -1",
        ),
    ],
)
def test_rejects_invalid_costs(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "costs.json"
    path.write_text(text)
    with pytest.raises(TrainingError, match=sentence):
        read_cost_matrix(path)


def test_the_bootstrap_samples_cards_and_is_seeded() -> None:
    # With few payments per card, some cards' first frauds are missed.
    rows = replace(scored(), cards=np.arange(400) % 200)
    first = bootstrap(rows, COSTS, replicates=40, seed=1)
    assert first == bootstrap(rows, COSTS, replicates=40, seed=1)
    assert first != bootstrap(rows, COSTS, replicates=40, seed=2)
    for name, value in measure_all(rows, COSTS).items():
        estimate = first[name]
        assert estimate.value == value
        assert estimate.low is not None and estimate.high is not None and estimate.low < estimate.high, name
    # All payments of a card are drawn together, so the result differs from drawing each payment independently.
    alone = bootstrap(replace(rows, cards=np.arange(len(rows))), COSTS, replicates=40, seed=1)
    assert alone["average_precision"] != first["average_precision"]
    one_card = bootstrap(replace(rows, cards=np.zeros(len(rows), dtype=np.int64)), COSTS, replicates=5, seed=1)
    assert one_card["auc_roc"].low == one_card["auc_roc"].high == one_card["auc_roc"].value
    none = bootstrap(rows, COSTS, replicates=0, seed=1)["auc_roc"]
    assert (none.low, none.high) == (None, None)


def test_a_card_drawn_twice_counts_as_two_cards() -> None:
    """Two cards with one fraud and one genuine payment each: any two draws are two compromised cards."""
    rows = replace(scored(4), cards=np.array([0, 1, 0, 1]), fraud=np.array([1, 1, 0, 0]))
    rows = replace(rows, occurred_at_ms=np.arange(4))
    estimate = bootstrap(rows, COSTS, replicates=20, seed=1)["card_precision_at_100"]
    assert (estimate.low, estimate.value, estimate.high) == (0.02, 0.02, 0.02)


def test_segments_partition_the_payments() -> None:
    rows = scored()
    segments = measure_segments(rows, COSTS)
    for kind in ("amount", "hour (UTC)", "card", "terminal"):
        parts = [segment for segment in segments if segment.kind == kind]
        assert sum(part.rows for part in parts) == len(rows), kind
        assert sum(part.frauds for part in parts) == rows.fraud.sum(), kind
    new = next(part for part in segments if part.name == "first seen within 7 days")
    assert new.rows == (rows.card_age_days < 7).sum()
    within = rows.card_age_days < 7
    assert new.auc_roc == pytest.approx(roc_auc_score(rows.fraud[within], rows.scores[within]))
    total = sum(part.money_saved for part in segments if part.kind == "amount")
    assert total == pytest.approx(money_saved(COSTS, rows.amounts, rows.fraud, rows.scores).saved)


def test_weighted_figures_of_the_report_equal_those_of_repeated_rows() -> None:
    """regression #31: the calibration, segments and terminals ignored the weights of explored payments."""
    rows = scored()
    times = np.random.default_rng(5).integers(1, 4, len(rows))
    at = np.repeat(np.arange(len(rows)), times)
    # The busiest terminals and the edges of the bins depend on rows, not weights, so use one terminal and two scores.
    rows = replace(rows, terminals=np.zeros(400, np.int64), scores=np.repeat([0.02, 0.4], 200))
    names = ("occurred_at_ms", "cards", "terminals", "card_age_days", "amounts", "fraud", "scores")
    repeated = replace(rows, **{name: getattr(rows, name)[at] for name in names})
    weighted = replace(rows, weights=times.astype(np.float64))
    assert measure_all(weighted, COSTS)["ece"] == pytest.approx(measure_all(repeated, COSTS)["ece"])
    for one, other in zip(missed_terminals(weighted, COSTS), missed_terminals(repeated, COSTS), strict=True):
        assert asdict(one) == pytest.approx(asdict(other))
    for part, same in zip(
        [p for p in measure_segments(weighted, COSTS) if p.kind != "terminal"],
        [p for p in measure_segments(repeated, COSTS) if p.kind != "terminal"],
        strict=True,
    ):
        assert part.as_json() == pytest.approx(same.as_json()), part.name
    bins, others = (
        calibration_bins(weighted.scores, weighted.fraud, weighted.weights),
        calibration_bins(repeated.scores, repeated.fraud),
    )
    assert [b.predicted for b in bins] == pytest.approx([b.predicted for b in others])
    assert [b.observed for b in bins] == pytest.approx([b.observed for b in others])
    thresholds = np.array([0.01, 0.3, 0.9])
    saved, expected = (
        savings_by_threshold(COSTS, each.amounts, each.fraud, each.scores, thresholds, weights=each.weights)
        for each in (weighted, repeated)
    )
    assert saved == pytest.approx(expected)


def test_names_the_terminals_with_most_missed_fraud() -> None:
    rows = replace(scored(), scores=np.zeros(400))
    worst = missed_terminals(rows, COSTS)
    lost = {t: rows.amounts[(rows.terminals == t) & (rows.fraud == 1)].sum() for t in range(7)}
    assert worst[0].terminal == f"term-{max(lost, key=lambda t: lost[t])}"
    assert worst[0].missed_amount == pytest.approx(max(lost.values()))
    assert [t.missed_amount for t in worst] == sorted((t.missed_amount for t in worst), reverse=True)


def test_a_chart_draws_points_at_their_positions() -> None:
    """Draws points outside the axes at the edge, and connects points in the given order, not in the order of x."""
    axes = (Axis("x", 0.01, 1, logarithmic=True), Axis("y", 0, 2))
    lines = [Line("l & m", [0.01, 1, 0.1, 0.001], [0, 2, 1, 3], dots=True), Line("n", [0.01, 1], [1, 1], dashed=True)]
    root = ElementTree.fromstring(draw_lines("<a & b>", *axes, lines))
    dots = [path.attrib["transform"] for path in root.iter() if path.attrib.get("aria-roledescription") == "point"]
    middle = f"{WIDTH // 2},{HEIGHT // 2}"
    assert dots == [f"translate({at})" for at in (f"0,{HEIGHT}", f"{WIDTH},0", middle, "0,0")]
    texts = [node.text for node in root.iter() if node.tag.endswith("text")]
    assert texts == ["0.01", "0.1", "1", "x", "0", "0.5", "1", "1.5", "2", "y", "l & m", "n", "<a & b>"]
    joined = next(node.attrib for node in root.iter() if node.attrib.get("aria-roledescription") == "line mark")
    assert joined["d"] == f"M0,{HEIGHT}L{WIDTH},0L{middle}L0,0"


Arguments = Callable[..., list[str]]


@pytest.fixture
def arguments(outcome: Outcome, features_path: Path, spec_path: Path) -> Arguments:
    """Options of a report on the validation days of a newly published champion."""
    registry = Path(outcome.folder).parents[3]

    def make(*more: str) -> list[str]:
        return [
            *("--features", str(features_path), "--feature-spec", str(spec_path)),
            *("--registry", f"file://{registry}", "--name", "fraud"),
            *("--from", "1970-01-28", "--to", "1970-02-02", "--bootstrap", "10", *more),
        ]

    return make


def test_the_commands_write_a_report_and_a_card_of_the_champion(
    arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {name: tmp_path / f"r.{name}" for name in ("html", "json", "md")}
    evaluate_report.main(arguments("--output", str(paths["html"]), "--json", str(paths["json"])))
    report = json.loads(paths["json"].read_text())
    manifest = json.loads(next((tmp_path / "registry").rglob("model.json")).read_text())
    # The same payments as the training's own validation.
    assert report["data"]["rows"] == manifest["metrics"]["valid"]["rows"] == 600
    for name in ("average_precision", "auc_roc", "card_precision_at_100"):
        assert report["measures"][name]["value"] == pytest.approx(manifest["metrics"]["valid"][name], abs=1e-6)
    assert capsys.readouterr().out.splitlines()[-1].startswith("evaluate-report: rows=600 frauds=")
    html = paths["html"].read_text()
    assert html.count("<svg") == 4
    assert "The model uses 3 of the 3 features of its input." in html
    groups = {"card_profile": {"used": False, "gain_low": -0.001, "gain_high": 0.002, "folds": 4}}
    chosen = render_report({**report, "model": {**report["model"], "selection": groups}})
    assert "is not used:" in chosen
    assert "-0.0010 to 0.0020" in chosen
    assert "<script" not in html
    # Nothing is loaded from elsewhere: the only addresses are the names of SVG's own namespaces.
    assert set(re.findall(r"https?://[^\s\"'<]+", html)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    light, dark = (set(re.findall(r"(--[\w-]+):", scheme)) for scheme in html.split("prefers-color-scheme: dark")[:2])
    assert light == dark >= set(re.findall(r"var\((--[\w-]+)\)", html))
    assert "<h1>Evaluation of &lt;b&gt;</h1>" in render_report({**report, "model": {**report["model"], "name": "<b>"}})
    assert f"Evaluation of fraud {manifest['version']}" in html

    card = ["--registry", f"file://{tmp_path}/registry", "--name", "fraud", "--output", str(paths["md"])]
    model_card.main([*card, "--evaluation", str(paths["json"])])
    text = paths["md"].read_text()
    assert text.startswith(f"# Model card: fraud {manifest['version']}\n")
    assert manifest["lineage"]["data_sha256"] in text
    assert f"| AUC ROC | {report['measures']['auc_roc']['value']:.4f} |" in text
    assert "It uses 3 of the 3 features of its input: `amount`, `card_count_1d`, `terminal_fraud_rate_7d`." in text

    report["model"]["sha256"] = "0" * 64
    paths["json"].write_text(json.dumps(report))
    with pytest.raises(TrainingError, match="evaluation belongs to another model: it evaluated 000000000000"):
        model_card.main([*card, "--evaluation", str(paths["json"])])


def test_evaluates_only_payments_with_a_verdict(arguments: Arguments, tmp_path: Path) -> None:
    """regression #31: among the newest payments, only the frauds have a label, so every measure was too good."""
    data = columns()
    is_unknown = (data["occurred_at_ms"] >= 30 * DAY_MS) & (data["fraud"] == 0)
    for name in ("labelled_at_ms", "fraud"):
        data[name] = [None if unknown else int(value) for value, unknown in zip(data[name], is_unknown, strict=True)]
    settled = write_settled(tmp_path / "settled.parquet", data, delay_days=7, mature_before_ms=30 * DAY_MS)
    output = tmp_path / "report.json"
    evaluate_report.main(arguments("--features", str(settled), "--json", str(output)))
    # Three of the six days are too recent for a verdict.
    assert json.loads(output.read_text())["data"]["rows"] == 300


def test_names_missing_inputs(arguments: Arguments, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="contains 0 labelled payments between --from and --to"):
        evaluate_report.main([*arguments(), "--from", "1999-01-01", "--to", "1999-01-02"])
    with pytest.raises(TrainingError, match="Specify the model with either --model"):
        evaluate_report.main(arguments("--model", str(tmp_path / "model.onnx")))
    with pytest.raises(TrainingError, match="--bootstrap must be"):
        evaluate_report.main([*arguments(), "--bootstrap", "-1"])
