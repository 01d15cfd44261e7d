"""Runs the loop of a system: with an empty lake first, then with payments, then with newer and late ones."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from feast import FeatureStore
from redis import Redis

from errors import EmptyLogError
from feature_spec import FeatureSpec
from keep_online import Sources, apply_repository, refresh, remove_leftovers
from tests.conftest import _empty_database
from tests.simulated_log import DAY_MS, DAYS, KEYS, START_MS, Vector, write_erasures, write_lake
from tests.test_online import assert_online, ids_of, online

# The first round is five minutes after midnight, when the day has ended but is not complete yet. It is complete by the
# second round.
MIDNIGHT_MS = START_MS + 43 * DAY_MS
FIRST = datetime.fromtimestamp((MIDNIGHT_MS + 5 * 60_000) / 1000, UTC)
SECOND = FIRST + timedelta(minutes=30)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, redis_address: tuple[str, int, int]) -> Iterator[FeatureStore]:
    """A separate registry and database, because other tests count the keys of theirs."""
    host, port, database = redis_address
    if database == 0:
        database = 7
    else:
        host, port, database = _empty_database(host, port)
    with pytest.MonkeyPatch.context() as patch:
        _forget_definitions()
        patch.setenv("FEAST_DATA", str(tmp_path_factory.mktemp("kept")))
        patch.setenv("FEAST_REDIS", f"{host}:{port},db={database}")
        patch.delenv("REGISTRY_URL", raising=False)
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))
        yield apply_repository()
    _forget_definitions()


def _forget_definitions() -> None:
    """Feast imports the repository, which reads its folder from the environment at import; once per process."""
    sys.modules.pop("definitions", None)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, store: FeatureStore, spec: FeatureSpec) -> Sources:
    data = Path(str(store.config.registry.path)).parent
    return Sources([tmp_path_factory.mktemp("lake")], data, spec)


def at(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def test_requested_features_are_not_found_before_the_first_payment(store: FeatureStore, sources: Sources) -> None:
    with pytest.raises(EmptyLogError, match="it contains no file features/day="):
        refresh(store, sources, None, FIRST)
    [found] = online(store, store.get_feature_service("fraud_features"), [dict.fromkeys(KEYS, "nobody")])
    assert {name: value for name, value in found.items() if value is not None} == dict.fromkeys(KEYS, "nobody")


def test_each_round_materialises_new_and_late_rows(
    store: FeatureStore, sources: Sources, spec: FeatureSpec, vectors: list[Vector]
) -> None:
    """Late payments: they took place before the first round, but reach the lake after it."""
    past = [row for row in vectors if row.occurred_at_ms <= at(FIRST)]
    late = [row for row in past if row.occurred_at_ms > at(FIRST) - 55 * 60_000]
    assert late
    write_lake(sources.logs[0], [row for row in past if row not in late])
    assert refresh(store, sources, None, FIRST)["card_windows"] == len(past) - len(late)
    for entity in spec.entity_keys:
        assert_online(store, spec, [row for row in past if row not in late], entity, at(FIRST))
    assert payments_total(store, vectors) == counted(vectors, MIDNIGHT_MS - DAY_MS)

    write_lake(sources.logs[0], [row for row in vectors if row.occurred_at_ms <= at(SECOND)])
    refresh(store, sources, FIRST, SECOND)
    for entity in spec.entity_keys:
        assert_online(store, spec, vectors, entity, at(SECOND))
    # The day that ended at midnight is complete by now.
    assert payments_total(store, vectors) == counted(vectors, MIDNIGHT_MS)


def test_restores_a_store_that_lost_everything(
    store: FeatureStore, sources: Sources, spec: FeatureSpec, vectors: list[Vector]
) -> None:
    """Most of the lost rows are older than what a round usually materialises."""
    write_lake(sources.logs[0], vectors)
    refresh(store, sources, None, SECOND)
    with _redis_of(store) as redis:
        redis.flushdb()
    assert set(payments_total(store, vectors).values()) == {None}
    refresh(store, sources, SECOND, SECOND + timedelta(minutes=1))
    assert payments_total(store, vectors) == counted(vectors, MIDNIGHT_MS)
    for entity in spec.entity_keys:
        assert_online(store, spec, vectors, entity, at(SECOND))


def test_erased_people_are_in_no_table_and_are_not_restored_to_a_store_that_lost_everything(
    store: FeatureStore, sources: Sources, spec: FeatureSpec, vectors: list[Vector]
) -> None:
    """Terminals keep their history, and a card that pays after its erasure counts as a new person."""
    write_lake(sources.logs[0], vectors)
    refresh(store, sources, None, SECOND)
    terminals = pq.read_table(sources.data / "terminal_profile.parquet")
    gone, anew, address = "card-1", "card-2", "email-3"
    end_ms = START_MS + DAYS * DAY_MS
    erased_at_ms = {gone: end_ms, anew: START_MS + 20 * DAY_MS, address: end_ms}
    write_erasures(sources.logs[0], erased_at_ms)
    with _redis_of(store) as redis:
        redis.flushdb()
    refresh(store, sources, SECOND, SECOND + timedelta(minutes=1))

    def is_left(row: Vector, *subjects: str) -> bool:
        return all(row.occurred_at_ms > erased_at_ms.get(subject, 0) for subject in subjects)

    tables = {path.stem: pq.read_table(path) for path in sources.data.glob("*.parquet")}
    for name, table in tables.items():
        assert {gone, address}.isdisjoint(str(part) for row in table.to_pylist() for part in ids_in(row)), name
    assert tables["terminal_profile"].equals(terminals)
    left = [row for row in vectors if is_left(row, row.card_token, row.email_token)]
    assert set(tables["payment_features"]["client_transaction_id"].to_pylist()) == {
        row.client_transaction_id for row in left
    }
    # Payments of an erased e-mail address with another person's card still count for that card.
    of_cards = [row for row in vectors if is_left(row, row.card_token)]
    assert payments_total(store, vectors) == {**counted(of_cards, MIDNIGHT_MS), gone: None}
    assert_online(store, spec, of_cards, "card", at(SECOND))
    assert_online(store, spec, [row for row in vectors if is_left(row, row.email_token)], "email", at(SECOND))
    [found] = online(store, ["card_windows:card_count_1d"], [{"card_token": gone}])
    assert found["card_count_1d"] is None


def ids_in(row: dict[str, Any]) -> list[str]:
    return [part for value in row.values() if isinstance(value, str) for part in value.split("/")]


def _redis_of(store: FeatureStore) -> Redis:
    host, port, database = re.fullmatch(r"(.+):(\d+),db=(\d+)", store.config.online_store.connection_string).groups()
    return Redis(host=host, port=int(port), db=int(database))


def payments_total(store: FeatureStore, vectors: list[Vector]) -> dict[str, int]:
    """The number of payments per card, as stored online."""
    names = ids_of(vectors, "card_token")
    found = online(store, ["card_profile:card_payments_total"], [{"card_token": name} for name in names])
    return {name: row["card_payments_total"] for name, row in zip(names, found, strict=True)}


def counted(vectors: list[Vector], before_ms: int) -> dict[str, int]:
    names = ids_of(vectors, "card_token")
    return {name: sum(row.card_token == name and row.occurred_at_ms < before_ms for row in vectors) for name in names}


def test_removes_work_folders_of_killed_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "tripline-feast-killed").mkdir()
    (tmp_path / "of-another").mkdir()
    remove_leftovers()
    assert [path.name for path in tmp_path.iterdir()] == ["of-another"]
