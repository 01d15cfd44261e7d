"""Reads Tripline's feature log into DuckDB tables, from `tripline backfill` or from the Parquet lake.

The log has one row per payment, with the values that the model received, including those computed from the states of
the payment's entities.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from errors import EmptyLogError, FeatureRepositoryError
from feature_spec import FeatureSpec

PAYMENT_KEY = "client_transaction_id"
ALWAYS_PRESENT_KEYS = frozenset({"card_token", "terminal_id"})
WORK_FOLDER_PREFIX = "tripline-feast-"
# The kinds of tokens that `tripline erase` accepts.
_SUBJECTS = ("card_token", "email_token", "account_token")
# DuckDB's memory limit before it spills to disk.
_MEMORY_LIMIT = "1GB"


@dataclass(frozen=True)
class FeatureLog:
    """An open log.

    Table `payments`: client_transaction_id, the keys of the entities (null if the payment has none, or one that was
    erased later), latitude and longitude (null if absent), occurred_at_ms, created_us (microseconds since the epoch),
    incomplete, erased (its card, e-mail address or account was erased later), source (number of the file or lake),
    sequence_<entity> (orders the rows of an entity and source with equal times) and a DOUBLE per feature. Each payment
    has one row.

    Table `known_labels`: client_transaction_id, terminal_id, labelled_at_ms, fraud. At most one row per payment,
    with its newest label.
    """

    connection: duckdb.DuckDBPyConnection
    spec: FeatureSpec
    notes: tuple[str, ...]
    """Contents of the sources that the tables omit, one phrase each."""


@contextmanager
def open_log(paths: Sequence[Path], spec: FeatureSpec, tenant: str | None = None) -> Iterator[FeatureLog]:
    """Reads Parquet files of `tripline backfill` and lakes, folders with features/day=YYYY-MM-DD/*.parquet.

    If several of them contain a payment, the first one is used.

    Args:
        tenant: whose payments to read; needed if a lake contains several tenants, whose terminals may share names.

    Raises:
        EmptyLogError: there is no payment with the spec's version.
        FeatureRepositoryError: a log cannot be read, or a value is not finite.
    """
    with tempfile.TemporaryDirectory(prefix=WORK_FOLDER_PREFIX) as folder:
        connection = duckdb.connect(f"{folder}/work.duckdb", config={"memory_limit": _MEMORY_LIMIT})
        try:
            # Days are in UTC, whatever the machine's time zone.
            connection.execute("SET TimeZone = 'UTC'")
            yield _load(connection, paths, spec, tenant)
        finally:
            connection.close()


def write_table(connection: duckdb.DuckDBPyConnection, select: str, path: Path) -> int:
    """Writes a Parquet file that appears complete or not at all. Returns its number of rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.tmp")
    try:
        connection.execute(f"COPY ({select}) TO {sql_text(unfinished)} (FORMAT parquet, COMPRESSION zstd)")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return _number(connection, f"SELECT count(*) FROM read_parquet({sql_text(path)})")


def sql_text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def sql_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _load(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], spec: FeatureSpec, tenant: str | None
) -> FeatureLog:
    notes: list[str] = []
    payments: list[str] = []
    labels: list[str] = []
    _read_erasures(connection, [path for path in paths if path.is_dir()], tenant)
    for number, path in enumerate(paths):
        try:
            read = _read_lake if path.is_dir() else _read_backfill
            source = read(connection, path, spec, tenant)
        except duckdb.Error as error:
            raise FeatureRepositoryError(f"{path} cannot be read: {error}.") from error
        payments.append(f"SELECT {number} AS source, * FROM ({source.payments})")
        labels.append(f"SELECT {number} AS source, * FROM ({source.labels})")
        notes.extend(source.notes)
    first_of_each = f"QUALIFY row_number() OVER (PARTITION BY {PAYMENT_KEY} ORDER BY source, created_us) = 1"
    connection.execute(f"CREATE TABLE payments AS FROM ({' UNION ALL BY NAME '.join(payments)}) {first_of_each}")
    connection.execute(f"""
        CREATE TABLE known_labels AS
        SELECT * EXCLUDE (source, kafka_partition, kafka_offset) FROM ({" UNION ALL BY NAME ".join(labels)})
        QUALIFY row_number() OVER (PARTITION BY {PAYMENT_KEY}
          ORDER BY labelled_at_ms DESC, source, kafka_partition, kafka_offset DESC) = 1""")
    names = ", ".join(str(path) for path in paths)
    if _number(connection, "SELECT count(*) FROM payments") == 0:
        raise EmptyLogError(
            f"{names}: there are no payments of feature spec {spec.version}. {'; '.join(notes) or 'It is empty'}."
        )
    _refuse_not_finite(connection, names, spec)
    return FeatureLog(connection, spec, tuple(notes))


def _read_erasures(connection: duckdb.DuckDBPyConnection, lakes: Sequence[Path], tenant: str | None) -> None:
    """Table `erasures`, for all sources: people whose earlier data must be omitted. A token belongs to one tenant."""
    connection.execute("CREATE TABLE erasures (subject VARCHAR, erased_at_ms BIGINT)")
    of_tenant = "" if tenant is None else f"WHERE tenant = {sql_text(tenant)}"
    for path in lakes:
        if not _has_topic(path, "erasures"):
            continue
        try:
            connection.execute(f"""
                INSERT INTO erasures SELECT subject, max(erased_at_ms) FROM {_lake_table(path, "erasures")} {of_tenant}
                GROUP BY subject""")
        except duckdb.Error as error:
            raise FeatureRepositoryError(f"{path} cannot be read: {error}.") from error


@dataclass(frozen=True)
class _Source:
    payments: str
    """SELECT of the columns of `payments`, except source."""
    labels: str
    """A SELECT of the columns of `known_labels`, plus kafka_partition and kafka_offset, which break ties."""
    notes: tuple[str, ...]


def _read_backfill(
    connection: duckdb.DuckDBPyConnection, path: Path, spec: FeatureSpec, _tenant: str | None
) -> _Source:
    """The file's rows are in event order, so their row numbers order rows with equal times."""
    table = f"read_parquet({sql_text(path)}, file_row_number = true)"
    present = _columns(connection, table)
    absent = _absent(spec, present)
    needed = [PAYMENT_KEY, "occurred_at_ms", "labelled_at_ms", "fraud", *spec.names]
    missing = [key for key in absent if key in ALWAYS_PRESENT_KEYS] + [name for name in needed if name not in present]
    if missing:
        raise FeatureRepositoryError(
            f"{path} lacks {', '.join(missing)} of feature spec {spec.version}. "
            "Run `tripline backfill` again with the current spec."
        )
    columns = [
        *(PAYMENT_KEY, *_keys(spec, absent), *_place(present)),
        *("occurred_at_ms", "occurred_at_ms * 1000 AS created_us"),
        *("false AS incomplete", _erased(present)),
        *(f"file_row_number AS sequence_{entity}" for entity in spec.entity_keys),
        *(f"{sql_name(name)}::DOUBLE AS {sql_name(name)}" for name in spec.names),
    ]
    labels = f"SELECT {PAYMENT_KEY}, terminal_id, labelled_at_ms, fraud = 1 AS fraud, {_NO_RECORD} FROM {table}"
    return _Source(
        payments=f"SELECT {', '.join(columns)} FROM {table}",
        labels=f"{labels} WHERE labelled_at_ms IS NOT NULL",
        notes=(f"{path} has no column {', '.join(absent)}",) if absent else (),
    )


def _read_lake(connection: duckdb.DuckDBPyConnection, path: Path, spec: FeatureSpec, tenant: str | None) -> _Source:
    table = _lake_table(path, "features")
    if tenant is None:
        tenant = _only_tenant(connection, path, table)
    here = f"tenant = {sql_text(tenant)}"
    current = f"{here} AND spec_version = {spec.version}"
    wrong = _number(connection, f"SELECT count(*) FROM {table} WHERE {current} AND len(values) <> {len(spec.names)}")
    if wrong:
        raise FeatureRepositoryError(
            f"{wrong} rows of {path}/features do not have the {len(spec.names)} values of feature spec {spec.version}."
        )
    present = _columns(connection, table)
    columns = [
        *(PAYMENT_KEY, *_keys(spec, _absent(spec, present)), *_place(present)),
        *("occurred_at_ms", "computed_at_ms * 1000 AS created_us", "incomplete", _erased(present)),
        *(f"sequences[{number}] AS sequence_{entity}" for number, entity in enumerate(spec.entity_keys, start=1)),
        *(f"values[{number}] AS {sql_name(name)}" for number, name in enumerate(spec.names, start=1)),
    ]
    others = _number(connection, f"SELECT count(*) FROM {table} WHERE {here} AND spec_version <> {spec.version}")
    labels, notes = _NO_LABELS, [f"{path} has no labels"]
    if _has_topic(path, "labels"):
        from_lake = f"FROM {_lake_table(path, 'labels')} WHERE {here}"
        own = f"{PAYMENT_KEY}, terminal_id, labelled_at_ms, fraud, kafka_partition, kafka_offset"
        labels, notes = f"SELECT {own} {from_lake}", []
    if others:
        notes.append(f"{path} contains {others} payments of other spec versions, which are omitted")
    return _Source(f"SELECT {', '.join(columns)} FROM {table} WHERE {current}", labels, tuple(notes))


_NO_RECORD = "NULL::INTEGER AS kafka_partition, NULL::BIGINT AS kafka_offset"
_NO_LABELS = (
    f"SELECT NULL::VARCHAR AS {PAYMENT_KEY}, NULL::VARCHAR AS terminal_id, NULL::BIGINT AS labelled_at_ms, "
    f"NULL::BOOLEAN AS fraud, {_NO_RECORD} WHERE false"
)


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    return {str(row[0]) for row in connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()}


def _absent(spec: FeatureSpec, present: set[str]) -> list[str]:
    """Keys of entities that no row of the log contains, for example because the log is older than the entities."""
    return [key for key, fields in spec.key_fields.items() if not present.issuperset(fields)]


def _keys(spec: FeatureSpec, absent: Sequence[str]) -> list[str]:
    """The keys of the entities. Absent values are null, empty or missing columns."""

    def sql(key: str, fields: Sequence[str]) -> str:
        if key in absent:
            return f"NULL::VARCHAR AS {key}"
        id_ = " || '/' || ".join(f"nullif({field}, '')" for field in fields)
        erased = " OR ".join(_is_erased(field) for field in fields if field in _SUBJECTS)
        return f"{id_} AS {key}" if erased == "" else f"CASE WHEN NOT ({erased}) THEN {id_} END AS {key}"

    return [sql(key, fields) for key, fields in spec.key_fields.items()]


def _is_erased(field: str) -> str:
    """Whether the person identified by the field was erased after the payment. Later payments belong to a new person.
    """
    return f"EXISTS (FROM erasures WHERE subject = {field} AND occurred_at_ms <= erased_at_ms)"


def _erased(present: set[str]) -> str:
    return " OR ".join(["false", *(_is_erased(field) for field in _SUBJECTS if field in present)]) + " AS erased"


def _place(present: set[str]) -> list[str]:
    """Locations of the payments; null in a log that is older than these columns."""
    return [name if name in present else f"NULL::DOUBLE AS {name}" for name in ("latitude", "longitude")]


def _has_topic(path: Path, topic: str) -> bool:
    return next(path.glob(f"{topic}/day=*/*.parquet"), None) is not None


def _lake_table(path: Path, topic: str) -> str:
    if not _has_topic(path, topic):
        raise EmptyLogError(f"{path} is not a lake: it contains no file {topic}/day=YYYY-MM-DD/*.parquet.")
    files = path / topic / "day=*" / "*.parquet"
    return f"read_parquet({sql_text(files)}, union_by_name = true, hive_partitioning = false)"


def _only_tenant(connection: duckdb.DuckDBPyConnection, path: Path, table: str) -> str:
    rows = connection.execute(f"SELECT DISTINCT tenant FROM {table} ORDER BY tenant LIMIT 10").fetchall()
    if len(rows) != 1:
        names = ", ".join(str(row[0]) for row in rows)
        raise FeatureRepositoryError(f"{path} has payments of the tenants {names}. Choose one with --tenant.")
    return str(rows[0][0])


def _refuse_not_finite(connection: duckdb.DuckDBPyConnection, names: str, spec: FeatureSpec) -> None:
    faults = [f"count(*) FILTER ({sql_name(name)} IS NULL OR NOT isfinite({sql_name(name)}))" for name in spec.names]
    counts: Sequence[int] = connection.execute(f"SELECT {', '.join(faults)} FROM payments").fetchall()[0]
    wrong = [f"{count} of {name}" for name, count in zip(spec.names, counts, strict=True) if count > 0]
    if wrong:
        raise FeatureRepositoryError(f"{names}: values are missing or not finite: {', '.join(wrong)}.")


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])
