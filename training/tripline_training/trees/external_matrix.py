"""Training rows as XGBoost's quantised matrix on disk, for more rows than fit into memory."""

import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.data.mapped_rows import CHUNK_ROWS
from tripline_training.trees.categories import Encoding

BATCH_ROWS = 4 * CHUNK_ROWS
"""Rows in a page of the matrix. Every level of a tree reads all pages, and each page costs a fixed time."""


class _Batches(xgboost.DataIter):
    def __init__(self, rows: Rows, encoding: Encoding, weights: NDArray[np.float64] | None, cache: Path) -> None:
        super().__init__(cache_prefix=str(cache), release_data=True)
        self._rows, self._encoding, self._weights = rows, encoding, weights
        self._first = 0

    def next(self, input_data: Callable[..., Any]) -> bool:
        part = slice(self._first, self._first + BATCH_ROWS)
        if self._first >= len(self._rows):
            return False
        input_data(
            data=self._encoding.encode(self._rows.features[part]),
            label=self._rows.fraud[part],
            weight=None if self._weights is None else self._weights[part],
        )
        self._first = part.stop
        return True

    def reset(self) -> None:
        self._first = 0


class ExternalMatrix(xgboost.ExtMemQuantileDMatrix):
    """A matrix whose pages are in a temporary folder, which exists as long as the matrix."""

    def __init__(
        self, rows: Rows, encoding: Encoding, weights: NDArray[np.float64] | None, max_bin: int, jobs: int
    ) -> None:
        folder = tempfile.mkdtemp(prefix="tripline-matrix-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        batches = _Batches(rows, encoding, weights, Path(folder) / "rows")
        super().__init__(batches, max_bin=max_bin, nthread=jobs)
