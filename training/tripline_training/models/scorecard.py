"""A logistic scorecard: the probability of fraud when no model is available, simple enough for any language.

scorecard.json, format 1:

    {
      "format": "tripline-scorecard", "format_version": 1, "feature_spec_version": 2,
      "intercept": -4.2,
      "features": [{ "name": "amount", "edges": [10, 50], "weights": [-0.3, 0.1, 0.8] }]
    }

How to evaluate it: round each value and each edge to float32; a value's bin is the number of edges that do not exceed
it; add the weight of that bin to the intercept, feature by feature in the order of the file, in float64. The sum is the
log odds m of fraud, and the probability is 1 / (1 + exp(-m)). A feature has one more weight than it has edges, and its
edges are in ascending order. Calibration is already included in the weights.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tripline_training.errors import TrainingError
from tripline_training.trees.calibration import fit_platt

FORMAT = "tripline-scorecard"
FORMAT_VERSION = 1
BINS_MAX = 8
BIN_SHARE_MIN = 0.01
FEATURES_MAX = 20
INFORMATION_MIN = 0.02
"""Siddiqi, Credit Risk Scorecards, 2006: less than 0.02 predicts nothing."""
SMOOTHING = 0.5
ROUNDS_MAX = 20


@dataclass(frozen=True)
class ScoredFeature:
    name: str
    edges: tuple[float, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Scorecard:
    feature_spec_version: int
    intercept: float
    features: tuple[ScoredFeature, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "feature_spec_version": self.feature_spec_version,
            "intercept": self.intercept,
            "features": [
                {"name": part.name, "edges": list(part.edges), "weights": list(part.weights)} for part in self.features
            ],
        }


@dataclass(frozen=True)
class _Binned:
    position: int
    edges: NDArray[np.float32]
    evidence: NDArray[np.float64]
    """Weight of evidence of each bin: ln(its share of the frauds / its share of the genuine payments)."""
    information: float


def fit_scorecard(
    features: NDArray[np.float32],
    fraud: NDArray[np.int64],
    names: tuple[str, ...],
    feature_spec_version: int,
    categories: Collection[int] = (),
    *,
    weights: NDArray[np.float64] | None = None,
) -> Scorecard:
    """A logistic regression on the weight of evidence of the most informative features, in quantile bins.

    `categories` are the positions of features whose values have no order; a scorecard does not use them. `weights` are
    the numbers of payments that the rows represent. Omits features whose weight, in combination with the other
    features, would contradict their evidence. The same rows always produce the same scorecard. Raises TrainingError if
    nothing predicts fraud.
    """
    ordered = [position for position in range(len(names)) if position not in categories]
    binned = [_bin_feature(position, features[:, position], fraud) for position in ordered]
    chosen = sorted((b for b in binned if b.information >= INFORMATION_MIN), key=lambda b: (-b.information, b.position))
    chosen = chosen[:FEATURES_MAX]
    for _ in range(ROUNDS_MAX):
        if not chosen:
            break
        evidence = np.column_stack([b.evidence[_bins_of(features[:, b.position], b.edges)] for b in chosen])
        model = LogisticRegression(C=1.0, max_iter=1000, tol=1e-8).fit(evidence, fraud, weights)
        slopes = model.coef_[0]
        if (slopes > 0).all():
            parts = [
                ScoredFeature(
                    names[b.position],
                    tuple(float(edge) for edge in b.edges),
                    tuple(float(slope * value) for value in b.evidence),
                )
                for b, slope in zip(chosen, slopes, strict=True)
            ]
            return Scorecard(feature_spec_version, float(model.intercept_[0]), tuple(parts))
        chosen = [b for b, slope in zip(chosen, slopes, strict=True) if slope > 0]
    raise TrainingError("No feature separates fraud from other payments, so a scorecard cannot be created.")


def margins_of_card(card: Scorecard, features: NDArray[np.float32], names: tuple[str, ...]) -> NDArray[np.float64]:
    """The log odds for each row; `names` are the columns. Raises TrainingError if a feature is missing."""
    total = np.full(len(features), card.intercept)
    for part in card.features:
        if part.name not in names:
            raise TrainingError(f"The scorecard requires the feature {part.name}, which is missing.")
        values = features[:, names.index(part.name)]
        total = total + np.array(part.weights)[_bins_of(values, np.array(part.edges, dtype=np.float32))]
    return total


def probabilities_of(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-margins))


def calibrate_card(
    card: Scorecard,
    margins: NDArray[np.float64],
    fraud: NDArray[np.int64],
    weights: NDArray[np.float64] | None = None,
) -> Scorecard:
    """The card with Platt calibration in its weights, fitted on rows that were not used to make the card."""
    platt = fit_platt(margins, fraud, weights)
    parts = tuple(
        ScoredFeature(part.name, part.edges, tuple(platt.slope * weight for weight in part.weights))
        for part in card.features
    )
    return Scorecard(card.feature_spec_version, platt.slope * card.intercept + platt.intercept, parts)


def parse_scorecard(text: str) -> Scorecard:
    """Raises TrainingError that names what is wrong."""
    try:
        value = json.loads(text)
        if (value["format"], value["format_version"]) != (FORMAT, FORMAT_VERSION):
            raise TrainingError(f"This is not a scorecard of format {FORMAT} {FORMAT_VERSION}.")
        parts = tuple(
            ScoredFeature(str(part["name"]), _numbers(part["edges"]), _numbers(part["weights"]))
            for part in value["features"]
        )
        card = Scorecard(int(value["feature_spec_version"]), float(value["intercept"]), parts)
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"The scorecard cannot be read: {error!r}.") from error
    for part in parts:
        if len(part.weights) != len(part.edges) + 1:
            raise TrainingError(
                f"{part.name}: {len(part.edges)} edges require one more weight, not {len(part.weights)}."
            )
        if list(part.edges) != sorted(set(part.edges)):
            raise TrainingError(f"{part.name}: the edges must be in ascending order.")
        if not np.isfinite([*part.edges, *part.weights]).all():
            raise TrainingError(f"{part.name}: edges and weights must be finite.")
    return card


def _numbers(values: list[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _bins_of(values: NDArray[np.float32], edges: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.searchsorted(edges, values, side="right").astype(np.int64)


def _bin_feature(position: int, values: NDArray[np.float32], fraud: NDArray[np.int64]) -> _Binned:
    shares = np.linspace(0, 1, BINS_MAX + 1)[1:-1]
    # Fraud is rare, so the quantiles of the frauds are included to get enough bins where fraud occurs.
    candidates = np.concatenate(
        [np.quantile(part, shares, method="lower") for part in (values, values[fraud == 1]) if len(part)]
    )
    edges = np.unique(candidates.astype(np.float32))
    edges = _merge_small_bins(values, edges[edges > values.min()])
    bins = _bins_of(values, edges)
    frauds = np.bincount(bins[fraud == 1], minlength=len(edges) + 1) + SMOOTHING
    genuine = np.bincount(bins[fraud == 0], minlength=len(edges) + 1) + SMOOTHING
    p, q = frauds / frauds.sum(), genuine / genuine.sum()
    evidence = np.log(p / q)
    return _Binned(position, edges, evidence, float(np.sum((p - q) * evidence)))


def _merge_small_bins(values: NDArray[np.float32], edges: NDArray[np.float32]) -> NDArray[np.float32]:
    """Removes edges until every bin has its minimum share, from the first bin on; for the last bin, from the end."""
    least = BIN_SHARE_MIN * len(values)
    ordered = np.sort(values)
    kept: list[np.float32] = []
    begin = 0
    for edge in edges:
        at = int(np.searchsorted(ordered, edge, side="left"))
        if at - begin >= least and len(values) - at >= least:
            kept.append(edge)
            begin = at
    return np.array(kept, dtype=np.float32)
