"""Reads a topic's log in the lake; see docs/adr/0011-the-lake-has-a-log.md."""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pyiceberg.io import FileIO

FORMATS = (1, 2)
SEQUENCE_DIGITS = 16
READS_MAX = 16
"""Number of entries that are read in parallel."""


class PublishError(Exception):
    """The message is a sentence that says what is wrong and how to fix it."""


@dataclass(frozen=True)
class Tail:
    """The log up to one of its entries."""

    sequence: int
    """Number of the entry; 0 before the first."""
    entry_id: str
    positions: dict[int, int]
    """For each partition, the offset up to which all records are in the lake."""


EMPTY = Tail(0, "", {})


@dataclass(frozen=True)
class Change:
    """The combined effect of several entries on a topic's files."""

    tail: Tail
    added: frozenset[str]
    """Paths of the files."""
    removed: frozenset[str]

    def since(self, first_day: str, old: Iterable[str]) -> "Change":
        """The same change without files from before `first_day`, and with `old` also removed."""
        added = frozenset(path for path in self.added if day_of(path) >= first_day)
        return Change(self.tail, added, self.removed | frozenset(old))


def read_change(io: FileIO, folder: str, after: Tail) -> Change | None:
    """Returns the combined change of the entries after `after`; None if there are none.

    A file that one entry added and a later one replaced is neither added nor removed. The last entry is omitted if its
    writer has not moved its files to their final folders yet.

    Args:
        folder: the topic's folder, without a trailing slash.

    Raises:
        PublishError: if the log is not the one that `after` belongs to, or if this version cannot read it.
    """
    if after.sequence > 0:
        last = _read_entry(io, folder, after.sequence)
        if last is None or last["id"] != after.entry_id:
            raise PublishError(
                f"{folder} contains a different log from the one that was published. "
                "Drop the Iceberg table to publish it from the beginning."
            )
    added: set[str] = set()
    removed: set[str] = set()
    tail = after
    entries = _entries_after(io, folder, after.sequence)
    current = next(entries, None)
    while current is not None:
        following = next(entries, None)
        sequence, entry = current
        files = [file_path(folder, file["day"], sequence) for file in entry["files"]]
        # The files of earlier entries are in place; otherwise, the last entry would not exist.
        if following is None and not all(io.new_input(path).exists() for path in files):
            break
        for old in entry["replaces"]:
            path = file_path(folder, old["day"], old["sequence"])
            if path in added:
                added.discard(path)
            else:
                removed.add(path)
        added.update(files)
        positions = {int(partition): offset for partition, offset in entry["positions"].items()}
        tail = Tail(sequence, entry["id"], positions)
        current = following
    return None if tail is after else Change(tail, frozenset(added), frozenset(removed))


def file_path(folder: str, day: str, sequence: int) -> str:
    """The file with the rows that an entry added for a day."""
    return f"{folder}/day={day}/{_padded(sequence)}.parquet"


def day_of(path: str) -> str:
    """The day of a file, `YYYY-MM-DD`."""
    return path.rpartition("/day=")[2].partition("/")[0]


def _entries_after(io: FileIO, folder: str, after: int) -> Iterator[tuple[int, dict[str, Any]]]:
    with ThreadPoolExecutor(READS_MAX) as pool:
        while True:
            sequences = range(after + 1, after + 1 + READS_MAX)
            for sequence, entry in zip(
                sequences, pool.map(lambda number: _read_entry(io, folder, number), sequences), strict=True
            ):
                if entry is None:
                    return
                yield sequence, entry
            after += READS_MAX


def _read_entry(io: FileIO, folder: str, sequence: int) -> dict[str, Any] | None:
    path = f"{folder}/_log/{_padded(sequence)}.json"
    try:
        with io.new_input(path).open() as stream:
            text = stream.read()
    except FileNotFoundError:
        return None
    entry: dict[str, Any] = json.loads(text)
    if entry.get("format") not in FORMATS:
        raise PublishError(f"The log entry {path} has a newer format. Upgrade this program.")
    return entry


def _padded(sequence: int) -> str:
    return str(sequence).zfill(SEQUENCE_DIGITS)
