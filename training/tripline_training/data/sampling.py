"""Samples of payments. All programs choose the same sample, by the hash of an id; weights prevent bias.

The hash is the first 32 bits of the text's MD5, in hexadecimal. packages/model-loop/src/retraining/
sample-payments.ts samples the lake with the same condition, and writes the shares to the file.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.tables import query, sql_text

HASHES = 2**32


@dataclass(frozen=True)
class Shares:
    """Shares of the payments of a file or of some rows, from 0 to 1."""

    frauds: float = 1.0
    genuine: float = 1.0
    cards: float = 1.0
    """Share of the cards whose labelled payments are all included."""

    @property
    def has_all(self) -> bool:
        return self == EVERYTHING

    def weights(self, fraud: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """The number of payments that each row represents; None if each row represents only itself."""
        if self.frauds == 1 and self.genuine == 1:
            return None
        return np.where(fraud == 1, 1 / self.frauds, 1 / self.genuine)


EVERYTHING = Shares()
KEYS = {"fraud_share": "frauds", "genuine_share": "genuine", "card_share": "cards"}


def metadata_of(path: Path) -> dict[str, float]:
    """The entries that packages/model-loop wrote to a Parquet file's metadata; empty for other files."""
    if path.suffix != ".parquet":
        return {}
    entries = query(f"SELECT decode(key), decode(value) FROM parquet_kv_metadata({sql_text(str(path))})").fetchall()
    return {key: float(value) for key, value in entries if key in (*KEYS, "label_delay_ms", "mature_before_ms")}


def mature_before_ms(path: Path) -> int:
    """Payments at or after this time have no verdict yet, even with a label; far in the future if all have one."""
    return int(metadata_of(path).get("mature_before_ms", 2**62))


def shares_of(path: Path) -> Shares:
    """The shares in the metadata of a Parquet file; `EVERYTHING` if it contains none."""
    return Shares(**{KEYS[key]: value for key, value in metadata_of(path).items() if key in KEYS})


def rounded(share: float) -> float:
    """The share that `is_sampled` actually chooses, so that 1 / share is the exact weight."""
    return max(1, round(share * HASHES)) / HASHES


def is_sampled(column: str, share: float) -> str:
    """SQL condition that samples rows by the hash of a column. A larger sample contains every smaller one."""
    if share == 1:
        return "true"
    return f"md5({column}) < '{round(share * HASHES):08x}'"


def sample_weighted(fraud: NDArray[np.int64], share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Positions of all frauds and of a random share of the genuine payments, and the weights of these rows."""
    if share == 1:
        return np.arange(len(fraud)), np.ones(len(fraud))
    chosen = np.flatnonzero((fraud == 1) | (np.random.default_rng(seed).random(len(fraud)) < share))
    return chosen, np.where(fraud[chosen] == 1, 1.0, 1 / share)
