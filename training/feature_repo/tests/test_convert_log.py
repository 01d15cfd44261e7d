"""Lakes and files of `tripline backfill` as source tables, without Feast."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from convert_log import convert_log, count_incomplete
from errors import FeatureRepositoryError
from feature_log import open_log
from feature_spec import FeatureSpec
from tests.conftest import REPOSITORY, ROOT
from tests.simulated_log import DAY_MS, START_MS, Vector, label, simulate, write_lake

Convert = Callable[..., dict[str, list[dict[str, Any]]]]


@pytest.fixture
def convert(tmp_path: Path, spec: FeatureSpec) -> Convert:
    """The rows of each view's table."""

    def run(*paths: Path, tenant: str | None = None) -> dict[str, list[dict[str, Any]]]:
        with open_log(paths, spec, tenant) as log:
            counts = convert_log(log, tmp_path / "tables")
        tables = {view: pq.read_table(tmp_path / "tables" / f"{view}.parquet") for view in counts}
        assert {view: table.num_rows for view, table in tables.items()} == counts
        assert {path.name for path in (tmp_path / "tables").iterdir()} == {f"{view}.parquet" for view in counts}
        return {view: table.to_pylist() for view, table in tables.items()}

    return run


def some(spec: FeatureSpec, payments: int = 30) -> list[Vector]:
    return simulate(spec, seed=5, payments=payments)


def test_writes_a_row_per_payment_and_entity_with_the_vector_s_values(
    tmp_path: Path, spec: FeatureSpec, convert: Convert
) -> None:
    vectors = some(spec)
    tables = convert(write_lake(tmp_path / "lake", vectors))
    for view, key, features in [
        *((f"{entity}_windows", key, spec.of_entity(entity)) for entity, key in spec.entity_keys.items()),
        ("payment_features", "client_transaction_id", spec.of_payment),
    ]:
        rows = tables[view]
        assert list(rows[0]) == [key, "event_timestamp", "created", *(feature.name for feature in features)]
        wanted = [
            (row.key(key), row.occurred_at_ms, *(row.values[spec.names.index(item.name)] for item in features))
            for row in vectors
            if row.key(key)
        ]
        found = [
            (row[key], round(row["event_timestamp"].timestamp() * 1000), *(row[item.name] for item in features))
            for row in rows
        ]
        assert sorted(found) == sorted(wanted)
        times = [(row["event_timestamp"], row["created"]) for row in rows]
        assert times == sorted(times)


def test_created_is_the_current_time_unless_rows_of_an_entity_share_a_time(
    tmp_path: Path, spec: FeatureSpec, convert: Convert
) -> None:
    vectors = some(spec)
    for row in convert(write_lake(tmp_path / "lake", vectors))["card_windows"]:
        at_ms = round(row["event_timestamp"].timestamp() * 1000)
        clocks = [
            item.computed_at_ms
            for item in vectors
            if (item.card_token, item.occurred_at_ms) == (row["card_token"], at_ms)
        ]
        past_newest = row["created"] - datetime.fromtimestamp(max(clocks) / 1000, UTC)
        assert timedelta(0) <= past_newest < timedelta(microseconds=len(clocks))


def test_types_match_the_feast_repository(tmp_path: Path, spec: FeatureSpec, convert: Convert) -> None:
    # No payment has a device. The table still exists, so that `feast apply` finds its columns.
    convert(write_lake(tmp_path / "lake", [replace(row, device_token="") for row in some(spec)]))
    table = pq.read_table(tmp_path / "tables" / "device_windows.parquet")
    moment = pa.timestamp("us", tz="UTC")
    assert table.num_rows == 0
    assert table.schema.types[:3] == [pa.string(), moment, moment]
    assert set(table.schema.types[3:]) == {pa.float64()}


def test_a_vector_published_twice_is_one_payment(tmp_path: Path, spec: FeatureSpec, convert: Convert) -> None:
    vectors = some(spec)
    tables = convert(write_lake(tmp_path / "lake", [*vectors, *vectors[:7]]))
    assert len(tables["payment_features"]) == len(tables["card_windows"]) == len(vectors)


def test_leaves_out_payments_flagged_as_incomplete(tmp_path: Path, spec: FeatureSpec, convert: Convert) -> None:
    vectors = some(spec)
    flagged = [replace(row, incomplete=number < 4) for number, row in enumerate(vectors)]
    lake = write_lake(tmp_path / "lake", flagged)
    kept = {row["client_transaction_id"] for row in convert(lake)["payment_features"]}
    assert kept == {row.client_transaction_id for row in vectors[4:]}
    with open_log([lake], spec) as log:
        assert count_incomplete(log) == 4


def test_other_spec_versions_are_skipped_and_named(tmp_path: Path, spec: FeatureSpec) -> None:
    vectors = some(spec)
    old = [replace(row, spec_version=spec.version - 1, values=row.values[:9]) for row in vectors[:5]]
    with open_log([write_lake(tmp_path / "lake", [*old, *vectors[5:]])], spec) as log:
        assert log.connection.execute("SELECT count(*) FROM payments").fetchall() == [(len(vectors) - 5,)]
        assert f"{tmp_path}/lake contains 5 payments of other spec versions, which are omitted" in log.notes


def test_a_payment_in_two_logs_is_read_from_the_first(tmp_path: Path, spec: FeatureSpec, convert: Convert) -> None:
    vectors = some(spec)
    others = [replace(row, values=tuple(-value for value in row.values)) for row in vectors]
    first = write_lake(tmp_path / "first", vectors[:20])
    second = write_lake(tmp_path / "second", others[10:])
    amounts = {row["client_transaction_id"]: row["amount"] for row in convert(first, second)["payment_features"]}
    index = spec.names.index("amount")
    assert amounts == {row.client_transaction_id: row.values[index] for row in [*vectors[:20], *others[20:]]}


def test_tenants_are_not_mixed(tmp_path: Path, spec: FeatureSpec, convert: Convert) -> None:
    vectors = some(spec)
    foreign = [replace(row, tenant="other's") for row in vectors[:3]]
    lake = write_lake(tmp_path / "lake", [*vectors[3:], *foreign])
    with pytest.raises(FeatureRepositoryError, match=r"tenants demo, other's\. Choose one with --tenant"):
        convert(lake)
    assert len(convert(lake, tenant="demo")["payment_features"]) == len(vectors) - 3
    assert len(convert(lake, tenant="other's")["payment_features"]) == 3


def spoilt(spec: FeatureSpec, change: Callable[[Vector], Vector]) -> list[Vector]:
    first, *others = some(spec)
    return [change(first), *others]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_rejects_a_non_finite_value(tmp_path: Path, spec: FeatureSpec, convert: Convert, value: float) -> None:
    index = spec.names.index("card_sum_1d")
    wrong = spoilt(spec, lambda row: replace(row, values=(*row.values[:index], value, *row.values[index + 1 :])))
    with pytest.raises(FeatureRepositoryError, match=r"values are missing or not finite: 1 of card_sum_1d\.$"):
        convert(write_lake(tmp_path / "lake", wrong))


def test_rejects_a_vector_of_another_length(tmp_path: Path, spec: FeatureSpec, convert: Convert) -> None:
    with pytest.raises(FeatureRepositoryError, match=f"1 rows of .* do not have the {len(spec.names)} values"):
        convert(write_lake(tmp_path / "lake", spoilt(spec, lambda row: replace(row, values=(1.0, 2.0)))))


def test_rejects_a_file_that_is_not_a_log(tmp_path: Path, spec: FeatureSpec, convert: Convert) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FeatureRepositoryError, match=r"empty is not a lake: it contains no file features/day"):
        convert(tmp_path / "empty")
    with pytest.raises(FeatureRepositoryError, match=r"absent\.parquet cannot be read"):
        convert(tmp_path / "absent.parquet")
    old = [replace(row, spec_version=spec.version + 1) for row in some(spec)]
    with pytest.raises(FeatureRepositoryError, match=f"there are no payments of feature spec {spec.version}"):
        convert(write_lake(tmp_path / "old", old))


def write_backfill(path: Path, spec: FeatureSpec, vectors: list[Vector], **columns: list[Any]) -> Path:
    """As `tripline backfill` writes it: in event order, with a column per feature. None removes a column."""
    table: dict[str, list[Any]] = {
        "client_transaction_id": [row.client_transaction_id for row in vectors],
        "card_token": [row.card_token for row in vectors],
        "terminal_id": [row.terminal_id for row in vectors],
        "occurred_at_ms": [row.occurred_at_ms for row in vectors],
        "labelled_at_ms": [row.occurred_at_ms + DAY_MS for row in vectors],
        "fraud": [number % 2 for number in range(len(vectors))],
        **{name: [row.values[index] for row in vectors] for index, name in enumerate(spec.names)},
        **columns,
    }
    pq.write_table(pa.table({name: values for name, values in table.items() if values}), path)
    return path


def test_reads_a_backfill_file(tmp_path: Path, spec: FeatureSpec, convert: Convert) -> None:
    """Rows with the same time keep the order of the file."""
    vectors = [replace(row, card_token="card-1", occurred_at_ms=START_MS) for row in some(spec)]
    path = write_backfill(tmp_path / "features.parquet", spec, vectors)
    tables = convert(path)
    sums = [row["card_sum_1d"] for row in tables["card_windows"]]
    assert sums == [row.values[spec.names.index("card_sum_1d")] for row in vectors]
    assert tables["device_windows"] == []
    with open_log([path], spec) as log:
        absent = "device_token, ip_token, email_token, terminal_id_bin, card_token_merchant_country"
        assert f"{path} has no column {absent}" in log.notes
    devices = ["", None, *(row.device_token for row in vectors[2:])]
    with_devices = write_backfill(tmp_path / "devices.parquet", spec, vectors, device_token=devices)
    assert len(convert(with_devices)["device_windows"]) == sum(bool(name) for name in devices)


def test_a_file_of_another_spec_is_rejected_by_column(tmp_path: Path, spec: FeatureSpec, convert: Convert) -> None:
    path = write_backfill(tmp_path / "features.parquet", spec, some(spec), card_sum_1d=[], terminal_id=[])
    with pytest.raises(FeatureRepositoryError, match=r"lacks terminal_id, card_sum_1d of feature spec .* backfill"):
        convert(path)


def test_the_newest_label_of_a_payment_counts(tmp_path: Path, spec: FeatureSpec) -> None:
    one, two, *others = some(spec)
    at = START_MS + 9 * DAY_MS
    labels = [label(one, at, True), label(one, at - 5, False), label(two, at, False), label(two, at, True)]
    with open_log([write_lake(tmp_path / "lake", [one, two, *others], labels)], spec) as log:
        rows = log.connection.execute("FROM known_labels ORDER BY client_transaction_id").fetchall()
    assert [(row[0], row[2], row[3]) for row in rows] == [
        (one.client_transaction_id, at, True),
        (two.client_transaction_id, at, True),
    ]


def test_the_command_reports_written_and_skipped_rows(tmp_path: Path, spec: FeatureSpec) -> None:
    lake = write_lake(tmp_path / "lake", spoilt(spec, lambda row: replace(row, incomplete=True)))
    command = [sys.executable, str(REPOSITORY / "convert_log.py"), "--data", str(tmp_path / "tables"), "--log"]
    done = subprocess.run([*command, str(lake)], capture_output=True, text=True, check=True)
    assert "payment_features: 29 rows" in done.stdout
    assert "1 payments are omitted, because their state was not rebuilt yet" in done.stdout
    failed = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: ")
    assert failed.stderr.count("\n") == 1


def test_reads_the_actual_output_of_backfill(tmp_path: Path, spec: FeatureSpec, convert: Convert) -> None:
    """The history and the vectors come from the commands of this checkout, which must be built."""
    history, features = tmp_path / "history.parquet", tmp_path / "features.parquet"
    tripline("simulate", str(history), "--cards", "20", "--terminals", "10", "--days", "8")
    tripline("backfill", "--input", str(history), "--output", str(features))
    tables = convert(features)
    payments = pq.read_table(features).to_pylist()
    assert len(payments) > 100
    by_id = {row["client_transaction_id"]: row for row in payments}
    assert len(tables["payment_features"]) == len(payments)
    for row in tables["payment_features"]:
        own = by_id[row["client_transaction_id"]]
        assert all(row[item.name] == own[item.name] for item in spec.of_payment)
    last = {row["card_token"]: row for row in tables["card_windows"]}
    own_last = {row["card_token"]: row for row in payments}
    names = [item.name for item in spec.of_entity("card")]
    assert {key: [row[name] for name in names] for key, row in last.items()} == {
        key: [row[name] for name in names] for key, row in own_last.items()
    }


def tripline(*arguments: str) -> None:
    node = ROOT / "node_modules" / ".bin" / "node"
    command = [str(node), str(ROOT / "apps" / "cli" / "dist" / "main.js"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=120)
    assert done.returncode == 0, json.dumps([done.stdout[-500:], done.stderr[-500:]])
