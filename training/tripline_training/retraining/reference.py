"""The model with which a chain of champions that were only as good as their predecessors is compared."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.data.feature_spec import FeatureSpec
from tripline_training.evaluation.measures import average_precision, counts_from_top, rank_scores
from tripline_training.registry import registry
from tripline_training.registry.names import NoVersionError
from tripline_training.retraining.compare_money import Money
from tripline_training.trees.export_onnx import predict_onnx

REFERENCE_KEY = "reference"
"""Key under `retrain` in a manifest's metrics; only present in models that were only as good as the champion."""

MoneyThan = Callable[[NDArray[np.float64], str], Money]
"""What the candidate saves compared with a model with these scores, which has this name."""


@dataclass(frozen=True)
class Reference:
    """The last champion that was promoted for being better."""

    version: str
    ap: float | None
    """Average precision on the newest weeks; None if it cannot score these payments."""
    money: Money | None = None
    """What the candidate saves compared with it; None if no costs are given."""


def find_reference(
    store: registry.Store,
    champion: registry.ModelVersion | None,
    rows: Rows,
    spec: FeatureSpec,
    money_than: MoneyThan | None = None,
) -> Reference | None:
    """None if the champion itself was better, or nothing is known about it. Raises if the registry does not respond, or
    the reference is damaged.
    """
    retrained = None if champion is None else champion.manifest["metrics"].get("retrain")
    version = retrained.get(REFERENCE_KEY) if isinstance(retrained, dict) else None
    if champion is None or version is None:
        return None
    try:
        found = registry.resolve(store, champion.name, version)
    except NoVersionError:
        return Reference(version, None)
    if (found.manifest["feature_spec_version"], tuple(found.manifest["features"])) != (spec.version, spec.names):
        return Reference(version, None)
    scores = predict_onnx(found.model, rows.features).astype(np.float64)
    times = np.ones(len(rows)) if rows.weights is None else rows.weights
    ap = average_precision(*counts_from_top(rank_scores(scores), rows.fraud, times))
    than = f"the last champion that was promoted for being better, {version}"
    return Reference(version, ap, None if money_than is None else money_than(scores, than))
