"""Compares Feast's historical features with the simple join of the same log, bit for bit."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from feast import FeatureService, FeatureStore

from convert_log import convert_log
from feature_log import open_log
from feature_spec import FeatureSpec
from tests.simulated_log import DAY_MS, START_MS, Vector, latest, write_lake

HORIZON_MS = 30 * DAY_MS

OtherLog = Callable[[list[Vector]], None]


def entity_rows(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """`at_ms` becomes event_timestamp; `row` keeps the position, because Feast's result has no defined order."""
    frame = pd.DataFrame(rows)
    frame["event_timestamp"] = pd.to_datetime(frame.pop("at_ms"), unit="ms", utc=True)
    frame["row"] = range(len(frame))
    return frame


def historical(
    store: FeatureStore, features: FeatureService | list[str], rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    frame = store.get_historical_features(entity_rows(rows), features).to_df()
    assert len(frame) == len(rows)
    return list(frame.sort_values("row").to_dict("records"))


def assert_same(found: dict[str, Any], wanted: Vector | None, names: list[str], spec: FeatureSpec) -> None:
    """Floats are compared by their bits; null means that the join finds nothing."""
    for name in names:
        value = found[name]
        if wanted is None:
            assert pd.isna(value), name
        else:
            assert float(value).hex() == wanted.values[spec.names.index(name)].hex(), name


def of_entity(spec: FeatureSpec, entity: str) -> list[str]:
    return [feature.name for feature in spec.of_entity(entity)]


def test_each_payment_gets_the_vector_that_the_model_received(
    store: FeatureStore, spec: FeatureSpec, vectors: list[Vector]
) -> None:
    """Requests the whole signature at once. If entities had several payments in a millisecond, the last one counts."""
    keys = [*spec.entity_keys.values(), "client_transaction_id"]
    rows = [{key: row.key(key) or None for key in keys} | {"at_ms": row.occurred_at_ms} for row in vectors]
    found = historical(store, store.get_feature_service("fraud"), rows)
    assert set(spec.names) <= set(found[0])
    exact = 0
    for row, result in zip(vectors, found, strict=True):
        assert_same(result, row, [feature.name for feature in spec.of_payment], spec)
        own = 0
        for entity, key in spec.entity_keys.items():
            last = latest(vectors, key, row.key(key) or None, row.occurred_at_ms)
            assert_same(result, last, of_entity(spec, entity), spec)
            own += last is row or last is None
        exact += own == len(spec.entity_keys)
    # Covers both cases: a vector as logged, and one whose entity had a later payment in the same millisecond.
    assert 0 < exact < len(vectors)


def test_a_request_at_any_time_gets_the_newest_earlier_row(
    store: FeatureStore, spec: FeatureSpec, vectors: list[Vector]
) -> None:
    """At arbitrary times, exactly at payments, before the first payment and after the last."""
    times = [START_MS - 40 * DAY_MS, START_MS - 1, *(START_MS + n * 7_654_321 for n in range(0, 700, 5))]
    times += [row.occurred_at_ms + step for row in vectors[::40] for step in (-1, 0, 1)]
    rows: list[dict[str, Any]] = [
        {"card_token": f"card-{number % 13}", "terminal_id": f"terminal-{number % 6}", "at_ms": at_ms}
        for number, at_ms in enumerate(times)
    ]
    names = of_entity(spec, "card") + of_entity(spec, "terminal")
    views = [f"card_windows:{name}" for name in of_entity(spec, "card")]
    views += [f"terminal_windows:{name}" for name in of_entity(spec, "terminal")]
    nothing = 0
    for row, result in zip(rows, historical(store, views, rows), strict=True):
        card = latest(vectors, "card_token", row["card_token"], row["at_ms"], HORIZON_MS)
        terminal = latest(vectors, "terminal_id", row["terminal_id"], row["at_ms"], HORIZON_MS)
        assert_same(result, card, names[: len(of_entity(spec, "card"))], spec)
        assert_same(result, terminal, names[len(of_entity(spec, "card")) :], spec)
        nothing += card is None
    # Cards that never paid (card-12) and times before the first payment, together with many that have a history.
    assert 2 < nothing < len(rows) / 2


def test_duplicate_requested_rows_are_returned_twice(store: FeatureStore, vectors: list[Vector]) -> None:
    row = {"card_token": vectors[-1].card_token, "at_ms": vectors[-1].occurred_at_ms + 5}
    first, second = historical(store, ["card_windows:card_count_1h"], [row, row])
    assert first["card_count_1h"] == second["card_count_1h"] is not None


@pytest.fixture
def other_log(environment: dict[str, str], lake: Path, spec: FeatureSpec, tmp_path: Path) -> Iterator[OtherLog]:
    """Replaces the shared log during a test."""

    def convert(vectors: list[Vector]) -> None:
        with open_log([write_lake(tmp_path / "lake", vectors)], spec) as log:
            convert_log(log, Path(environment["FEAST_DATA"]))

    yield convert
    with open_log([lake], spec) as log:
        convert_log(log, Path(environment["FEAST_DATA"]))


def test_the_last_counted_of_two_rows_with_the_same_time_wins(
    store: FeatureStore, spec: FeatureSpec, vectors: list[Vector], other_log: OtherLog
) -> None:
    """The order in the file does not matter, even if the clock of the instance that counted last was slow."""
    early, late = (replace(vectors[0], client_transaction_id=name) for name in ("early", "late"))
    at = {"card_token": early.card_token, "at_ms": early.occurred_at_ms}
    for skew_ms in (5_000, 0, -5_000):
        first = replace(early, sequences=(7, 3, 0, 0, 0, 0, 0), computed_at_ms=START_MS)
        second = replace(
            late, sequences=(8, 2, 0, 0, 0, 0, 0), computed_at_ms=START_MS + skew_ms, values=vectors[1].values
        )
        for rows in ([first, second], [second, first]):
            other_log(rows)
            [found] = historical(store, [f"card_windows:{name}" for name in of_entity(spec, "card")], [at])
            assert_same(found, second, of_entity(spec, "card"), spec)
            # The terminal counted the payments in the opposite order.
            terminal = {"terminal_id": early.terminal_id, "at_ms": early.occurred_at_ms}
            views = [f"terminal_windows:{name}" for name in of_entity(spec, "terminal")]
            assert_same(historical(store, views, [terminal])[0], first, of_entity(spec, "terminal"), spec)


def test_a_row_expires_after_the_longest_window(
    store: FeatureStore, spec: FeatureSpec, vectors: list[Vector], other_log: OtherLog
) -> None:
    only = vectors[0]
    other_log([only])
    moments = {-1: None, 0: only, 1: only, HORIZON_MS: only, HORIZON_MS + 1: None, 2 * HORIZON_MS: None}
    rows = [{"card_token": only.card_token, "at_ms": only.occurred_at_ms + passed} for passed in moments]
    found = historical(store, [f"card_windows:{name}" for name in of_entity(spec, "card")], rows)
    for result, wanted in zip(found, moments.values(), strict=True):
        assert_same(result, wanted, of_entity(spec, "card"), spec)


def test_profiles_are_visible_from_the_end_of_their_day(store: FeatureStore, vectors: list[Vector]) -> None:
    first = min(row.occurred_at_ms for row in vectors if row.card_token == "card-3")
    midnight = (first // DAY_MS + 1) * DAY_MS
    moments = [first, midnight - 1, midnight, midnight + 300 * DAY_MS]
    rows = [{"card_token": "card-3", "at_ms": at_ms} for at_ms in moments]
    totals = [row["card_payments_total"] for row in historical(store, ["card_profile:card_payments_total"], rows)]
    paid = [row.occurred_at_ms for row in vectors if row.card_token == "card-3"]
    assert pd.isna(totals[0])
    assert pd.isna(totals[1])
    assert totals[2:] == [sum(at_ms < midnight for at_ms in paid), len(paid)]
