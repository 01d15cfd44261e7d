"""Trains and measures on the handbook's published folds, compared with the published results.

python -m tripline_training.bench_model --features features.parquet --folds handbook/folds \\
    --feature-spec ../packages/contracts/feature-spec.yaml

For each fold, trains on all days before its label delay, with the labels known when the assessed week began. Only the
features are chosen here, by forward folds within the training days; everything else is chosen with `--part validation`.
"""

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tripline_training.data.dataset import Dataset, Rows, Span, open_dataset
from tripline_training.data.days import DAY_MS
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.data.folds import fold_ids
from tripline_training.data.published import PARTS, PUBLISHED, PublishedFold, read_folds
from tripline_training.data.tables import query
from tripline_training.errors import TrainingError, run_command
from tripline_training.metrics import Quality, expected_calibration_error, measure
from tripline_training.selection.choose_features import Fitting, choose_features, only_features
from tripline_training.trees.export_onnx import check_export, predict_onnx, to_onnx
from tripline_training.trees.fit_calibrated import fit_calibrated, select_rows
from tripline_training.trees.params import DEFAULT_PARAMS, Params, read_params

WARM_UP_DAYS = 21
"""The first days are not used for training: their windows are mostly empty, and no label has arrived."""
COMPARED_ROWS_MAX = 20_000


@dataclass(frozen=True)
class FoldResult:
    fold: str
    trained_rows: int
    quality: Quality
    calibration_errors: tuple[float, float]
    """The error with bins of equal width, and with bins that have equal numbers of payments."""
    difference_max: float
    """The difference between the measured ONNX model and the trained one."""


def bench_fold(dataset: Dataset, fold: PublishedFold, params: Params, seed: int, jobs: int) -> FoldResult:
    """Trains, calibrates, exports and assesses one fold. Raises TrainingError if a row to assess is missing."""
    rows = training_rows(dataset, fold, params.genuine_share)
    chosen = choose_features(rows, dataset.spec, Fitting(params, seed, jobs, fold.delay_days * DAY_MS))
    rows = only_features(rows, dataset.spec, chosen.names)
    model = fit_calibrated(rows, params, seed, jobs, fold.delay_days * DAY_MS)
    onnx = to_onnx(model.booster)
    compared = rows.features[:: max(1, len(rows) // COMPARED_ROWS_MAX)]
    _, difference = check_export(model.booster, onnx, compared, seed)
    trained = len(rows)
    later = rows_to_assess(dataset, fold)
    scores = predict_onnx(onnx, later.features)
    return FoldResult(
        fold=fold.name,
        trained_rows=trained,
        quality=measure(later.occurred_at_ms, later.cards, scores, later.fraud, later.weights),
        calibration_errors=(
            expected_calibration_error(scores, later.fraud, same_mass=False, weights=later.weights),
            expected_calibration_error(scores, later.fraud, same_mass=True, weights=later.weights),
        ),
        difference_max=difference,
    )


def training_rows(dataset: Dataset, fold: PublishedFold, genuine_share: float = 1) -> Rows:
    """All payments after the warm-up and before the delay gap whose label was known when the assessed week began."""
    span = Span(0, fold.train_end_ms)
    rows, _ = dataset.known_rows(span, fold.assess.from_ms, genuine_share=genuine_share)
    start_ms = (int(rows.occurred_at_ms[0]) // DAY_MS + WARM_UP_DAYS) * DAY_MS if len(rows) else 0
    return select_rows(rows, rows.occurred_at_ms >= start_ms)


def rows_to_assess(dataset: Dataset, fold: PublishedFold) -> Rows:
    """Exactly the payments that the published split assesses."""
    wanted = {str(row[0]) for row in query(fold_ids(fold.path, "assess")).fetchall()}
    rows = dataset.rows_with_truth(fold.assess)
    found = select_rows(rows, np.fromiter((name in wanted for name in rows.ids), dtype=bool, count=len(rows)))
    if len(found) != len(wanted) or not wanted:
        raise TrainingError(
            f"{len(wanted) - len(found)} of the {len(wanted)} rows to assess in {fold.name} are missing."
        )
    return found


def report(part: str, results: list[FoldResult]) -> str:
    """A table of the folds and the means, compared with the published means, followed by one line for programs."""
    lines = [f"{'':34}{'AP':>7}{'AUC ROC':>9}{'CP@100':>8}{'ECE':>8}{'same mass':>11}"]
    for result in results:
        width, mass = result.calibration_errors
        lines.append(f"{result.fold:34}{_figures(_measures(result))}{width:>8.4f}{mass:>11.4f}")
    mean = np.mean([_measures(result) for result in results], axis=0)
    errors = np.mean([result.calibration_errors for result in results], axis=0)
    lines.append(f"{'mean':34}{_figures(mean)}{errors[0]:>8.4f}{errors[1]:>11.4f}")
    for name, (auc, ap, cp100) in PUBLISHED[part].items():
        lines.append(f"{'published ' + name:34}{_figures((ap, auc, cp100))}")
    # The error is at most this, whatever the bins.
    ece = max(errors)
    lines.append(f"model: ap={mean[0]:.4f} auc={mean[1]:.4f} cp100={mean[2]:.4f} ece={ece:.4f}")
    return "\n".join(lines)


def _measures(result: FoldResult) -> tuple[float, float, float]:
    quality = result.quality
    ap, auc, cp100 = quality.average_precision, quality.auc_roc, quality.card_precision_at_100
    if ap is None or auc is None or cp100 is None:
        raise TrainingError(f"{result.fold} contains only fraud or no fraud, so it cannot be measured.")
    return ap, auc, cp100


def _figures(values: "tuple[float, float, float] | np.ndarray") -> str:
    ap, auc, cp100 = values
    return f"{ap:>7.3f}{auc:>9.3f}{cp100:>8.3f}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="tripline_training.bench_model", description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="Parquet file of tripline backfill")
    parser.add_argument("--folds", type=Path, required=True, help="folder with folds.json and the splits it names")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parser.add_argument("--part", choices=PARTS, default="test")
    parser.add_argument("--params", type=Path, default=DEFAULT_PARAMS)
    parser.add_argument(
        "--genuine-share", type=float, help="train on this share of the genuine payments, which is faster"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--jobs", type=int, default=1, help="number of threads; a different number may produce a different model"
    )
    given = parser.parse_args(arguments)
    params = read_params(given.params)
    if given.genuine_share is not None:
        params = replace(params, genuine_share=given.genuine_share)
    dataset = open_dataset(given.features, read_feature_spec(given.feature_spec))
    results = []
    for fold in read_folds(given.folds, given.part):
        started = time.perf_counter()
        result = bench_fold(dataset, fold, params, given.seed, given.jobs)
        results.append(result)
        print(
            f"{result.fold}: trained_rows={result.trained_rows} rows={result.quality.rows} "
            f"frauds={result.quality.frauds} onnx_difference_max={result.difference_max:.2g} "
            f"seconds={time.perf_counter() - started:.1f}",
            flush=True,
        )
    print(report(given.part, results))


if __name__ == "__main__":
    run_command(main)
