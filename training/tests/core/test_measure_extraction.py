import json
from pathlib import Path

import duckdb
import numpy as np
import pytest
import xgboost

from tripline_training.errors import TrainingError
from tripline_training.measure_extraction import measure_extraction
from tripline_training.registry import registry

ROWS = 2_000


@pytest.fixture
def world(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Features, a published model trained on them, and a policy."""
    random = np.random.default_rng(1)
    a, b = random.normal(size=ROWS), random.normal(size=ROWS)
    fraud = (a + b + random.normal(scale=0.5, size=ROWS) > 2).astype(int)
    when = np.arange(ROWS)
    features = tmp_path / "features.parquet"
    connection = duckdb.connect()
    connection.execute("CREATE TABLE rows (occurred_at_ms BIGINT, fraud INTEGER, a FLOAT, b FLOAT)")
    connection.executemany(
        "INSERT INTO rows VALUES (?, ?, ?, ?)", list(zip(when.tolist(), fraud.tolist(), a, b, strict=True))
    )
    connection.execute(f"COPY rows TO '{features}' (FORMAT parquet)")
    learned = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 3, "nthread": 1},
        xgboost.DMatrix(np.column_stack([a, b]), label=fraud),
        num_boost_round=20,
    )
    model = tmp_path / "model"
    model.mkdir()
    content = bytes(learned.save_raw("json"))
    (model / registry.BOOSTER_FILE).write_bytes(content)
    files = {registry.BOOSTER_FILE: registry.sha256_hex(content)}
    (model / registry.MANIFEST_FILE).write_text(json.dumps({"features": ["a", "b"], "files": files}))
    policy = tmp_path / "policy.yaml"
    policy.write_text("bands: [{ at_least: 0.6 }, { at_least: 0.35 }, { at_least: 0.15 }]\n")
    return features, model, policy


def test_a_copy_from_scores_is_closer_to_the_model_than_one_from_outcomes(world: tuple[Path, Path, Path]) -> None:
    result = measure_extraction(*world, questions=500, repetitions=1)
    assert result.rows == ROWS
    (by_score, by_rounded, by_outcome) = (
        result.copies[answer].rank_correlation[0] for answer in ("score", "rounded", "outcome")
    )
    assert by_score > 0.95
    assert by_outcome < by_rounded < by_score
    assert 0.5 < result.copies["outcome"].auc[0] <= result.model_auc + 0.01


def test_attackers_learn_more_from_scores_than_from_outcomes(world: tuple[Path, Path, Path]) -> None:
    result = measure_extraction(*world, questions=500, repetitions=1)
    # The labels clearly follow two features, so a model has little to memorise.
    for answer in ("score", "rounded", "outcome"):
        assert 0.5 < result.membership[answer][0] < 0.6
    # The two features are independent, and the score is nearly their sum.
    for none, outcome, score in zip(*(result.inversion[name] for name in ("none", "outcome", "score")), strict=True):
        assert abs(none - 0.5) < 0.1
        assert none < outcome < score


def test_rejects_too_few_payments(world: tuple[Path, Path, Path]) -> None:
    with pytest.raises(TrainingError, match="are too few for 5000 queries"):
        measure_extraction(*world, questions=5_000, repetitions=1)
