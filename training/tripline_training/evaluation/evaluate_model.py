"""The contents of the report and the model card, as one JSON object."""

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tripline_training.data.dataset import Span
from tripline_training.evaluation.bootstrap import bootstrap
from tripline_training.evaluation.cost_matrix import CostMatrix, money_saved, savings_by_threshold
from tripline_training.evaluation.measures import calibration_bins, counts_from_top, rank_scores
from tripline_training.evaluation.read_scored import EvaluatedModel, Scored, score_payments
from tripline_training.evaluation.segments import measure_segments, missed_terminals
from tripline_training.registry import registry
from tripline_training.retraining.compare_money import money_of

CURVE_POINTS = 200
THRESHOLDS_FROM = 0.001


@dataclass(frozen=True)
class Evaluation:
    features: Path
    feature_spec: Path
    model: EvaluatedModel
    span: Span
    costs: CostMatrix
    replicates: int
    seed: int


def evaluate_model(options: Evaluation) -> dict[str, Any]:
    """Raises TrainingError if the model cannot be measured on these payments."""
    scored = score_payments(options.features, options.feature_spec, options.model, options.span)
    measures = bootstrap(scored, options.costs, options.replicates, options.seed)
    model = options.model
    manifest = model.manifest or {}
    return {
        "model": {
            "name": model.name,
            "sha256": registry.sha256_hex(model.model),
            "features": list(model.features),
            "used_features": list(manifest.get("used_features", model.features)),
            "selection": manifest.get("metrics", {}).get("selection", {}).get("groups", {}),
            "feature_spec_version": manifest.get("feature_spec_version"),
            "money": money_of(manifest),
        },
        "data": {
            "file": options.features.name,
            "sha256": _file_sha256(options.features),
            "from": _moment(options.span.from_ms),
            "to": _moment(options.span.to_ms),
            "rows": len(scored),
            "frauds": int(scored.fraud.sum()),
            "cards": len(np.unique(scored.cards)),
            "amount": float(scored.amounts.sum()),
            "fraud_amount": float(scored.amounts[scored.fraud == 1].sum()),
        },
        "bootstrap": {"replicates": options.replicates, "seed": options.seed, "unit": "card"},
        "measures": {name: estimate.as_json() for name, estimate in measures.items()},
        "costs": asdict(options.costs),
        "money": money_saved(options.costs, scored.amounts, scored.fraud, scored.scores, scored.weights).as_json(),
        "calibration": [asdict(part) for part in calibration_bins(scored.scores, scored.fraud, scored.weights)],
        "segments": [segment.as_json() for segment in measure_segments(scored, options.costs)],
        "missed_terminals": [asdict(terminal) for terminal in missed_terminals(scored, options.costs)],
        "curves": _curves(scored, options.costs),
    }


def _curves(scored: Scored, costs: CostMatrix) -> dict[str, list[float]]:
    frauds, genuine = counts_from_top(rank_scores(scored.scores), scored.fraud, scored.times)
    at = np.unique(np.geomspace(1, len(frauds), CURVE_POINTS).round().astype(np.int64)) - 1
    thresholds = np.geomspace(THRESHOLDS_FROM, 1, CURVE_POINTS)
    savings = savings_by_threshold(
        costs, scored.amounts, scored.fraud, scored.scores, thresholds, weights=scored.weights
    )
    return {
        "recall": (frauds[at] / frauds[-1]).tolist(),
        "precision": (frauds[at] / (frauds[at] + genuine[at])).tolist(),
        "false_positive_rate": (genuine[at] / genuine[-1]).tolist(),
        "threshold": thresholds.tolist(),
        "saved": savings.tolist(),
    }


def _moment(time_ms: int) -> str:
    try:
        return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError):
        return "the end of the file"


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
