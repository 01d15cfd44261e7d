"""Trains XGBoost and the sequence model on the same days and measures both, and their mean, on later ones.

python -m tripline_training.compare_sequence --features features.parquet --feature-spec feature-spec.yaml \\
    --train-from 2026-01-15 --train-to 2026-02-14 --valid-from 2026-02-22 --valid-to 2026-02-28

With --folds <folder> on the handbook's published splits instead, each trained as bench_model trains them. Needs the
environment `deep`. What is measured of the sequence model are the scores of its ONNX file.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tripline_training.check_data import check_before_training
from tripline_training.data.dataset import Span, open_dataset, parse_span
from tripline_training.data.days import DAY_MS
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.data.folds import fold_ids
from tripline_training.data.published import PARTS, read_folds
from tripline_training.data.tables import query
from tripline_training.errors import TrainingError, run_command
from tripline_training.metrics import Quality, expected_calibration_error, measure
from tripline_training.models.scorecard import probabilities_of
from tripline_training.networks.card_history import (
    Payments,
    earlier_payments,
    read_payments,
    select,
    sequence_rows,
)
from tripline_training.networks.export_torch import network_to_onnx, predict_network
from tripline_training.networks.fit_calibrated_network import fit_calibrated_network
from tripline_training.networks.fit_network import Setting, Source, margins_of_network, prepare_torch
from tripline_training.networks.onnx_network import check_network
from tripline_training.networks.publish_network import check_parts
from tripline_training.networks.scaled_network import ScaledNetwork
from tripline_training.networks.sequence_params import DEFAULT_SEQUENCE_PARAMS, SequenceParams, read_sequence_params
from tripline_training.trees.calibration import Platt, fit_platt, margins_of
from tripline_training.trees.export_onnx import predict_onnx
from tripline_training.trees.fit_trees import fit
from tripline_training.trees.params import DEFAULT_PARAMS, Params, read_params

WARM_UP_DAYS = 21
"""Of published folds, as in bench_model: hardly a window is full, and no label is old enough to be known."""
COMPARED_ROWS = 5_000

Measured = dict[str, tuple[Quality, float]]
"""By kind: the measures and the calibration error with bins of equally many payments."""


@dataclass(frozen=True)
class Case:
    """One training and what it is measured on: positions among the payments."""

    name: str
    learn: NDArray[np.int64]
    later: NDArray[np.int64]
    delay_ms: int


@dataclass(frozen=True)
class Recipe:
    trees: Params
    sequence: SequenceParams
    seed: int
    jobs: int


def compare_case(source: Source, case: Case, recipe: Recipe) -> Measured:
    """Raises TrainingError where no days can be held out for the calibration, or the ONNX file is not the network."""
    rows = source.payments.rows
    setting = Setting(recipe.sequence, recipe.seed, prepare_torch(recipe.jobs))
    network = fit_calibrated_network(source, case.learn, setting, case.delay_ms)
    if len(network.held) == 0:
        raise TrainingError(
            f"{case.name}: too few days to hold some out for the calibration; train on a longer period."
        )
    held, later = select(rows, network.held), select(rows, case.later)
    trial = fit(select(rows, network.earlier), recipe.trees, recipe.seed, recipe.jobs)
    trees = fit(select(rows, case.learn), recipe.trees, recipe.seed, recipe.jobs)
    platt = fit_platt(margins_of(trial, held.features), held.fraud)
    by_trees = _scaled(platt, margins_of(trial, held.features)), _scaled(platt, margins_of(trees, later.features))
    later_margins = margins_of_network(network.network, source, case.later)
    by_sequence = _scaled(network.platt, network.held_margins), _scaled(network.platt, later_margins)
    held_mean, later_mean = ((one + other) / 2 for one, other in zip(by_trees, by_sequence, strict=True))
    scores = {
        "xgboost": probabilities_of(by_trees[1]),
        "sequence": _onnx_scores(source, case, network.network, recipe.seed),
        "mean of both": probabilities_of(_scaled(fit_platt(held_mean, held.fraud), later_mean)),
    }
    return {
        kind: (
            measure(later.occurred_at_ms, later.cards, values, later.fraud),
            expected_calibration_error(values, later.fraud, same_mass=True),
        )
        for kind, values in scores.items()
    }


def _scaled(platt: Platt, margins: NDArray[np.float64]) -> NDArray[np.float64]:
    return platt.slope * margins + platt.intercept


def _onnx_scores(source: Source, case: Case, network: ScaledNetwork, seed: int) -> NDArray[np.float64]:
    """What the exported file gives, which is compared with the network first."""
    assert source.history is not None
    features = source.payments.rows.features
    columns = sequence_rows(features, source.history, case.later)
    model = network_to_onnx(network, columns.shape[1])
    check_network(predict_network(network), model, columns[:: max(1, len(columns) // COMPARED_ROWS)], seed)
    return predict_onnx(model, columns).astype(np.float64)


def cases_of_folds(payments: Payments, folder: Path, part: str) -> Iterator[Case]:
    """As bench_model trains: all days before the label delay but the first, and labels known when the week began."""
    for fold in read_folds(folder, part):
        learn = payments.known(Span(0, fold.train_end_ms), fold.assess.from_ms)
        at = payments.rows.occurred_at_ms[learn]
        learn = learn[at >= (int(at[0]) // DAY_MS + WARM_UP_DAYS) * DAY_MS]
        wanted = {str(row[0]) for row in query(fold_ids(fold.path, "assess")).fetchall()}
        later = payments.with_truth(fold.assess)
        later = later[[name in wanted for name in payments.rows.ids[later]]]
        if len(later) != len(wanted):
            raise TrainingError(f"{len(wanted) - len(later)} of the rows to assess in {fold.name} are missing.")
        yield Case(fold.name, learn, later, fold.delay_days * DAY_MS)


def case_of_days(payments: Payments, train: Span, valid: Span) -> Case:
    """Raises TrainingError where one of them does not hold payments of both kinds."""
    learn, later = payments.known(train, valid.from_ms), payments.with_truth(valid)
    check_parts(select(payments.rows, learn), select(payments.rows, later))
    newest_ms = int(payments.rows.occurred_at_ms[learn[-1]])
    return Case("later days", learn, later, valid.from_ms - newest_ms)


def table_of(results: dict[str, Measured]) -> str:
    """A line by case and kind, and the means over the cases."""
    lines = [f"{'':34}{'AP':>8}{'AUC ROC':>10}{'CP@100':>9}{'ECE':>9}"]
    figures = {name: {kind: _figures(*one) for kind, one in kinds.items()} for name, kinds in results.items()}
    for name, kinds in figures.items():
        lines += [_line(f"{name} {kind}", values) for kind, values in kinds.items()]
    if len(figures) > 1:
        for kind in next(iter(figures.values())):
            lines.append(_line(f"mean {kind}", np.mean([kinds[kind] for kinds in figures.values()], axis=0)))
    return "\n".join(lines)


def _figures(quality: Quality, error: float) -> list[float]:
    values = [quality.average_precision, quality.auc_roc, quality.card_precision_at_100]
    return [float("nan") if value is None else value for value in values] + [error]


def _line(name: str, values: "list[float] | NDArray[np.float64]") -> str:
    ap, auc, cp100, ece = values
    return f"{name:34}{ap:>8.4f}{auc:>10.4f}{cp100:>9.4f}{ece:>9.5f}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="tripline_training.compare_sequence", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--features", type=Path, required=True, help="Parquet file of tripline backfill")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parser.add_argument("--folds", type=Path, help="folder with folds.json and the splits it names, instead of days")
    parser.add_argument("--part", choices=PARTS, default="validation")
    parser.add_argument("--only", help="only this fold, for instance validation-fold0")
    for option in ("train-from", "train-to", "valid-from", "valid-to"):
        parser.add_argument(f"--{option}", help="date (UTC) or RFC 3339 moment")
    parser.add_argument("--params", type=Path, default=DEFAULT_SEQUENCE_PARAMS)
    parser.add_argument("--tree-params", type=Path, default=DEFAULT_PARAMS)
    parser.add_argument("--genuine-share", type=float, help="train both on this share of the genuine payments")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--jobs", type=int, default=1, help="number of threads; a different number may give a different model"
    )
    given = parser.parse_args(arguments)
    recipe = Recipe(read_params(given.tree_params), read_sequence_params(given.params), given.seed, given.jobs)
    if given.genuine_share is not None:
        shared = {"genuine_share": given.genuine_share}
        recipe = replace(recipe, trees=replace(recipe.trees, **shared), sequence=replace(recipe.sequence, **shared))
    if given.folds is None:
        check_before_training(given.features, given.feature_spec)
    payments = read_payments(open_dataset(given.features, read_feature_spec(given.feature_spec)))
    source = Source(payments, earlier_payments(payments.rows.cards, recipe.sequence.length))
    results: dict[str, Measured] = {}
    for case in _cases(payments, given):
        started = time.perf_counter()
        results[case.name] = compare_case(source, case, recipe)
        seconds = time.perf_counter() - started
        print(f"{case.name}: trained_rows={len(case.learn)} rows={len(case.later)} seconds={seconds:.1f}", flush=True)
    print(table_of(results))


def _cases(payments: Payments, given: argparse.Namespace) -> Iterator[Case]:
    if given.folds is not None:
        found = [case for case in cases_of_folds(payments, given.folds, given.part) if given.only in (None, case.name)]
        if not found:
            raise TrainingError(f"{given.folds} has no {given.part} fold {given.only}.")
        return iter(found)
    if None in (given.train_from, given.train_to, given.valid_from, given.valid_to):
        raise TrainingError("Either --folds or --train-from, --train-to, --valid-from and --valid-to must be given.")
    train, valid = parse_span(given.train_from, given.train_to), parse_span(given.valid_from, given.valid_to)
    if train.to_ms > valid.from_ms:
        raise TrainingError("The days to measure on must be later than those to train on.")
    return iter([case_of_days(payments, train, valid)])


if __name__ == "__main__":
    run_command(main)
