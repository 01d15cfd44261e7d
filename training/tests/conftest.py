"""Small feature files as `tripline backfill` writes them."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from tripline_training.data.dataset import Rows, Span, open_dataset
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.train import Options, parse_options

FEATURES = ["amount", "card_count_1d", "terminal_fraud_rate_7d"]
SPEC = "version: 3\nfeatures:\n" + "".join(f"  - {{ name: {name}, kind: amount }}\n" for name in FEATURES)
DAY_MS = 86_400_000
ROWS = 4_000


def columns(seed: int = 1) -> dict[str, Any]:
    """40 days of 100 payments; fraud is likely where the amount is large at a risky terminal. Labels take 7 days."""
    random = np.random.default_rng(seed)
    at = np.arange(ROWS) * (40 * DAY_MS // ROWS)
    amount = random.lognormal(3, 1, ROWS)
    risk = random.random(ROWS) ** 4
    fraud = (random.random(ROWS) < np.clip(risk * amount / 100, 0, 0.9)).astype(int)
    return {
        "client_transaction_id": [f"t{i:06d}" for i in range(ROWS)],
        "card_token": [f"ct_{i % 50}" for i in range(ROWS)],
        "terminal_id": [f"term-{i % 20}" for i in range(ROWS)],
        "occurred_at_ms": at,
        "labelled_at_ms": at + 7 * DAY_MS,
        "fraud": fraud,
        "amount": amount,
        "card_count_1d": random.integers(1, 9, ROWS).astype(float),
        "terminal_fraud_rate_7d": risk,
    }


def write_parquet(path: Path, data: dict[str, Any]) -> Path:
    """Lists and arrays of equal length, None for null; types as the backfill has them."""
    types = {"client_transaction_id": "VARCHAR", "card_token": "VARCHAR", "terminal_id": "VARCHAR"}
    types |= {"occurred_at_ms": "BIGINT", "labelled_at_ms": "BIGINT", "fraud": "TINYINT"}
    text = path.with_suffix(".csv")
    with text.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(data)
        writer.writerows(zip(*data.values(), strict=True))
    typed = ", ".join(f"{name}::{types.get(name, 'DOUBLE')} AS {name}" for name in data)
    source = f"read_csv('{text}', header = true, all_varchar = true)"
    duckdb.connect(":memory:").execute(f"COPY (SELECT {typed} FROM {source}) TO '{path}' (FORMAT parquet)")
    return path


@pytest.fixture
def spec_path(tmp_path: Path) -> Path:
    path = tmp_path / "feature-spec.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


@pytest.fixture
def features_path(tmp_path: Path) -> Path:
    return write_parquet(tmp_path / "features.parquet", columns())


@pytest.fixture
def options(tmp_path: Path, features_path: Path, spec_path: Path) -> Callable[..., Options]:
    """Options of a training on days 1 to 20 measured on days 28 to 33 of 1970; more arguments may be added."""

    def make(*more: str) -> Options:
        return parse_options(
            [
                *("--features", str(features_path), "--feature-spec", str(spec_path)),
                *("--registry", f"file://{tmp_path}/registry", "--name", "fraud"),
                *("--train-from", "1970-01-01", "--train-to", "1970-01-20"),
                *("--valid-from", "1970-01-28", "--valid-to", "1970-02-02"),
                *more,
            ]
        )

    return make


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """What a network learns from: days 1 to 26, with their labels."""
    folder = tmp_path_factory.mktemp("data")
    spec = folder / "spec.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    dataset = open_dataset(write_parquet(folder / "features.parquet", columns()), read_feature_spec(spec))
    return dataset.known_rows(Span(0, 26 * DAY_MS), 33 * DAY_MS)[0]


def network_arguments(folder: Path, root: Path, name: str, params: dict[str, Any]) -> list[str]:
    """For a command that trains a network, on a file of features that is written into the folder."""
    spec, params_path = folder / "spec.yaml", folder / "params.json"
    spec.write_text(SPEC, encoding="utf-8")
    params_path.write_text(json.dumps(params), encoding="utf-8")
    features = write_parquet(folder / "features.parquet", columns())
    return [
        *("--features", str(features), "--feature-spec", str(spec), "--params", str(params_path)),
        *("--registry", root.as_uri(), "--name", name, "--alias", "candidate"),
        *("--train-from", "1970-01-01", "--train-to", "1970-01-26"),
        *("--valid-from", "1970-02-02", "--valid-to", "1970-02-09"),
    ]
