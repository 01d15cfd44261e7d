"""Tests the comparison of a model with simple baselines, and checks each metric against a slow reference."""

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from tests.conftest import SPEC, columns, write_parquet
from tripline_training.compare_baselines import OWN, compare, main, parse_options
from tripline_training.errors import TrainingError
from tripline_training.evaluation.measure_review import Payments, measure_once, measure_review
from tripline_training.evaluation.measures import rank_scores
from tripline_training.train import parse_options as parse_training
from tripline_training.train import train

DAYS = ("--from", "1970-01-28", "--to", "1970-02-02")


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Arguments for comparing a newly trained model."""
    folder = tmp_path_factory.mktemp("own")
    data = columns()
    features, spec, registry = write_parquet(folder / "features.parquet", data), folder / "spec.yaml", folder.as_uri()
    spec.write_text(SPEC, encoding="utf-8")
    common = ["--features", str(features), "--feature-spec", str(spec), "--registry", registry, "--name", "fraud"]
    train(
        parse_training(
            [
                *common,
                *("--alias", "champion", "--known-by", "1970-01-28"),
                *("--train-from", "1970-01-01", "--train-to", "1970-01-20"),
            ]
        )
    )
    raw, text = folder / "raw.parquet", folder / "raw.csv"
    kinds = np.where(data["terminal_fraud_rate_7d"] > 0.3, "risky", "")
    rows = zip(data["client_transaction_id"], data["amount"], kinds, strict=True)
    lines = [",".join(map(str, row)) for row in rows]
    text.write_text("client_transaction_id,total,kind\n" + "\n".join(lines) + "\n", encoding="utf-8")
    duckdb.connect(":memory:").execute(f"COPY (FROM read_csv('{text}')) TO '{raw}' (FORMAT parquet)")
    return [*common, "--raw", str(raw), "--bootstrap", "20"]


def test_every_model_is_evaluated_on_the_same_days(arguments: list[str], tmp_path: Path) -> None:
    report_path = tmp_path / "report.json"
    main([*arguments, *DAYS, "--review-share", "0.05", "--json", str(report_path)])
    report: dict[str, Any] = json.loads(report_path.read_text(encoding="utf-8"))
    assert report["rows"] == 600
    assert list(report["measures"]) == [
        OWN,
        "gradient boosting, same vectors",
        "logistic regression, same vectors",
        "gradient boosting, raw columns",
        "logistic regression, raw columns",
    ]
    for own in report["measures"].values():
        for estimate in own.values():
            assert 0 <= estimate["low"] <= estimate["value"] <= estimate["high"] <= 1
        assert own["auc_roc"]["value"] > 0.6
    # The raw columns lack half of the information about which payments are fraud.
    vectors = report["measures"]["gradient boosting, same vectors"]["auc_roc"]["value"]
    assert vectors > report["measures"]["gradient boosting, raw columns"]["auc_roc"]["value"]


def test_rejects_training_days(arguments: list[str]) -> None:
    with pytest.raises(TrainingError, match="measure it on later payments"):
        compare(parse_options([*arguments, "--from", "1970-01-15", "--to", "1970-02-02"]))


def test_rejects_payments_without_raw_columns(arguments: list[str]) -> None:
    raw = arguments[arguments.index("--raw") + 1]
    duckdb.connect(":memory:").execute(f"COPY (SELECT * FROM '{raw}' LIMIT 100) TO '{raw}.parquet' (FORMAT parquet)")
    given = [f"{raw}.parquet" if one == raw else one for one in arguments]
    with pytest.raises(TrainingError, match="does not contain all payments"):
        compare(parse_options([*given, *DAYS]))


def payments(rows: int, frauds: int) -> Payments:
    fraud = np.zeros(rows, dtype=np.int64)
    fraud[:frauds] = 1
    return Payments(np.arange(rows) % 97, np.arange(rows) + 1.0, fraud)


@pytest.mark.parametrize(
    ("rows", "frauds", "share", "sentence"),
    [
        (1_000, 7, 0.01, "these days have 7 frauds"),
        (1_000, 50, 0.001, "0.10% of 1000 payments is 1"),
    ],
)
def test_figures_of_small_samples_are_withheld(rows: int, frauds: int, share: float, sentence: str) -> None:
    given = payments(rows, frauds)
    measured, reliability = measure_review(given, {"a": np.linspace(1, 0, rows)}, share, 5, 1)
    assert sentence in " ".join(reliability.sentences)
    assert measured["a"]["recall_at_budget"] is None
    assert (measured["a"]["average_precision"] is None) == (frauds < 20)


def test_computes_the_metrics_of_a_review_budget() -> None:
    """The ten highest scores include four of eight frauds. Equal scores are reviewed in equal shares."""
    fraud = np.array([1, 0] * 4 + [0] * 8 + [1] * 4)
    scores = np.concatenate([np.linspace(1, 0.6, 8), np.full(12, 0.5)])
    given = Payments(np.arange(20), np.where(fraud == 1, 10.0, 1.0), fraud.astype(np.int64))
    measures = measure_once(given, rank_scores(scores), 0.5, np.ones(20))
    assert measures["recall_at_budget"] == pytest.approx((4 + 4 * 2 / 12) / 8)
    assert measures["value_detected"] == pytest.approx(measures["recall_at_budget"])
    assert measures["average_precision"] == pytest.approx(average_precision_score(fraud, scores))
