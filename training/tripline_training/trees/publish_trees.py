"""Publishes fitted trees in the registry: export, comparison with the trainer, golden batch, manifest."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.data.feature_spec import FeatureSpec
from tripline_training.registry import registry
from tripline_training.steps import step
from tripline_training.trees.categories import encoding_of
from tripline_training.trees.export_onnx import INPUT_NAME, OUTPUT_NAME, Predict, check_export, predict_booster, to_onnx
from tripline_training.trees.tensor_twin import check_twin, tensor_twin

GOLDEN_ROWS = 256
COMPARED_ROWS_MAX = 20_000
SCORECARD_KEY = "tripline.scorecard"
TWIN_SEED = 1


@dataclass(frozen=True)
class Lineage:
    """The origin of a model."""

    data: Path
    commit: str | None
    params: dict[str, Any]
    known_by_ms: int
    """Labels that arrived later were not used."""


def export_checked(booster: xgboost.Booster, rows: Rows, seed: int, scorecard: bytes | None) -> bytes:
    """The ONNX model. Raises TrainingError if its probabilities differ from XGBoost's.

    The model names its scorecard, so that a version, whose name is derived from the model's bytes, has exactly one
    scorecard.
    """
    with step("export") as said:
        metadata = {} if scorecard is None else {SCORECARD_KEY: registry.sha256_hex(scorecard)}
        model = to_onnx(booster, metadata)
        compared = rows.features[spread(len(rows), COMPARED_ROWS_MAX)]
        count, difference = check_export(booster, model, compared, seed)
        said.says(f"bytes={len(model)} compared_rows={count} difference_max={difference:.2g}")
    return model


def files_of(booster: xgboost.Booster, model: bytes, rows: Rows, scorecard: bytes | None) -> dict[str, bytes]:
    """The files of a version except its manifest. Raises TrainingError if the tensor twin differs from the trees."""
    golden = golden_batch(booster, rows.features)
    return {
        registry.MODEL_FILE: model,
        registry.GOLDEN_FILE: golden,
        registry.BOOSTER_FILE: bytes(booster.save_raw("json")),
        **twin_file(model, golden),
        **({} if scorecard is None else {registry.SCORECARD_FILE: scorecard}),
    }


def twin_file(model: bytes, golden: bytes) -> dict[str, bytes]:
    """The tensor twin of a model with trees, after it was compared with the model; nothing if the model has no twin."""
    with step("twin") as said:
        twin = tensor_twin(model)
        if twin is None:
            said.says("none: the model has no trees, or its trees are too large")
            return {}
        rows = np.array(json.loads(golden)["inputs"], dtype=np.float32)
        count, difference = check_twin(model, twin, rows, TWIN_SEED)
        said.says(f"bytes={len(twin)} compared_rows={count} difference_max={difference:.2g}")
    return {registry.TWIN_FILE: twin}


def golden_batch(booster: xgboost.Booster, features: NDArray[np.float32]) -> bytes:
    """The probabilities of XGBoost's own trees."""
    return golden_of(lambda rows: predict_booster(booster, rows), features)


def golden_of(predict: Predict, features: NDArray[np.float32]) -> bytes:
    """Rows from the least to the most suspicious, with the trainer's own probabilities, as golden.json."""
    scores = predict(features)
    chosen = features[np.argsort(scores, kind="stable")[spread(len(features), GOLDEN_ROWS)]]
    outputs = predict(chosen)
    return (json.dumps({"inputs": chosen.tolist(), "outputs": outputs.tolist()}, allow_nan=False) + "\n").encode()


def vocabulary_facts(booster: xgboost.Booster, spec: FeatureSpec) -> dict[str, Any]:
    """The manifest's entry about the category values that the model knows; empty without categories."""
    categories = encoding_of(booster).as_facts(spec.names)
    return {"categories": categories} if categories else {}


def compose_facts(
    spec: FeatureSpec, used: Sequence[str], rows: Rows, metrics: dict[str, Any], lineage: Lineage
) -> dict[str, Any]:
    """The manifest's entries apart from the registry's own entries. `rows` are the training rows.

    `used` are the features that the model uses; the values of other features do not affect the score.
    """
    now = moment(round(time.time() * 1000))
    first, last = moment(int(rows.occurred_at_ms[0])), moment(int(rows.occurred_at_ms[-1]))
    trained_on = {"rows": len(rows), "frauds": int(rows.fraud.sum()), "first": first, "last": last}
    return {
        "created_at": now,
        "feature_spec_version": spec.version,
        "features": list(spec.names),
        "used_features": list(used),
        "input": {"name": INPUT_NAME, "datatype": "FP32", "shape": [-1, len(spec.names)]},
        "output": {"name": OUTPUT_NAME, "datatype": "FP32", "shape": [-1, 1]},
        "metrics": {"train": trained_on, **metrics},
        "lineage": {
            "data_sha256": file_sha256(lineage.data),
            "commit": lineage.commit,
            "params": lineage.params,
            "trained_at": now,
            "known_by": moment(lineage.known_by_ms),
            "data_from": first,
            "data_to": last,
        },
    }


def moment(time_ms: int) -> str:
    """A time as RFC 3339 in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def spread(count: int, wanted: int) -> NDArray[np.int64]:
    """At most `wanted` positions, evenly spaced from 0 to count - 1, both inclusive."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64))


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
