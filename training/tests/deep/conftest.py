"""Payments in which fraud shows in a card's history: the second of two large amounts in a row."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import SPEC, columns, write_parquet

PARAMS = """{
  "length": 4, "width": 8, "heads": 2, "hidden": 16, "dropout": 0.1, "epochs": 8, "patience": 3, "batch_rows": 128,
  "learning_rate": 0.01, "learning_rate_decay": 0.8, "weight_decay": 0.01, "genuine_share": 1, "fraud_weight": 1
}"""
TRAIN = ["--train-from", "1970-01-01", "--train-to", "1970-01-26"]
DAYS = [*TRAIN, "--valid-from", "1970-02-02", "--valid-to", "1970-02-09"]


def payments_with_history(seed: int = 1) -> dict[str, Any]:
    """As the other tests' payments, but a payment is fraud where it and the one before of its card are both large."""
    data = columns(seed)
    random = np.random.default_rng(seed + 100)
    card = np.array([int(name.removeprefix("ct_")) for name in data["card_token"]])
    large = data["amount"] > 30
    before = np.zeros(len(card), dtype=bool)
    for one in range(50):
        rows = np.flatnonzero(card == one)
        before[rows[1:]] = large[rows[:-1]]
    data["fraud"] = (random.random(len(card)) < np.where(large & before, 0.6, 0.01)).astype(int)
    return data


@pytest.fixture(scope="session")
def history_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_parquet(tmp_path_factory.mktemp("history") / "features.parquet", payments_with_history())


@pytest.fixture(scope="session")
def history_spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "feature-spec.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def params_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("params") / "params.json"
    path.write_text(PARAMS, encoding="utf-8")
    return path
