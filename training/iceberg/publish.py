"""Publishes the lake as Iceberg tables, one per topic, without copying its files.

    python -m iceberg.publish --lake s3://bucket/lake --catalog postgresql://user:password@host/database --every 5

Each round applies what the archive service has added and what a compaction has merged since the last one, in one commit
per table. Any number of publishers may run at the same time.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from pyiceberg.catalog.sql import SqlCatalog

from iceberg.catalog import FOLDER, lake_location, open_catalog
from iceberg.lake_log import PublishError
from iceberg.sign_in import sign_in
from iceberg.tables import Limits, Publication, publish_topic

TOPICS = [
    "transactions",
    "labels",
    "fraud-reports",
    "payment-updates",
    "features",
    "applied-labels",
    "applied-payment-updates",
    "decisions",
    "drift-detected",
    "erasures",
]
EVERY_MINUTES_MAX = 1_440
KEEP_HOURS_DEFAULT = 24
NOTE = "_jobs/publication.json"
FAILURE_CHARACTERS_MAX = 500


def publish_all(
    catalog: SqlCatalog, lake: str, topics: Iterable[str], limits: Limits, *, noted: bool = False
) -> str | None:
    """Publishes each topic. If one fails, the others are still published.

    Args:
        noted: writes a note with the result to the lake, for the archive service. There is one note, so only recurring
            publishers of all topics may write it. Otherwise, a single run would hide that they have failed.

    Returns:
        Why the first topic that failed could not be published; None if all were published.
    """
    started = time.monotonic()
    done: list[Publication] = []
    failure: str | None = None
    for topic in topics:
        try:
            publication = publish_topic(catalog, lake, topic, limits)
        except Exception as error:
            failure = failure or _sentence(error, f"{topic} cannot be published")
            continue
        if publication is not None:
            done.append(publication)
            _say(
                f"{topic}: {publication.added} files added, {publication.removed} replaced, {publication.rows} rows, "
                f"entry {publication.entry}, {publication.metadata}"
            )
    _say(f"lake publish: tables={len(done)} files={sum(one.added for one in done)}")
    if not noted:
        return failure
    note = {
        "ended_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "took_ms": round((time.monotonic() - started) * 1_000),
        "interval_minutes": limits.every / timedelta(minutes=1),
        "tables": len(done),
        "files": sum(one.added for one in done),
        "failure": failure,
    }
    try:
        _write_note(catalog, lake, note)
    except Exception as error:
        # The archive service reports the age of the last note.
        failure = failure or _sentence(error, "The result cannot be recorded in the lake")
    return failure


def _sentence(error: Exception, what: str) -> str:
    text = " ".join(f"{error}".split()) or type(error).__name__
    return (text if isinstance(error, PublishError) else f"{what}: {text}")[:FAILURE_CHARACTERS_MAX]


def _write_note(catalog: SqlCatalog, lake: str, note: dict[str, object]) -> None:
    """Readers never see a partial note: in a folder, a finished draft is renamed; a store replaces whole objects."""
    text = json.dumps(note).encode()
    path = f"{lake}/{NOTE}"
    if not path.startswith("file://"):
        with catalog._load_file_io(location=path).new_output(path).create(overwrite=True) as stream:
            stream.write(text)
        return
    local = path.removeprefix("file://")
    draft = f"{local}-{uuid.uuid4()}.draft"
    os.makedirs(os.path.dirname(local), exist_ok=True)  # noqa: PTH103, PTH120 - it is part of a URL
    with open(draft, "wb") as stream:  # noqa: PTH123
        stream.write(text)
    os.replace(draft, local)  # noqa: PTH105


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", required=True, help="folder or URL that the archive service writes to")
    parser.add_argument(
        "--catalog",
        default=os.environ.get("ICEBERG_CATALOG_URL"),
        help="sqlite:///path or postgresql://… (default: ICEBERG_CATALOG_URL, or a SQLite file in a lake's folder)",
    )
    parser.add_argument("--topic", action="append", choices=TOPICS, help="only this topic; may be repeated")
    parser.add_argument(
        "--every",
        type=float,
        default=0,
        help="minutes between rounds (default: a single round); without --topic, the result is recorded in the lake",
    )
    parser.add_argument(
        "--keep-hours", type=float, default=KEEP_HOURS_DEFAULT, help="hours for which snapshots are kept (default: 24)"
    )
    parser.add_argument(
        "--days",
        type=int,
        help="number of newest days to publish, fewer than the bucket keeps readable (default: all)",
    )
    given = parser.parse_args()
    if not 0 <= given.every <= EVERY_MINUTES_MAX:
        parser.error(f"--every is {given.every}: specify up to {EVERY_MINUTES_MAX} minutes")
    if given.days is not None and given.days < 1:
        parser.error(f"--days is {given.days}: specify at least 1")
    return given


def catalog_url(given: str | None, lake: str) -> str:
    """Raises PublishError if no catalog is given for a lake in a bucket."""
    if given:
        return given
    if not lake.startswith("file://"):
        raise PublishError("A lake in a bucket needs a catalog: set ICEBERG_CATALOG_URL, or specify --catalog.")
    return f"sqlite:///{lake.removeprefix('file://')}/{FOLDER}/catalog.db"


def main() -> None:
    given = parse_arguments()
    stopped = threading.Event()
    # A commit is not interrupted; the process ends before the next table.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        sign_in(os.environ)
        lake = lake_location(given.lake)
        url = catalog_url(given.catalog, lake)
    except PublishError as error:
        sys.exit(f"error: {error}")
    limits = Limits(timedelta(hours=given.keep_hours), given.days, timedelta(minutes=given.every))
    noted = given.every > 0 and given.topic is None
    topics = given.topic or TOPICS
    catalog: SqlCatalog | None = None
    while not stopped.is_set():
        failure: str | None
        try:
            catalog = catalog or open_catalog(url, lake)
            failure = publish_all(catalog, lake, (one for one in topics if not stopped.is_set()), limits, noted=noted)
        except (PublishError, OSError) as error:
            failure = _sentence(error, "The lake cannot be published")
        if failure is not None:
            sys.stderr.write(f"error: {failure}\n")
        if given.every == 0:
            sys.exit(0 if failure is None else 1)
        stopped.wait(given.every * 60)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
