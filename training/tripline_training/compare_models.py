"""Trains XGBoost, LightGBM, the mean of both and the scorecard on the same days, and measures all on later ones.

python -m tripline_training.compare_models --features features.parquet --feature-spec feature-spec.yaml \\
    --train-from 2026-01-15 --train-to 2026-02-07 --calibrate-from 2026-02-08 --calibrate-to 2026-02-14 \\
    --valid-from 2026-02-22 --valid-to 2026-02-28 --kind ensemble --output model.onnx

--output writes the model of --kind after comparing it row by row with its trainers. Needs the environment `models`.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray

from tripline_training.check_data import check_before_training
from tripline_training.data.dataset import Rows, Span, open_dataset, parse_span
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.errors import TrainingError, run_command
from tripline_training.metrics import Quality, expected_calibration_error, measure
from tripline_training.models.compose_onnx import compose_onnx
from tripline_training.models.fit_lightgbm import fit_lightgbm, margins_of_lightgbm
from tripline_training.models.scorecard import calibrate_card, fit_scorecard, margins_of_card, probabilities_of
from tripline_training.models.tree_nodes import lightgbm_node, xgboost_node
from tripline_training.selection.choose_features import only_features
from tripline_training.trees.calibration import Platt, fit_platt, margins_of
from tripline_training.trees.export_onnx import DIFFERENCE_MAX, edge_rows, predict_onnx
from tripline_training.trees.fit_trees import fit
from tripline_training.trees.params import DEFAULT_PARAMS, read_params

KINDS = ("xgboost", "lightgbm", "ensemble")
EDGE_ROWS = 2_000


@dataclass(frozen=True)
class Trained:
    """The members of a model; the mean of their log odds is calibrated."""

    xgboost: xgboost.Booster | None
    lightgbm: lightgbm.Booster | None
    platt: Platt

    def margins(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log odds before the calibration."""
        members = [margins_of(self.xgboost, features)] if self.xgboost is not None else []
        members += [margins_of_lightgbm(self.lightgbm, features)] if self.lightgbm is not None else []
        mean: NDArray[np.float64] = np.mean(members, axis=0)
        return mean

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        return probabilities_of(self.platt.slope * self.margins(features) + self.platt.intercept)

    def to_onnx(self, width: int) -> bytes:
        nodes = [xgboost_node(self.xgboost, "xgboost_margin")] if self.xgboost is not None else []
        nodes += [lightgbm_node(self.lightgbm, "lightgbm_margin")] if self.lightgbm is not None else []
        return compose_onnx(nodes, width, self.platt)


@dataclass(frozen=True)
class Options:
    features: Path
    feature_spec: Path
    train: Span
    calibrate: Span
    valid: Span
    params: Path
    seed: int
    jobs: int
    kind: str
    output: Path | None


def calibrate_members(xgb: xgboost.Booster | None, lgbm: lightgbm.Booster | None, held_out: Rows) -> Trained:
    plain = Trained(xgb, lgbm, Platt(1.0, 0.0))
    return Trained(xgb, lgbm, fit_platt(plain.margins(held_out.features), held_out.fraud, held_out.weights))


def check_onnx(trained: Trained, model: bytes, features: NDArray[np.float32], seed: int) -> float:
    """The largest difference on these rows and on rows at the thresholds. Raises TrainingError if it exceeds 1e-5."""
    rows = features
    if trained.xgboost is not None:
        rows = np.concatenate([rows, edge_rows(trained.xgboost, EDGE_ROWS, seed)])
    if trained.lightgbm is not None:
        rows = np.concatenate([rows, lightgbm_edge_rows(trained.lightgbm, EDGE_ROWS, seed)])
    rows = rows[np.isfinite(rows).all(axis=1)]
    difference = float(np.abs(trained.probabilities(rows) - predict_onnx(model, rows)).max())
    if not difference <= DIFFERENCE_MAX:
        raise TrainingError(f"The ONNX model differs from the trained one by {difference:.3g}.")
    return difference


def lightgbm_edge_rows(booster: lightgbm.Booster, count: int, seed: int) -> NDArray[np.float32]:
    """Each value is a threshold of its feature rounded to float32, or an adjacent float."""
    found: list[list[float]] = [[0.0] for _ in range(booster.num_feature())]
    opened = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    while opened:
        node = opened.pop()
        if "split_feature" in node:
            found[int(node["split_feature"])].append(float(node["threshold"]))
            opened += [node["left_child"], node["right_child"]]
    random = np.random.default_rng(seed)
    columns = []
    for values in found:
        edges = np.unique(np.array(values, dtype=np.float32))
        beside = [np.nextafter(edges, np.float32(side)) for side in (-np.inf, np.inf)]
        columns.append(random.choice(np.concatenate([edges, *beside]), count))
    return np.column_stack(columns).astype(np.float32)


def compare_models(options: Options) -> dict[str, tuple[Quality, float]]:
    """The quality and calibration error of each kind of model on the later days. Writes and checks the requested model.
    """
    check_before_training(options.features, options.feature_spec)
    spec = read_feature_spec(options.feature_spec)
    dataset = open_dataset(options.features, spec)
    params = read_params(options.params)
    rows, _ = dataset.known_rows(options.train, options.valid.from_ms, genuine_share=params.genuine_share)
    held_out, _ = dataset.known_rows(options.calibrate, options.valid.from_ms)
    later = dataset.rows_with_truth(options.valid)
    for name, part in (("train", rows), ("calibrate", held_out), ("valid", later)):
        if len(part) == 0 or int(part.fraud.sum()) in (0, len(part)):
            raise TrainingError(
                f"--{name}-from to --{name}-to have {len(part)} labelled payments, all fraud or all genuine."
            )
    # A mean of boosters has no vocabularies, so none of them uses categories.
    rows = only_features(rows, spec, set(spec.names) - set(spec.categories))
    xgb = fit(rows, params, options.seed, options.jobs)
    lgbm = fit_lightgbm(rows, params, options.seed, options.jobs)
    kinds = {
        "xgboost": calibrate_members(xgb, None, held_out),
        "lightgbm": calibrate_members(None, lgbm, held_out),
        "ensemble": calibrate_members(xgb, lgbm, held_out),
    }
    card = fit_scorecard(rows.features, rows.fraud, spec.names, spec.version, rows.categories, weights=rows.weights)
    margins = margins_of_card(card, held_out.features, spec.names)
    card = calibrate_card(card, margins, held_out.fraud, held_out.weights)
    scores = {kind: trained.probabilities(later.features) for kind, trained in kinds.items()}
    scores["scorecard"] = probabilities_of(margins_of_card(card, later.features, spec.names))
    if options.output is not None:
        model = kinds[options.kind].to_onnx(len(spec.names))
        difference = check_onnx(kinds[options.kind], model, later.features, options.seed)
        options.output.write_bytes(model)
        print(f"export: kind={options.kind} bytes={len(model)} difference_max={difference:.2g}")
    return {kind: _measure(later, values) for kind, values in scores.items()}


def _measure(rows: Rows, scores: NDArray[np.float64]) -> tuple[Quality, float]:
    quality = measure(rows.occurred_at_ms, rows.cards, scores, rows.fraud, rows.weights)
    return quality, expected_calibration_error(scores, rows.fraud, same_mass=True, weights=rows.weights)


def table_of(measured: dict[str, tuple[Quality, float]]) -> str:
    lines = [f"{'':12}{'AP':>8}{'AUC ROC':>10}{'CP@100':>9}{'ECE':>9}"]
    lines += [
        f"{kind:12}{quality.average_precision:8.4f}{quality.auc_roc:10.4f}{quality.card_precision_at_100:9.4f}{error:9.5f}"
        for kind, (quality, error) in measured.items()
    ]
    return "\n".join(lines)


def parse_options(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(prog="tripline_training.compare_models", description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="Parquet file of tripline backfill")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parts = {"train": "to learn from", "calibrate": "to calibrate on", "valid": "to measure on"}
    for part, words in parts.items():
        parser.add_argument(f"--{part}-from", required=True, help=f"first payment {words}: date (UTC) or time")
        parser.add_argument(f"--{part}-to", required=True, help="inclusive for a date, exclusive for a time")
    parser.add_argument("--params", type=Path, default=DEFAULT_PARAMS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS, default="ensemble", help="which model --output gets")
    parser.add_argument("--output", type=Path, help="where to write the ONNX model")
    given = parser.parse_args(arguments)
    spans = {part: parse_span(getattr(given, f"{part}_from"), getattr(given, f"{part}_to")) for part in parts}
    if not spans["train"].to_ms <= spans["calibrate"].from_ms <= spans["calibrate"].to_ms <= spans["valid"].from_ms:
        raise TrainingError(
            "The days for training, calibration and evaluation must be in this order and must not overlap."
        )
    return Options(
        features=given.features,
        feature_spec=given.feature_spec,
        **spans,
        params=given.params,
        seed=given.seed,
        jobs=given.jobs,
        kind=given.kind,
        output=given.output,
    )


def main(arguments: list[str] | None = None) -> None:
    print(table_of(compare_models(parse_options(arguments))))


if __name__ == "__main__":
    run_command(main)
