"""The data that is read together with the scores of payments."""

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import DAY_MS, FEATURES, columns, write_parquet
from tripline_training.data.dataset import Span
from tripline_training.evaluation import read_scored
from tripline_training.evaluation.read_scored import EvaluatedModel, score_payments


def test_a_card_with_a_fraud_before_the_span_has_no_first_fraud_in_it(
    tmp_path: Path, spec_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """regression #31: a card's first fraud in the span counted as its first ever, even if the model had been warned."""
    data = {name: values[:6] for name, values in columns().items()}
    data["card_token"] = ["ct_old", "ct_old", "ct_new", "ct_new", "ct_old", "ct_clean"]
    data["occurred_at_ms"] = np.arange(6) * DAY_MS
    data["labelled_at_ms"] = data["occurred_at_ms"] + DAY_MS
    data["fraud"] = np.array([1, 1, 1, 1, 0, 0])
    features = write_parquet(tmp_path / "few.parquet", data)
    monkeypatch.setattr(read_scored, "predict_onnx", lambda _, rows: np.full(len(rows), 0.5))
    model = EvaluatedModel(b"", "model", tuple(FEATURES), None)
    whole = score_payments(features, spec_path, model, Span(0, 9 * DAY_MS))
    assert whole.is_first_fraud.tolist() == [True, False, True, False, False, False]
    later = score_payments(features, spec_path, model, Span(DAY_MS, 9 * DAY_MS))
    assert later.is_first_fraud.tolist() == [False, True, False, False, False]
