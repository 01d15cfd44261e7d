"""`feast materialize`, incremental and push into a real Redis, read back through Feast."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from feast import FeatureService, FeatureStore
from redis import Redis

from feature_spec import FeatureSpec
from profiles import PROFILES
from tests.simulated_log import DAY_MS, DAYS, START_MS, Vector, latest

HALFWAY_MS = START_MS + 20 * DAY_MS
END_MS = START_MS + DAYS * DAY_MS
KEY_TTL_SECONDS = 45 * 86_400


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def ids_of(vectors: Iterable[Vector], key: str) -> list[str]:
    return sorted({row.key(key) for row in vectors} - {""})


def online(
    store: FeatureStore, features: FeatureService | list[str], rows: list[dict[str, str]]
) -> list[dict[str, Any]]:
    """A row of values per entity row, in its order."""
    found = store.get_online_features(features=features, entity_rows=rows).to_dict()
    return [{name: found[name][number] for name in found} for number in range(len(rows))]


def bits(value: float | None) -> str | None:
    return None if value is None else float(value).hex()


def assert_online(store: FeatureStore, spec: FeatureSpec, vectors: list[Vector], entity: str, at_ms: int) -> None:
    """Every entity's online row is its newest row of the log by `at_ms`, or null if it has none."""
    key = spec.entity_keys[entity]
    names = [feature.name for feature in spec.of_entity(entity)]
    ids = [*ids_of(vectors, key), "never seen"]
    found = online(store, [f"{entity}_windows:{name}" for name in names], [{key: name} for name in ids])
    for name, values in zip(ids, found, strict=True):
        wanted = latest(vectors, key, name, at_ms)
        expected = {item: None if wanted is None else bits(wanted.values[spec.names.index(item)]) for item in names}
        assert {item: bits(values[item]) for item in names} == expected


@pytest.fixture(scope="module")
def halfway(store: FeatureStore, feast_command: Callable[..., str]) -> FeatureStore:
    feast_command("materialize", iso(START_MS - 3 * DAY_MS), iso(HALFWAY_MS))
    return store


@pytest.fixture(scope="module")
def complete(
    halfway: FeatureStore, feast_command: Callable[..., str], spec: FeatureSpec, vectors: list[Vector]
) -> FeatureStore:
    for entity in spec.entity_keys:
        assert_online(halfway, spec, vectors, entity, HALFWAY_MS)
    feast_command("materialize-incremental", iso(END_MS))
    return halfway


def test_materialize_writes_the_newest_rows(
    halfway: FeatureStore, spec: FeatureSpec, vectors: list[Vector], redis_address: tuple[str, int, int]
) -> None:
    for entity in spec.entity_keys:
        assert_online(halfway, spec, vectors, entity, HALFWAY_MS)
    host, port, database = redis_address
    with Redis(host=host, port=port, db=database) as redis:
        keys = list(redis.scan_iter())
        lifetimes = [redis.ttl(key) for key in keys]
    # One row per entity, none per payment, and all of them expire.
    assert len(keys) == sum(
        latest(vectors, key, name, HALFWAY_MS) is not None
        for key in spec.entity_keys.values()
        for name in ids_of(vectors, key)
    )
    assert all(0 < seconds <= KEY_TTL_SECONDS for seconds in lifetimes)


def test_materialize_incremental_continues_from_there(
    complete: FeatureStore, spec: FeatureSpec, vectors: list[Vector]
) -> None:
    for entity in spec.entity_keys:
        assert_online(complete, spec, vectors, entity, END_MS)


def test_profiles_are_online(complete: FeatureStore, vectors: list[Vector], spec: FeatureSpec) -> None:
    for profile in PROFILES:
        key = spec.entity_keys[profile.entity]
        ids = ids_of(vectors, key)
        total = f"{profile.entity}_payments_total"
        found = online(complete, [f"{profile.view}:{total}"], [{key: name} for name in ids])
        assert [row[total] for row in found] == [sum(row.key(key) == name for row in vectors) for name in ids]


def test_the_service_of_a_model_reads_all_entities_at_once(
    complete: FeatureStore, spec: FeatureSpec, vectors: list[Vector]
) -> None:
    """A payment without a device sends an empty one."""
    keys = list(spec.entity_keys.values())
    rows = [{key: row.key(key) for key in keys} for row in vectors[-40:]]
    assert any(row["device_token"] == "" for row in rows)
    for row, values in zip(rows, online(complete, complete.get_feature_service("fraud_features"), rows), strict=True):
        assert set(values) == {*keys, *(item.name for item in spec.features if not item.needs_payment)}
        for entity, key in spec.entity_keys.items():
            wanted = latest(vectors, key, row[key] or None, END_MS)
            for item in spec.of_entity(entity):
                value = None if wanted is None else bits(wanted.values[spec.names.index(item.name)])
                assert bits(values[item.name]) == value


@pytest.mark.parametrize("entity", ["card", "terminal", "device", "ip"])
def test_a_pushed_row_is_online_immediately_and_an_older_one_is_ignored(
    complete: FeatureStore, spec: FeatureSpec, vectors: list[Vector], entity: str
) -> None:
    key = spec.entity_keys[entity]
    known = ids_of(vectors, key)[0]
    names = [feature.name for feature in spec.of_entity(entity)]
    pushed = {name: 1 / (3 + number) for number, name in enumerate(names)}

    def push(name: str, at_ms: int, values: dict[str, float]) -> None:
        at = pd.to_datetime([at_ms], unit="ms", utc=True)
        frame = pd.DataFrame({key: [name], "event_timestamp": at, "created": at, **{k: [v] for k, v in values.items()}})
        complete.push(f"{entity}_windows_push", frame)

    for name in (known, "pushed only"):
        push(name, END_MS + 1_000, pushed)
        push(name, END_MS + 999, dict.fromkeys(names, 9.0))
    features = [f"{entity}_windows:{name}" for name in names]
    for found in online(complete, features, [{key: known}, {key: "pushed only"}]):
        assert {name: bits(found[name]) for name in names} == {name: bits(value) for name, value in pushed.items()}


def test_a_pushed_profile_keeps_whole_numbers_and_nulls(complete: FeatureStore) -> None:
    at = pd.to_datetime([END_MS], unit="ms", utc=True)
    values = {"terminal_payments_total": 2**53 + 1, "terminal_amount_mean_total": 0.1, "terminal_labels_total": 0}
    frame = pd.DataFrame({"terminal_id": ["new"], "event_timestamp": at} | {k: [v] for k, v in values.items()})
    complete.push("terminal_profile_push", frame.assign(terminal_fraud_rate_total=[None]))
    features = [f"terminal_profile:{name}" for name in (*values, "terminal_fraud_rate_total")]
    [found] = online(complete, features, [{"terminal_id": "new"}])
    assert found == {"terminal_id": "new", **values, "terminal_fraud_rate_total": None}
