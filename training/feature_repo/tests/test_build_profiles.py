"""Compares the profiles with a count over the plain rows."""

from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from build_profiles import build_profiles
from errors import FeatureRepositoryError
from feature_log import open_log
from feature_spec import Feature, FeatureSpec
from profiles import CARD_PROFILE
from tests.simulated_log import DAY_MS, Vector, label, simulate, write_lake

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def log_rows(spec: FeatureSpec) -> tuple[list[Vector], list[dict[str, Any]]]:
    """Two thirds of the payments get a label within 12 days. An older payment's label may arrive on a day without
    payments.
    """
    vectors = simulate(spec, seed=9, payments=400)
    labels = [
        label(row, row.occurred_at_ms + number % 12 * DAY_MS + number, number % 4 == 0)
        for number, row in enumerate(vectors)
        if number % 3
    ]
    return vectors, labels


@pytest.fixture(scope="module")
def tables(
    tmp_path_factory: pytest.TempPathFactory, spec: FeatureSpec, log_rows: tuple[list[Vector], list[dict[str, Any]]]
) -> dict[str, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("profiles")
    with open_log([write_lake(folder / "lake", *log_rows)], spec) as log:
        counts = build_profiles(log, folder)
    rows = {view: pq.read_table(folder / f"{view}.parquet").to_pylist() for view in counts}
    assert {view: len(found) for view, found in rows.items()} == counts
    return rows


def day_ends(times_ms: list[int]) -> set[int]:
    return {(at_ms // DAY_MS + 1) * DAY_MS for at_ms in times_ms}


def mean_amount(rows: list[Vector], spec: FeatureSpec) -> float | None:
    index = spec.names.index("amount")
    total = sum(Fraction(round(row.values[index] * 1000), 1000) for row in rows)
    return float(total / len(rows)) if rows else None


def test_the_profile_of_a_card_covers_all_its_payments(
    spec: FeatureSpec, log_rows: tuple[list[Vector], list[dict[str, Any]]], tables: dict[str, list[dict[str, Any]]]
) -> None:
    vectors, _ = log_rows
    wanted = {}
    for card in {row.card_token for row in vectors}:
        for end in day_ends([row.occurred_at_ms for row in vectors if row.card_token == card]):
            past = [row for row in vectors if row.card_token == card and row.occurred_at_ms < end]
            hours = Counter(row.occurred_at_ms % DAY_MS // HOUR_MS for row in past)
            wanted[card, end] = (
                len(past),
                len(day_ends([row.occurred_at_ms for row in past])),
                pytest.approx(mean_amount(past, spec), rel=1e-15),
                min(hours, key=lambda hour: (-hours[hour], hour)),
                min(row.occurred_at_ms for row in past),
                *home_of(past),
            )
    names = tuple(column.name for column in CARD_PROFILE.columns)
    assert found_in(tables["card_profile"], "card_token", names) == wanted


def home_of(rows: list[Vector]) -> tuple[Any, Any]:
    places = [(row.latitude, row.longitude) for row in rows if row.latitude is not None and row.longitude is not None]
    if not places:
        return None, None
    sums = (sum(Fraction(round(part * 1_000_000), 1_000_000) for part in parts) for parts in zip(*places, strict=True))
    latitude, longitude = (pytest.approx(float(total / len(places)), rel=1e-14) for total in sums)
    return latitude, longitude


def test_the_profile_of_a_terminal_covers_its_labels(
    spec: FeatureSpec, log_rows: tuple[list[Vector], list[dict[str, Any]]], tables: dict[str, list[dict[str, Any]]]
) -> None:
    """A label changes the rate from the day on which it arrived, even on a day without a payment."""
    vectors, labels = log_rows
    wanted = {}
    for terminal in {row.terminal_id for row in vectors}:
        own = [row for row in vectors if row.terminal_id == terminal]
        truths = [item for item in labels if item["terminal_id"] == terminal]
        for end in day_ends([row.occurred_at_ms for row in own] + [item["labelled_at_ms"] for item in truths]):
            past = [row for row in own if row.occurred_at_ms < end]
            known = [item["fraud"] for item in truths if item["labelled_at_ms"] < end]
            rate = sum(known) / len(known) if known else None
            mean = mean_amount(past, spec)
            close = None if mean is None else pytest.approx(mean, rel=1e-15)
            wanted[terminal, end] = (len(past), close, len(known), rate)
    names = ("payments_total", "amount_mean_total", "labels_total", "fraud_rate_total")
    found = found_in(tables["terminal_profile"], "terminal_id", tuple(f"terminal_{name}" for name in names))
    assert found == wanted
    assert any(rate is None for *_, rate in found.values())


def found_in(rows: list[dict[str, Any]], key: str, names: tuple[str, ...]) -> dict[tuple[str, int], tuple[Any, ...]]:
    return {
        (row[key], round(row["event_timestamp"].timestamp() * 1000)): tuple(row[name] for name in names) for row in rows
    }


def test_requires_an_amount_feature(tmp_path: Path, spec: FeatureSpec) -> None:
    vectors = simulate(spec, payments=3)
    without = FeatureSpec(
        version=spec.version,
        entity_keys=spec.entity_keys,
        key_fields=spec.key_fields,
        features=tuple(
            Feature(item.name, "hour_of_day" if item.kind == "amount" else item.kind, *fields_after_kind(item))
            for item in spec.features
        ),
        horizon=spec.horizon,
    )
    with (
        open_log([write_lake(tmp_path / "lake", vectors)], without) as log,
        pytest.raises(FeatureRepositoryError, match="no feature of kind amount"),
    ):
        build_profiles(log, tmp_path)


def fields_after_kind(item: Feature) -> tuple[str | None, str | None, float, str]:
    return item.entity, item.window, item.default, item.sentence
