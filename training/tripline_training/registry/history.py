"""The moves of a model's aliases in a `file://` registry, in the layout of packages/model-registry:

    <root>/models/<name>/history/<number>/move.json     a move; the file `done` next to it once the alias is written

Only one process can take a number, and the next number can be taken only once that move is done or its process is dead.
Moves of one model are therefore sequential, whichever processes make them, and a killed process does not block others.
"""

import json
import os
import random
import re
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tripline_training.errors import TrainingError
from tripline_training.registry.names import MOVES_KEPT, Move, parse_move
from tripline_training.registry.write import write_folder

MOVE_SECONDS_MAX = 15.0
"""A move takes milliseconds. One that began longer ago than this counts as dead."""
TURN_SECONDS_MAX = 60.0
TURN_LOOK_SECONDS = 0.01
MOVE_FILE = "move.json"
DONE_FILE = "done"
ABANDONED_FILE = "abandoned"
NUMBER_PATTERN = re.compile(r"\d{8}")


def make_move(
    history: Path,
    read_alias: Callable[[], str | None],
    write_alias: Callable[[str], None],
    compose: Callable[[str | None], Move],
) -> Move:
    """Moves an alias when it is this process's turn; `compose` creates the move from the alias's current version."""
    history.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + TURN_SECONDS_MAX
    while time.monotonic() < deadline:
        newest = _newest(history)
        if newest > 0 and _is_in_progress(_path(history, newest)):
            time.sleep(TURN_LOOK_SECONDS * (0.5 + random.random()))
            continue
        move = compose(read_alias())
        own = _path(history, newest + 1)
        record = {**move.as_json(), "host": socket.gethostname(), "process": os.getpid()}
        if write_folder(own, {MOVE_FILE: _text_of(record)}):
            _carry_out(history, newest + 1, partial(write_alias, move.to))
            return move
    raise TrainingError(f"Other processes kept moving aliases for {TURN_SECONDS_MAX:.0f} s ({history}): try again.")


def read_moves(history: Path, read_alias: Callable[[str], str | None]) -> list[Move]:
    """All completed moves, oldest first."""
    took: list[Move] = []
    after: dict[str, str | None] = {}
    for number in sorted(_numbers(history), reverse=True):
        record = _read(_path(history, number))
        if record is None:
            continue
        move = parse_move(record, str(_path(history, number)))
        following = after[move.alias] if move.alias in after else read_alias(move.alias)
        # A process that was killed between its record and its move did not move anything.
        if following == move.to or (_path(history, number) / DONE_FILE).exists():
            took.insert(0, move)
        after[move.alias] = move.from_version
    return took


def _carry_out(history: Path, own: int, write: Callable[[], None]) -> None:
    """Writes the alias while the number is ours, and then releases it, even after a failure."""
    # A process that was suspended must not overwrite moves that others have made since.
    if _newest(history) != own:
        (_path(history, own) / ABANDONED_FILE).touch()
        raise TrainingError(f"Another process has moved aliases ({history}). Try again.")
    try:
        write()
    except BaseException:
        (_path(history, own) / ABANDONED_FILE).touch()
        raise
    (_path(history, own) / DONE_FILE).touch()
    for number in _numbers(history):
        if number <= own - MOVES_KEPT:
            shutil.rmtree(_path(history, number), ignore_errors=True)


def _is_in_progress(folder: Path) -> bool:
    if (folder / DONE_FILE).exists() or (folder / ABANDONED_FILE).exists():
        return False
    record = _read(folder)
    if record is None:
        return False
    if record.get("host") == socket.gethostname() and not _is_alive(int(record.get("process", 0))):
        return False
    try:
        return time.time() - folder.stat().st_mtime < MOVE_SECONDS_MAX
    except FileNotFoundError:
        return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _text_of(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


def _read(folder: Path) -> dict[str, Any] | None:
    """None if it was deleted in the meantime."""
    try:
        record: dict[str, Any] = json.loads((folder / MOVE_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return record


def _newest(history: Path) -> int:
    return max(_numbers(history), default=0)


def _numbers(history: Path) -> list[int]:
    if not history.is_dir():
        return []
    return [int(path.name) for path in history.iterdir() if NUMBER_PATTERN.fullmatch(path.name)]


def _path(history: Path, number: int) -> Path:
    return history / f"{number:08d}"
