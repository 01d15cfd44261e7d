"""Writes atomically, so that readers see all or nothing, and durably, so that data survives a power failure."""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

TEMPORARY_PREFIX = ".tmp-"
TEMPORARY_SECONDS_MAX = 3_600
"""An older temporary entry belongs to a writer that died."""


def write_folder(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Creates a folder atomically. Returns False if another process was first; its folder is not changed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder.parent)
    unfinished = folder.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
    unfinished.mkdir()
    try:
        for name, content in files.items():
            write_durably(unfinished / name, content)
        _sync_folder(unfinished)
        try:
            unfinished.rename(folder)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    _sync_folder(folder.parent)
    return True


def write_file(path: Path, content: bytes) -> None:
    """Writes a file so that readers see either its old or its new content, but never a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path.parent)
    unfinished = path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
    try:
        write_durably(unfinished, content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_durably(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """Makes a folder's entries durable across a power failure. Windows cannot open folders and does not need this."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_abandoned(parent: Path) -> None:
    for path in parent.glob(f"{TEMPORARY_PREFIX}*"):
        try:
            age_seconds = time.time() - path.stat().st_mtime
        except FileNotFoundError:
            continue  # Its owner renamed it in the meantime, so it is not abandoned.
        if age_seconds < TEMPORARY_SECONDS_MAX:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
