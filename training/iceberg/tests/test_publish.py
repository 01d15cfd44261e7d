import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shutil import copytree
from subprocess import PIPE

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table

from iceberg.catalog import lake_location, open_catalog
from iceberg.lake_log import PublishError
from iceberg.publish import catalog_url, publish_all
from iceberg.tables import Limits, expire_snapshots, publish_topic, table_name, tail_of
from iceberg.tests.lake import DAYS, TOPIC, Lake, offsets

ROOT = Path(__file__).resolve().parents[3]
NODE = ROOT / "node_modules" / ".bin" / "node"
LIMITS = Limits()
WRITE_SECONDS_MAX = 120


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def catalog(lake: Lake) -> SqlCatalog:
    catalog = open_default(lake)
    with suppress(NoSuchTableError):
        catalog.drop_table(table_name(TOPIC))
    return catalog


def open_default(lake: Lake) -> SqlCatalog:
    """With POSTGRES_URL, the catalog is in that database, which several tests share."""
    location = lake_location(str(lake.folder))
    return open_catalog(os.environ.get("POSTGRES_URL") or catalog_url(None, location), location)


def publish(catalog: SqlCatalog, lake: Lake) -> Table:
    publish_topic(catalog, lake_location(str(lake.folder)), TOPIC, LIMITS)
    return catalog.load_table(table_name(TOPIC))


def test_each_snapshot_contains_the_records_up_to_its_position(catalog: SqlCatalog, lake: Lake) -> None:
    for entries in (1, 3, 2):
        for _ in range(entries):
            lake.add()
        publish(catalog, lake)
    table = publish(catalog, lake)
    snapshots = table.snapshots()
    assert [tail_of(one).sequence for one in snapshots] == [1, 4, 6]
    for snapshot in snapshots:
        rows = table.scan(snapshot_id=snapshot.snapshot_id).to_arrow()
        assert rows.num_rows == sum(tail_of(snapshot).positions.values())
    assert offsets(table) == list(range(24))
    assert table.scan(row_filter="label_id == 'lbl_5'").to_arrow()["sequences"].to_pylist() == [[5, 0]]


def test_a_compaction_replaces_files_in_one_commit(catalog: SqlCatalog, lake: Lake) -> None:
    for _ in range(3):
        lake.add()
    publish(catalog, lake)
    lake.add()
    lake.compact(DAYS[0])
    lake.add()
    table = publish(catalog, lake)
    assert offsets(table) == list(range(20))
    assert len(table.snapshots()) == 2
    days = [task.file.file_path.split("day=")[1][:10] for task in table.scan().plan_files()]
    assert sorted(days) == [DAYS[0]] * 2 + [DAYS[1]] * 5


def test_files_that_are_compacted_before_they_are_published_are_not_missed(catalog: SqlCatalog, lake: Lake) -> None:
    for _ in range(3):
        lake.add()
    lake.compact(DAYS[1])
    assert offsets(publish(catalog, lake)) == list(range(12))
    lake.compact(DAYS[0])
    lake.compact(DAYS[1])
    assert offsets(publish(catalog, lake)) == list(range(12))


def test_a_new_column_gets_its_own_id_and_is_null_in_older_files(catalog: SqlCatalog, lake: Lake) -> None:
    lake.add()
    before = {field.name: field.field_id for field in publish(catalog, lake).schema().fields}
    lake.add(columns={"explained": pa.bool_()})
    lake.add()
    table = publish(catalog, lake)
    after = {field.name: field.field_id for field in table.schema().fields}
    assert {name: after[name] for name in before} == before
    assert after["explained"] not in before.values()
    assert offsets(table) == list(range(12))
    assert table.scan().to_arrow()["explained"].null_count == 12


def test_the_last_entry_waits_until_its_files_are_in_place(catalog: SqlCatalog, lake: Lake) -> None:
    lake.add()
    lake.add(staged=True)
    assert offsets(publish(catalog, lake)) == list(range(4))


def test_a_recreated_log_is_rejected(catalog: SqlCatalog, lake: Lake) -> None:
    lake.add()
    publish(catalog, lake)
    other = Lake(lake.folder, run="b")
    other.add()
    other.add()
    with pytest.raises(PublishError, match="contains a different log from the one that was published"):
        publish(catalog, other)


def test_a_missing_file_is_named(catalog: SqlCatalog, lake: Lake) -> None:
    lake.add()
    publish(catalog, lake)
    lake.add()
    lake.add()
    missing = lake.topic / f"day={DAYS[0]}" / f"{2:016}.parquet"
    missing.unlink()
    with pytest.raises(PublishError, match=str(missing)):
        publish(catalog, lake)


def test_expired_snapshots_lose_their_metadata_but_no_data_files(catalog: SqlCatalog, lake: Lake) -> None:
    for _ in range(15):
        lake.add()
        table = publish(catalog, lake)
    files = sorted(lake.topic.glob("day=*/*.parquet"))
    assert expire_snapshots(table, datetime.now(UTC) + timedelta(seconds=1)) == 14
    assert sorted(lake.topic.glob("day=*/*.parquet")) == files
    assert len(list(lake.folder.glob("_iceberg/*/metadata/snap-*.avro"))) == 1
    table = catalog.load_table(table_name(TOPIC))
    assert len(list(lake.folder.glob("_iceberg/*/metadata/*-m*.avro"))) == len(table.inspect.manifests())
    assert offsets(table) == list(range(60))
    lake.add()
    assert offsets(publish(catalog, lake)) == list(range(64))


def test_days_that_a_bucket_may_have_deleted_are_removed_from_the_table(catalog: SqlCatalog, lake: Lake) -> None:
    for _ in range(3):
        lake.add()
    table = publish(catalog, lake)
    age = (datetime.now(UTC).date() - date.fromisoformat(DAYS[1])).days
    for path in (lake.topic / f"day={DAYS[0]}").iterdir():
        path.unlink()
    for _ in range(2):
        publish_topic(catalog, lake_location(str(lake.folder)), TOPIC, Limits(days=age + 1))
        table = catalog.load_table(table_name(TOPIC))
        assert {task.file.file_path.split("day=")[1][:10] for task in table.scan().plan_files()} == {DAYS[1]}
        assert table.scan().to_arrow().num_rows == 6
    assert len(table.snapshots()) == 2


def test_many_commits_have_few_manifests(catalog: SqlCatalog, lake: Lake) -> None:
    lake.add()
    table = publish(catalog, lake)
    with table.transaction() as transaction:
        transaction.set_properties({"commit.manifest.min-count-to-merge": "5"})
    for _ in range(12):
        lake.add()
        table = publish(catalog, lake)
    assert len(table.inspect.manifests()) < 8
    assert offsets(table) == list(range(52))


def test_publishers_that_start_together_add_each_file_once(catalog: SqlCatalog, lake: Lake) -> None:
    for _ in range(6):
        lake.add()
    location = lake_location(str(lake.folder))

    def run(_: int) -> None:
        publish_topic(open_default(lake), location, TOPIC, LIMITS)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    assert offsets(catalog.load_table(table_name(TOPIC))) == list(range(24))


def test_the_result_is_recorded_in_the_lake(catalog: SqlCatalog, lake: Lake) -> None:
    lake.add()
    location = lake_location(str(lake.folder))
    every = Limits(every=timedelta(minutes=5))
    assert publish_all(catalog, location, [TOPIC, "erasures"], every, noted=True) is None
    note = json.loads((lake.folder / "_jobs" / "publication.json").read_text())
    assert (note["tables"], note["files"], note["failure"]) == (1, 2, None)
    assert note["interval_minutes"] == 5
    assert datetime.fromisoformat(note["ended_at"]) <= datetime.now(UTC)
    (lake.folder / "_jobs" / "publication.json").unlink()
    # The note of a single run would hide that a recurring publisher is dead.
    assert publish_all(catalog, location, [TOPIC], LIMITS) is None
    assert not (lake.folder / "_jobs" / "publication.json").exists()


def test_a_topic_with_an_invalid_schema_does_not_stop_the_others(catalog: SqlCatalog, lake: Lake) -> None:
    lake.add()
    location = lake_location(str(lake.folder))
    assert publish_all(catalog, location, [TOPIC], LIMITS) is None
    copytree(lake.topic, lake.folder / "erasures")
    lake.add(columns={"label_id": pa.int64()})
    failure = publish_all(catalog, location, [TOPIC, "erasures"], LIMITS, noted=True)
    assert failure is not None
    assert failure.startswith(f"{TOPIC} cannot be published: ")
    assert "\n" not in failure
    note = json.loads((lake.folder / "_jobs" / "publication.json").read_text())
    assert (note["tables"], note["failure"]) == (1, failure)


def test_a_note_that_cannot_be_written_is_a_failure(catalog: SqlCatalog, lake: Lake) -> None:
    lake.add()
    (lake.folder / "_jobs").write_text("not a folder")
    failure = publish_all(catalog, lake_location(str(lake.folder)), [TOPIC], LIMITS, noted=True)
    assert failure is not None
    assert failure.startswith("The result cannot be recorded in the lake: ")


def test_a_raised_limit_of_days_is_rejected(catalog: SqlCatalog, lake: Lake) -> None:
    lake.add()
    location = lake_location(str(lake.folder))
    age = (datetime.now(UTC).date() - date.fromisoformat(DAYS[1])).days
    publish_topic(catalog, location, TOPIC, Limits(days=age + 1))
    lake.add()
    for days in (age + 2, None):
        with pytest.raises(PublishError, match=f"Drop the table, or specify up to {age + 1} days"):
            publish_topic(catalog, location, TOPIC, Limits(days=days))
    assert publish_topic(catalog, location, TOPIC, Limits(days=age)) is not None


def test_metadata_files_are_kept_as_long_as_snapshots(catalog: SqlCatalog, lake: Lake) -> None:
    location = lake_location(str(lake.folder))
    every = Limits(every=timedelta(minutes=10))
    assert [every.versions, Limits(every=timedelta(days=1)).versions, Limits(timedelta(days=365)).versions] == [
        288,
        20,
        2_000,
    ]
    for limits in (LIMITS, every, LIMITS):
        lake.add()
        publish_topic(catalog, location, TOPIC, limits)
    kept = catalog.load_table(table_name(TOPIC)).properties["write.metadata.previous-versions-max"]
    assert kept == "288"


def test_an_invalid_setting_stops_a_recurring_publisher() -> None:
    command = [sys.executable, "-m", "iceberg.publish", "--lake", "ftp://x/lake", "--every", "5"]
    result = subprocess.run(command, cwd=ROOT / "training", capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("error: The lake ftp://x/lake has an unknown scheme")


def test_duckdb_reads_the_table_without_the_catalog(catalog: SqlCatalog, lake: Lake) -> None:
    for _ in range(3):
        lake.add()
    publish(catalog, lake)
    lake.compact(DAYS[0])
    lake.add(columns={"explained": pa.bool_()})
    table = publish(catalog, lake)
    with duckdb.connect(config={"allow_unsigned_extensions": True}) as connection:
        for name in ("avro", "iceberg"):
            module = Path(importlib.import_module(f"duckdb_extension_{name}").__file__ or "")
            connection.load_extension(str(next(module.parent.rglob("*.duckdb_extension"))))
        rows = connection.execute(
            "SELECT count(*), min(kafka_offset), max(kafka_offset), count(explained) FROM iceberg_scan(?)",
            [table.metadata_location],
        ).fetchall()
    assert rows == [(16, 0, 15, 0)]


def start_publisher(folder: Path) -> subprocess.Popen[bytes]:
    flags = ["--lake", str(folder), "--topic", "erasures", "--every", "0.002"]
    command = [sys.executable, "-m", "iceberg.publish", *flags]
    return subprocess.Popen(command, cwd=ROOT / "training", stdout=subprocess.DEVNULL)


def test_reads_are_exact_while_the_archive_writes_and_publishers_are_killed(tmp_path: Path) -> None:
    folder = tmp_path / "lake"
    location = lake_location(str(folder))
    writer = subprocess.Popen(
        [NODE, Path(__file__).with_name("write-lake.mjs"), folder], stdin=PIPE, stdout=PIPE, text=True
    )
    random.seed(29)
    publishers = [start_publisher(folder), start_publisher(folder)]
    read: dict[int, int] = {}
    deadline = time.monotonic() + WRITE_SECONDS_MAX
    kills = 0
    try:
        catalog = open_catalog(catalog_url(None, location), location)
        seen: int | None = None
        while kills < 6 or len(read) < 3:
            assert time.monotonic() < deadline
            assert writer.poll() is None
            newest = newest_snapshot(catalog)
            if newest == seen:
                time.sleep(0.05)
                continue
            seen = newest
            read.update(read_current(catalog))
            time.sleep(random.uniform(0, 0.5))
            index = random.randrange(len(publishers))
            # Kill it without warning, possibly during a commit.
            publishers[index].send_signal(signal.SIGKILL)
            publishers[index].wait()
            kills += 1
            publishers[index] = start_publisher(folder)
        position = int(writer.communicate(timeout=WRITE_SECONDS_MAX)[0])
    finally:
        for publisher in publishers:
            publisher.kill()
            publisher.wait()
        writer.kill()
        writer.wait()
    publish_topic(catalog, location, "erasures", LIMITS)
    table = catalog.load_table(table_name("erasures"))
    assert offsets(table) == list(range(position))
    snapshots = table.snapshots()
    for snapshot in snapshots:
        # A compaction of a published lake keeps the files that it merged.
        rows = table.scan(snapshot_id=snapshot.snapshot_id, selected_fields=("kafka_offset",)).to_arrow()
        assert rows.num_rows == sum(tail_of(snapshot).positions.values())
    print(f"rows={position} kills={kills} snapshots={len(snapshots)} snapshots_read={len(read)}")


def newest_snapshot(catalog: SqlCatalog) -> int | None:
    try:
        snapshot = catalog.load_table(table_name("erasures")).current_snapshot()
    except NoSuchTableError:
        return None
    return None if snapshot is None else snapshot.snapshot_id


def read_current(catalog: SqlCatalog) -> dict[int, int]:
    """Reads all rows of the current snapshot, if there is one. Returns its position."""
    table = catalog.load_table(table_name("erasures"))
    snapshot = table.current_snapshot()
    if snapshot is None:
        return {}
    rows = offsets(table)
    position = sum(tail_of(snapshot).positions.values())
    assert rows == list(range(position))
    return {snapshot.snapshot_id: position}
