"""Compares each served score with the score of the trainer's own model for the logged feature vector.

python -m tripline_training.check_scores --features logged.parquet --scores decisions.parquet \\
    --model /models/models/fraud/versions/0123456789ab
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xgboost

from tripline_training.data.tables import arrays, query, require_columns, sql_name
from tripline_training.errors import TrainingError, run_command
from tripline_training.registry import registry
from tripline_training.trees.export_onnx import DIFFERENCE_MAX, predict_booster


@dataclass(frozen=True)
class Comparison:
    rows: int
    difference_max: float
    worst_id: str


def check_scores(features: Path, scores: Path, model: Path) -> Comparison:
    """Raises TrainingError if a score has no logged vector, a vector has no score, or a difference exceeds 1e-5.

    `features` has client_transaction_id and each feature of the model, `scores` has client_transaction_id and score,
    and `model` is a version's folder in the registry.
    """
    booster, names = load_booster(model)
    logged = require_columns(features, ["client_transaction_id", *names])
    served = require_columns(scores, ["client_transaction_id", "score"])
    joined = (
        f"(SELECT client_transaction_id::VARCHAR AS logged_id, * FROM {logged}) AS logged FULL JOIN "
        f"(SELECT client_transaction_id::VARCHAR AS served_id, score::DOUBLE AS score FROM {served}) AS served "
        "ON logged_id = served_id"
    )
    rows, ids, unlogged, unscored = query(
        "SELECT count(*), count(DISTINCT coalesce(logged_id, served_id)), count(*) FILTER (logged_id IS NULL), "
        f"count(*) FILTER (logged_id IS NOT NULL AND score IS NULL) FROM {joined}"
    ).fetchall()[0]
    if rows == 0 or unlogged or unscored or rows != ids:
        raise TrainingError(
            f"{rows} rows cannot all be compared: {unlogged} have no logged features, {unscored} have no score, "
            f"{rows - ids} occur more than once."
        )
    columns = ", ".join(f"{sql_name(name)}::FLOAT AS {sql_name(name)}" for name in names)
    table = arrays(f"SELECT logged_id, score, {columns} FROM {joined} ORDER BY logged_id")
    vectors = np.column_stack([table[name].astype(np.float32) for name in names])
    difference = np.abs(predict_booster(booster, vectors).astype(np.float64) - table["score"].astype(np.float64))
    worst = int(np.argmax(np.nan_to_num(difference, nan=np.inf)))
    result = Comparison(int(rows), float(difference[worst]), str(table["logged_id"][worst]))
    if not result.difference_max <= DIFFERENCE_MAX:
        raise TrainingError(
            f"The score of {result.worst_id} differs by {result.difference_max:.3g} from the trainer's "
            f"(at most {DIFFERENCE_MAX:g})."
        )
    return result


def load_booster(model: Path) -> tuple[xgboost.Booster, list[str]]:
    """The trainer's own model for a published model, with its features in order. Verifies the model's hash."""
    try:
        manifest = json.loads((model / registry.MANIFEST_FILE).read_text(encoding="utf-8"))
        content = (model / registry.BOOSTER_FILE).read_bytes()
        names = [str(name) for name in manifest["features"]]
        expected = manifest["files"][registry.BOOSTER_FILE]
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(f"{model} cannot be read as a version that was trained here: {error!r}.") from error
    if registry.sha256_hex(content) != expected:
        raise TrainingError(f"{model / registry.BOOSTER_FILE} differs from the published file.")
    booster = xgboost.Booster()
    booster.load_model(bytearray(content))
    return booster, names


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="tripline_training.check_scores", description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="the feature vectors that were logged")
    parser.add_argument("--scores", type=Path, required=True, help="the scores that were served")
    parser.add_argument("--model", type=Path, required=True, help="folder of the version that served them")
    given = parser.parse_args(arguments)
    result = check_scores(given.features, given.scores, given.model)
    print(f"check-scores: rows={result.rows} difference_max={result.difference_max:.3g} worst={result.worst_id}")


if __name__ == "__main__":
    run_command(main)
