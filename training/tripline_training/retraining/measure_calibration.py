"""Whether scores are calibrated where the policy acts: ratios of observed to expected frauds, and log loss."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXPECTED_MIN = 10
"""With fewer expected frauds above a band, the ratio is meaningless. It counts rows: weights add no certainty."""
SCORE_MIN = 1e-7
"""Smaller scores would make one fraud outweigh all other payments in the log loss."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BandRatio:
    """The payments with at least this score. The expected number of frauds is the sum of their scores."""

    at_least: float
    observed: float
    expected: float
    low: float
    """95 % interval of observed / expected."""
    high: float
    champion: float | None
    """Observed / expected for the payments that the champion scores at least this high; None if it expects too few
    frauds among them."""

    @property
    def ratio(self) -> float:
        return self.observed / self.expected

    def as_json(self) -> dict[str, float | int]:
        return {
            "at_least": self.at_least,
            "observed": round(self.observed),
            "expected": self.expected,
            "ratio": self.ratio,
            "low": self.low,
            "high": self.high,
        }


def ratios(scores: Floats, fraud: NDArray[np.int64], times: Floats, bands: tuple[float, ...]) -> Floats:
    """Observed / expected overall and above each band; NaN if nothing is expected. `times`: the weight of each row."""
    values = []
    for band in (0.0, *bands):
        above = times * (scores >= band)
        expected = float(above @ scores)
        values.append(float(above @ fraud) / expected if expected > 0 else np.nan)
    return np.array(values)


def losses(scores: Floats, fraud: NDArray[np.int64]) -> Floats:
    """The log loss of each row."""
    clipped = np.clip(scores, SCORE_MIN, 1 - SCORE_MIN)
    return -np.where(fraud == 1, np.log(clipped), np.log1p(-clipped))


def describe_bands(
    scores: tuple[Floats, Floats],
    fraud: NDArray[np.int64],
    bands: tuple[float, ...],
    draws: Floats,
    times: Floats | None = None,
) -> list[BandRatio]:
    """`scores` are those of the candidate and of the champion; `draws` are bootstrapped `ratios` of the candidate.

    `times` is the weight of each row; by default, all rows count equally.
    """
    new, champion = scores
    weights = np.ones(len(fraud)) if times is None else times
    found = []
    for at, band in enumerate((0.0, *bands)):
        observed, expected = _above(band, new, fraud, weights)
        drawn = draws[:, at][np.isfinite(draws[:, at])]
        if not _has_enough(band, new) or len(drawn) == 0:
            continue
        low, high = np.percentile(drawn, (2.5, 97.5))
        of_champion, by_champion = _above(band, champion, fraud, weights)
        ratio = of_champion / by_champion if _has_enough(band, champion) else None
        found.append(BandRatio(band, observed, expected, float(low), float(high), ratio))
    return found


def _has_enough(band: float, scores: Floats) -> bool:
    return float(scores[scores >= band].sum()) >= EXPECTED_MIN


def _above(band: float, scores: Floats, fraud: NDArray[np.int64], times: Floats) -> tuple[float, float]:
    """Observed and expected frauds of the payments with at least this score."""
    above = times * (scores >= band)
    return float(above @ fraud), float(above @ scores)


def why_not_calibrated(bands: list[BandRatio], ratio_max: float, has_champion: bool) -> str | None:  # noqa: FBT001
    """A clause about the first band whose scores are not calibrated; None if there is none.

    A deviation counts if it exceeds `ratio_max`, is statistically significant, and is larger than the champion's.
    Otherwise, a change in the fraud rate would protect a champion whose calibration is even worse.
    """
    for band in bands:
        distance = _distance(band.ratio)
        of_champion = _distance(band.champion) if has_champion and band.champion is not None else 0.0
        is_chance = band.low <= 1 <= band.high
        if distance > np.log(ratio_max) and not is_chance and not distance <= of_champion:
            where = f"at or above {band.at_least:g}" if band.at_least > 0 else "overall"
            return (
                f"its scores are not calibrated {where}: {band.observed:.0f} frauds were observed and "
                f"{band.expected:.0f} expected, a ratio of {band.ratio:.2f} with a 95 % interval from {band.low:.2f} "
                f"to {band.high:.2f}, "
                f"and {1 / ratio_max:.2f} to {ratio_max:.2f} is allowed."
            )
    return None


def _distance(ratio: float) -> float:
    """The distance from 1 on a logarithmic scale."""
    return abs(float(np.log(ratio))) if ratio > 0 else np.inf
