"""The model with which a chain of champions that were only as good as their predecessors is compared."""

from dataclasses import dataclass

import numpy as np

from tripline_training.data.dataset import Rows
from tripline_training.data.feature_spec import FeatureSpec
from tripline_training.errors import TrainingError
from tripline_training.evaluation.measures import average_precision, counts_from_top, rank_scores
from tripline_training.registry import registry
from tripline_training.registry.names import RegistryCallError
from tripline_training.trees.export_onnx import predict_onnx

REFERENCE_KEY = "reference"
"""Key under `retrain` in a manifest's metrics; only present in models that were only as good as the champion."""


@dataclass(frozen=True)
class Reference:
    """The last champion that was promoted for being better."""

    version: str
    ap: float | None
    """Average precision on the newest weeks; None if it cannot score these payments."""


def find_reference(
    store: registry.Store, champion: registry.ModelVersion | None, rows: Rows, spec: FeatureSpec
) -> Reference | None:
    """None if the champion itself was better, or nothing is known about it. Raises if the registry does not respond."""
    retrained = None if champion is None else champion.manifest["metrics"].get("retrain")
    version = retrained.get(REFERENCE_KEY) if isinstance(retrained, dict) else None
    if champion is None or version is None:
        return None
    try:
        found = registry.resolve(store, champion.name, version)
    except RegistryCallError:
        raise
    except TrainingError:
        return Reference(version, None)
    if (found.manifest["feature_spec_version"], tuple(found.manifest["features"])) != (spec.version, spec.names):
        return Reference(version, None)
    ranking = rank_scores(predict_onnx(found.model, rows.features).astype(np.float64))
    times = np.ones(len(rows)) if rows.weights is None else rows.weights
    return Reference(version, average_precision(*counts_from_top(ranking, rows.fraud, times)))
