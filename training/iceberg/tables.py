"""The Iceberg tables of the lake: one table per topic, whose data files are the lake's own Parquet files.

Each commit applies some entries of the topic's log, and its snapshot names the last one. The catalog accepts a commit
only if the table has not changed since the publisher loaded it, so each entry is applied exactly once, even with
several publishers and if one is killed.
"""

import json
import time
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchTableError,
    TableAlreadyExistsError,
    ValidationException,
)
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import parquet_file_to_data_file
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import Table, TableProperties, Transaction
from pyiceberg.table.snapshots import Snapshot
from sqlalchemy.exc import SQLAlchemyError

from iceberg.catalog import FOLDER, NAMESPACE, TRIES_MAX
from iceberg.lake_log import EMPTY, Change, PublishError, Tail, day_of, read_change

ENTRY = "tripline.entry"
ENTRY_ID = "tripline.entry-id"
POSITIONS = "tripline.positions"
FIRST_DAY = "tripline.first-day"
DAYS = "tripline.days"
"""Absent if the number of days is not limited."""

TRY_SECONDS = 0.2
"""Pause after the first failure; later pauses are longer."""
READS_MAX = 16
"""Number of files whose footers are read at the same time."""
EXPIRED_MIN = 12
"""Snapshots are removed in batches, because each removal is a commit that reads the manifest lists of all others."""
VERSIONS_MIN = 20
VERSIONS_MAX = 2_000
"""Each version of a table's metadata lists the earlier ones."""
EVERY_DEFAULT = timedelta(minutes=5)
"""Assumed time between single runs."""

TABLE_PROPERTIES = {
    # A retry by the library would add the files to a table to which another publisher has already added them.
    TableProperties.COMMIT_NUM_RETRIES: "0",
    TableProperties.MANIFEST_MERGE_ENABLED: "true",
    TableProperties.METADATA_DELETE_AFTER_COMMIT_ENABLED: "true",
}


@dataclass(frozen=True)
class Publication:
    """A commit."""

    topic: str
    added: int
    """Number of files."""
    removed: int
    rows: int
    """Number of rows in the table after the commit."""
    entry: int
    expired: int
    """Number of snapshots that expired."""
    metadata: str
    """Location of the table's metadata, for programs that do not use the catalog."""


def table_name(topic: str) -> str:
    return f"{NAMESPACE}.{topic.replace('-', '_').replace('.', '_')}"


@dataclass(frozen=True)
class Limits:
    keep: timedelta = timedelta(hours=24)
    """How long snapshots can be read, unless a compaction removes their files."""
    days: int | None = None
    """Number of days, up to today, that the table contains, because older files may have been deleted. Default: all."""
    every: timedelta = timedelta(0)
    """Time between rounds; 0 for a single round."""

    @property
    def first_day(self) -> str:
        """UTC; empty if there is no limit."""
        return "" if self.days is None else (datetime.now(UTC) - timedelta(days=self.days - 1)).date().isoformat()

    @property
    def versions(self) -> int:
        """Number of earlier metadata files to keep, so that programs without the catalog can read them for as long as
        their snapshots exist. A second publisher, or the removal of snapshots, can double the number of commits.
        """
        commits = 2 * self.keep / (self.every or EVERY_DEFAULT)
        return round(min(max(commits, VERSIONS_MIN), VERSIONS_MAX))


def publish_topic(catalog: SqlCatalog, lake: str, topic: str, limits: Limits) -> Publication | None:
    """Applies all new entries of the topic's log in one commit. Returns None if there are none.

    Raises:
        PublishError: if the entries cannot be applied to the table.
    """
    cause: Exception | None = None
    for attempt in range(1, TRIES_MAX + 1):
        try:
            return _publish(catalog, lake, topic, limits)
        except (CommitFailedException, TableAlreadyExistsError, FileNotFoundError, SQLAlchemyError) as error:
            # Another publisher was faster, a compaction removed a file after the log was read, or the catalog is busy.
            cause = error
            time.sleep(TRY_SECONDS * attempt)
        except (ValidationException, ValueError) as error:
            cause = error
            break
    raise PublishError(f"{topic} cannot be published: {cause}") from cause


def _publish(catalog: SqlCatalog, lake: str, topic: str, limits: Limits) -> Publication | None:
    folder = f"{lake}/{topic}"
    table = _load(catalog, topic)
    io = catalog._load_file_io(location=folder) if table is None else table.io
    tail = EMPTY if table is None else published_tail(table)
    if table is not None:
        _check_days(table, limits)
    old = set() if table is None else _files_before(table, limits.first_day)
    change = read_change(io, folder, tail)
    if change is None and not old:
        return None
    change = (change or Change(tail, frozenset(), frozenset())).since(limits.first_day, old)
    schemas = _schemas(io, change.added)
    if table is None:
        if not schemas:
            return None
        location = f"{lake}/{FOLDER}/{topic}"
        table = catalog.create_table(table_name(topic), schemas[0], location, properties=TABLE_PROPERTIES)
    with table.transaction() as transaction:
        _keep_versions(transaction, limits)
        _add_columns(transaction, schemas)
        _commit(transaction, table, change, limits)
    expired = expire_snapshots(table, datetime.now(UTC) - limits.keep)
    snapshot = _current(table)
    return Publication(
        topic=topic,
        added=len(change.added),
        removed=len(change.removed),
        rows=int(snapshot.summary["total-records"] or 0) if snapshot.summary else 0,
        entry=change.tail.sequence,
        expired=expired,
        metadata=table.metadata_location,
    )


def _load(catalog: SqlCatalog, topic: str) -> Table | None:
    try:
        return catalog.load_table(table_name(topic))
    except NoSuchTableError:
        return None


def published_tail(table: Table) -> Tail:
    """The last log entry whose files the current snapshot contains."""
    snapshot = table.current_snapshot()
    return EMPTY if snapshot is None else tail_of(snapshot)


def tail_of(snapshot: Snapshot) -> Tail:
    """The last log entry whose files this snapshot contains."""
    summary = snapshot.summary
    entry = None if summary is None else summary[ENTRY]
    if summary is None or entry is None:
        raise PublishError(f"Another program has changed the table in snapshot {snapshot.snapshot_id}. Drop the table.")
    positions = {int(partition): offset for partition, offset in json.loads(summary[POSITIONS] or "{}").items()}
    return Tail(int(entry), summary[ENTRY_ID] or "", positions)


def _check_days(table: Table, limits: Limits) -> None:
    """Rejects a raised limit: files that the lower limit omitted would never be added."""
    snapshot = table.current_snapshot()
    published = None if snapshot is None or snapshot.summary is None else snapshot.summary[DAYS]
    if published is not None and (limits.days is None or limits.days > int(published)):
        raise PublishError(
            f"The table {'.'.join(table.name())} was published with --days {published}, so it lacks earlier files. "
            f"Drop the table, or specify up to {published} days."
        )


def _keep_versions(transaction: Transaction, limits: Limits) -> None:
    """A single run keeps the value that a recurring publisher has set."""
    name = TableProperties.METADATA_PREVIOUS_VERSIONS_MAX
    present = transaction.table_metadata.properties.get(name)
    if present is None or (limits.every and present != str(limits.versions)):
        transaction.set_properties({name: str(limits.versions)})


def _current(table: Table) -> Snapshot:
    snapshot = table.current_snapshot()
    assert snapshot is not None
    return snapshot


def _schemas(io: FileIO, paths: Iterable[str]) -> list[Schema]:
    """The distinct schemas of the files."""

    def read(path: str) -> "pq.ParquetSchema":
        with io.new_input(path).open() as stream:
            return pq.read_schema(stream).remove_metadata()

    with ThreadPoolExecutor(READS_MAX) as pool:
        found = {str(schema): schema for schema in pool.map(read, sorted(paths))}
    return list(found.values())


def _add_columns(transaction: Transaction, schemas: Iterable[Schema]) -> None:
    """Files from older versions lack the columns of newer ones. Each column keeps its id."""
    for schema in schemas:
        with transaction.update_schema() as update:
            update.union_by_name(schema)
    mapping = transaction.table_metadata.schema().name_mapping.model_dump_json()
    if transaction.table_metadata.properties.get(TableProperties.DEFAULT_NAME_MAPPING) != mapping:
        # The files contain no ids, so readers find the columns by name.
        transaction.set_properties({TableProperties.DEFAULT_NAME_MAPPING: mapping})


def _commit(transaction: Transaction, table: Table, change: Change, limits: Limits) -> None:
    tail = change.tail
    properties = {ENTRY: str(tail.sequence), ENTRY_ID: tail.entry_id, POSITIONS: json.dumps(tail.positions)}
    properties[FIRST_DAY] = limits.first_day
    if limits.days is not None:
        properties[DAYS] = str(limits.days)
    metadata = transaction.table_metadata
    with ThreadPoolExecutor(READS_MAX) as pool:
        added = list(pool.map(lambda path: parquet_file_to_data_file(table.io, metadata, path), sorted(change.added)))
    update = transaction.update_snapshot(snapshot_properties=properties)
    if not change.removed:
        with update.merge_append() as append:
            for file in added:
                append.append_data_file(file)
        return
    with update.overwrite() as overwrite:
        # Without this, the library ignores all manifests of an unpartitioned table.
        overwrite.delete_by_predicate(AlwaysTrue())
        for file in _published_files(table):
            if file.file_path in change.removed:
                overwrite.delete_data_file(file)
        for file in added:
            overwrite.append_data_file(file)


def _files_before(table: Table, first_day: str) -> set[str]:
    """Paths of the table's files from before `first_day`. Reads the manifests only once per day."""
    snapshot = table.current_snapshot()
    if (
        first_day == ""
        or snapshot is None
        or (snapshot.summary is not None and snapshot.summary[FIRST_DAY] == first_day)
    ):
        return set()
    return {file.file_path for file in _published_files(table) if day_of(file.file_path) < first_day}


def _published_files(table: Table) -> list[DataFile]:
    return [
        entry.data_file
        for manifest in _current(table).manifests(table.io)
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)
    ]


def expire_snapshots(table: Table, before: datetime) -> int:
    """Removes old snapshots together with their metadata files; the lake's own files stay.

    Returns:
        Number of removed snapshots.
    """
    current = _current(table).snapshot_id
    limit = before.timestamp() * 1_000
    old = [one for one in table.snapshots() if one.timestamp_ms < limit and one.snapshot_id != current]
    if len(old) < EXPIRED_MIN:
        return 0
    files = _metadata_files(table.io, old)
    try:
        table.maintenance.expire_snapshots().by_ids([one.snapshot_id for one in old]).commit()
    except CommitFailedException:
        # Another publisher was faster.
        return 0
    for path in files - _metadata_files(table.io, table.snapshots()):
        try:
            table.io.delete(path)
        except OSError as error:
            warnings.warn(f"{path} could not be removed: {error}", stacklevel=2)
    return len(old)


def _metadata_files(io: FileIO, snapshots: Iterable[Snapshot]) -> set[str]:
    """The snapshots' manifest lists and manifests."""

    def read(snapshot: Snapshot) -> set[str]:
        return {snapshot.manifest_list, *(manifest.manifest_path for manifest in snapshot.manifests(io))}

    with ThreadPoolExecutor(READS_MAX) as pool:
        return set().union(*pool.map(read, snapshots))
