"""Columns in memory-mapped temporary files, for more rows than fit into memory.

When memory is scarce, the system writes mapped pages to disk, so they do not count as the process's own memory. On a
RAM disk, temporary files do need memory: set TMPDIR to another folder.
"""

import math
import os
import sys
import tempfile
from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tripline_training.errors import TrainingError

CHUNK_ROWS = 65_536
"""Rows that are read, copied or predicted together."""


def mapped_array(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[np.generic]:
    """An array of zeros. Its file has no name, so its disk space is freed with the array, even after a kill -9.

    Raises TrainingError if there is not enough disk space.
    """
    if 0 in shape:
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile(prefix="tripline-rows-") as file:
        _reserve(file.fileno(), math.prod(shape) * np.dtype(dtype).itemsize)
        return np.asarray(np.memmap(file, dtype=dtype, mode="w+", shape=shape))


def _reserve(file: int, size: int) -> None:
    """Reserves disk space. Otherwise, on a full disk, the first write to a page ends the process with SIGBUS."""
    if sys.platform == "darwin":
        return
    try:
        os.posix_fallocate(file, 0, size)
    except OSError as error:
        raise TrainingError(
            f"{tempfile.gettempdir()} has no space for {size / 1e9:.1f} GB of rows ({error.strerror}): free some "
            "space, or set TMPDIR to a folder on a larger disk."
        ) from error


def mapped_selection(
    column: NDArray[np.generic], which: NDArray[np.bool_] | NDArray[np.int64]
) -> NDArray[np.generic]:
    """Like `column[which]`: a view of consecutive rows, otherwise a mapped copy."""
    positions = np.flatnonzero(which) if which.dtype == np.bool_ else which
    if len(positions) == 0 or (np.diff(positions) == 1).all():
        first = int(positions[0]) if len(positions) else 0
        return column[first : first + len(positions)]
    chosen = mapped_array((len(positions), *column.shape[1:]), column.dtype)
    for part in chunks_of(len(positions)):
        chosen[part] = column[positions[part]]
    return chosen


def chunks_of(rows: int) -> Iterator[slice]:
    for first in range(0, rows, CHUNK_ROWS):
        yield slice(first, min(first + CHUNK_ROWS, rows))
