"""Small feature files in the format of `tripline backfill`."""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from tripline_training.data.dataset import Rows, Span, open_dataset
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.train import Options, Outcome, parse_options, train
from tripline_training.trees.params import DEFAULT_PARAMS

FEATURES = ["amount", "card_count_1d", "terminal_fraud_rate_7d"]
SPEC = "version: 3\nfeatures:\n" + "".join(f"  - {{ name: {name}, kind: amount }}\n" for name in FEATURES)
DAY_MS = 86_400_000
ROWS = 4_000
QUICK_TREES = {"trees": 80, "learning_rate": 0.2, "max_bin": 64}
"""With these parameters, training takes a fifth of the time and produces an equally good model."""


def columns(seed: int = 1) -> dict[str, Any]:
    """40 days of 100 payments; fraud is likely if the amount is large at a risky terminal. Labels take 7 days."""
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
    """Lists and arrays of equal length, None for null; types as in the output of the backfill."""
    types = {"client_transaction_id": "VARCHAR", "card_token": "VARCHAR", "terminal_id": "VARCHAR"}
    types |= {"tenant": "VARCHAR", "currency": "VARCHAR"}
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


def write_settled(path: Path, data: dict[str, Any], *, delay_days: int, mature_before_ms: int) -> Path:
    """A file in which payments without a report count as genuine from the age of `delay_days`."""
    plain = write_parquet(path.with_name(f"plain-{path.name}"), data)
    metadata = f"label_delay_ms: '{delay_days * DAY_MS}', mature_before_ms: '{mature_before_ms}'"
    copied = f"COPY (FROM '{plain}') TO '{path}' (FORMAT parquet, KV_METADATA {{{metadata}}})"
    duckdb.connect(":memory:").execute(copied)
    return path


MakeOptions = Callable[..., Options]


def write_spec(folder: Path) -> Path:
    path = folder / "feature-spec.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


def make_options(folder: Path, features: Path, spec: Path) -> MakeOptions:
    """Options for training a few trees, with a registry in the folder."""
    params = folder / "quick-params.json"
    defaults = json.loads(DEFAULT_PARAMS.read_text(encoding="utf-8"))
    params.write_text(json.dumps({**defaults, **QUICK_TREES}), encoding="utf-8")

    def make(*more: str) -> Options:
        return parse_options(
            [
                *("--features", str(features), "--feature-spec", str(spec), "--params", str(params)),
                *("--registry", f"file://{folder}/registry", "--name", "fraud"),
                *("--train-from", "1970-01-01", "--train-to", "1970-01-20"),
                *("--valid-from", "1970-01-28", "--valid-to", "1970-02-02"),
                *more,
            ]
        )

    return make


@pytest.fixture
def spec_path(tmp_path: Path) -> Path:
    return write_spec(tmp_path)


@pytest.fixture(scope="session")
def written_features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_parquet(tmp_path_factory.mktemp("features") / "features.parquet", columns())


@pytest.fixture
def features_path(tmp_path: Path, written_features: Path) -> Path:
    return Path(shutil.copy(written_features, tmp_path))


@pytest.fixture
def options(tmp_path: Path, features_path: Path, spec_path: Path) -> MakeOptions:
    """Options for training on days 1 to 20 and measuring on days 28 to 33 of 1970; more arguments may be added."""
    return make_options(tmp_path, features_path, spec_path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, written_features: Path) -> Outcome:
    """A champion, trained once for all tests. Each test gets its own copy as `outcome`."""
    folder = tmp_path_factory.mktemp("trained")
    return train(make_options(folder, written_features, write_spec(folder))("--alias", "champion", "--commit", "abc"))


@pytest.fixture
def outcome(trained: Outcome, tmp_path: Path) -> Outcome:
    """A champion in the registry of `options`."""
    folder = Path(trained.folder)
    published = folder.parents[3]
    shutil.copytree(published, tmp_path / "registry")
    return replace(trained, folder=tmp_path / "registry" / folder.relative_to(published))


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """Training rows of a network: days 1 to 26, with their labels."""
    folder = tmp_path_factory.mktemp("data")
    spec = folder / "spec.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    dataset = open_dataset(write_parquet(folder / "features.parquet", columns()), read_feature_spec(spec))
    return dataset.known_rows(Span(0, 26 * DAY_MS), 33 * DAY_MS)[0]


def network_arguments(folder: Path, root: Path, name: str, params: dict[str, Any]) -> list[str]:
    """For a command that trains a network on a features file in the folder."""
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
