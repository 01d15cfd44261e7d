"""Searches parameters of the trees on validation folds in time order, without using the days of the final evaluation.

python -m tripline_training.tune --features features.parquet --feature-spec feature-spec.yaml \\
    --from 2026-01-15 --to 2026-02-14 --study tune.sqlite --trials 20 --output params.json

A stopped search resumes if it is run again with the same study. Needs the environment `models`.
"""

import argparse
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.trial import TrialState

from tripline_training.check_data import check_before_training
from tripline_training.data.dataset import Dataset, Rows, Span, open_dataset, parse_span
from tripline_training.data.days import DAY_MS
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.errors import TrainingError, run_command
from tripline_training.metrics import measure
from tripline_training.trees.export_onnx import predict_booster
from tripline_training.trees.fit_trees import fit
from tripline_training.trees.params import DEFAULT_PARAMS, Params, read_params

TRIALS_MAX = 10_000
FOLDS_MAX = 20
MEASURES = ("average_precision", "auc_roc", "card_precision_at_100")


@dataclass(frozen=True)
class Options:
    features: Path
    feature_spec: Path
    span: Span
    """Everything that tuning may use: later payments and labels are not read."""
    folds: int
    fold_days: int
    gap_days: int
    trials: int
    measure: str
    study: Path
    output: Path
    base: Path
    seed: int
    jobs: int


@dataclass(frozen=True)
class Fold:
    train: Rows
    valid: Rows


def make_folds(dataset: Dataset, options: Options) -> list[Fold]:
    """The last days of the span before `gap_days`, cut into folds. Each is predicted from rows at least a gap earlier.

    Training uses only labels that were known when the fold began. Measuring uses only labels that were known by the end
    of the span. The gap at the end of the span gives labels time to arrive, because early labels are mostly frauds.
    Raises TrainingError if a fold has no fraud, or nothing to train on.
    """
    genuine_share = read_params(options.base).genuine_share
    folds = []
    for number in range(options.folds):
        begin = options.span.to_ms - (options.gap_days + (options.folds - number) * options.fold_days) * DAY_MS
        train_span = Span(options.span.from_ms, begin - options.gap_days * DAY_MS)
        if train_span.to_ms <= train_span.from_ms:
            raise TrainingError(
                f"The period from --from to --to is too short for {options.folds} folds of {options.fold_days} days."
            )
        train, _ = dataset.known_rows(train_span, begin, genuine_share=genuine_share)
        valid, _ = dataset.known_rows(Span(begin, begin + options.fold_days * DAY_MS), options.span.to_ms)
        for name, rows in (("to learn from", train), ("to measure on", valid)):
            if len(rows) == 0 or int(rows.fraud.sum()) in (0, len(rows)):
                raise TrainingError(
                    f"Fold {number + 1} has {len(rows)} labelled payments {name}, {int(rows.fraud.sum())} of them "
                    "fraud: specify longer folds or more days, and an earlier --to, so that their labels have arrived."
                )
        folds.append(Fold(train, valid))
    return folds


def tune(options: Options) -> tuple[Params, float]:
    """The best parameters found so far, and their mean over the folds."""
    check_before_training(options.features, options.feature_spec)
    dataset = open_dataset(options.features, read_feature_spec(options.feature_spec))
    folds = make_folds(dataset, options)
    base = read_params(options.base)
    study = _open_study(options)
    if not any(trial.state in (TrialState.COMPLETE, TrialState.WAITING) for trial in study.trials):
        # The current parameters are tried first, and again if that trial was stopped, so that the result is never
        # worse.
        tried = [name for name in SEARCHED if name != "max_leaves" or base.max_leaves > 0]
        study.enqueue_trial({name: base.as_json()[name] for name in tried})
    done = _finished(study)
    while done < options.trials:
        # The seed of each trial is its number, so it does not depend on earlier interruptions.
        study.sampler = optuna.samplers.TPESampler(seed=options.seed * 100_003 + done)
        study.optimize(lambda trial: _objective(trial, base, folds, options), n_trials=1)
        done = _finished(study)
        newest = study.trials[-1]
        print(f"trial {done}: {options.measure}={newest.value:.5f} best={study.best_value:.5f}", flush=True)
    best = Params(**{**base.as_json(), **study.best_params})
    options.output.write_text(json.dumps(best.as_json(), indent=2) + "\n", encoding="utf-8")
    read_params(options.output)
    return best, float(study.best_value)


SEARCHED = (
    "trees",
    "max_depth",
    "learning_rate",
    "min_child_weight",
    "subsample",
    "colsample_bytree",
    "max_bin",
    "reg_lambda",
    "max_leaves",
)
"""`max_leaves` only if the current parameters have such a limit: without it, trees grow level by level."""


def _objective(trial: optuna.Trial, base: Params, folds: list[Fold], options: Options) -> float:
    chosen = {
        "trees": trial.suggest_int("trees", 50, 600),
        "max_depth": trial.suggest_int("max_depth", 2, 8),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.1, 100, log=True),
        "subsample": trial.suggest_float("subsample", 0.4, 1),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 1),
        "max_bin": trial.suggest_int("max_bin", 64, 2048, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 100, log=True),
    }
    if base.max_leaves > 0:
        chosen["max_leaves"] = trial.suggest_int("max_leaves", 2, 64)
    params = Params(**{**base.as_json(), **chosen})
    values = []
    for fold in folds:
        booster = fit(fold.train, params, options.seed, options.jobs)
        scores = predict_booster(booster, fold.valid.features)
        quality = measure(fold.valid.occurred_at_ms, fold.valid.cards, scores, fold.valid.fraud)
        values.append(float(getattr(quality, options.measure)))
    return float(np.mean(values))


def _open_study(options: Options) -> optuna.Study:
    """Raises TrainingError if the study in the file is for other data, folds or measures."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=f"sqlite:///{options.study}", study_name="tune", direction="maximize", load_if_exists=True
    )
    with options.features.open("rb") as file:
        data = hashlib.file_digest(file, "sha256").hexdigest()
    about = {
        "data_sha256": data,
        "span": [options.span.from_ms, options.span.to_ms],
        "folds": [options.folds, options.fold_days, options.gap_days],
        "measure": options.measure,
        "seed": options.seed,
        "base": read_params(options.base).as_json(),
    }
    for name, value in about.items():
        there = study.user_attrs.get(name)
        if there is not None and there != value:
            raise TrainingError(
                f"{options.study} contains a search with a different value of {name}. Specify a new file with --study."
            )
        if there is None:
            study.set_user_attr(name, value)
    return study


def _finished(study: optuna.Study) -> int:
    return sum(trial.state == TrialState.COMPLETE for trial in study.trials)


def parse_options(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(prog="tripline_training.tune", description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="Parquet file of tripline backfill")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parser.add_argument("--from", dest="first", required=True, help="first payment: date (UTC) or RFC 3339 time")
    parser.add_argument("--to", dest="last", required=True, help="end of the usable data")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--fold-days", type=int, default=3)
    parser.add_argument(
        "--gap-days",
        type=int,
        default=7,
        help="days before each fold that are not used for training, and days at the end until labels have arrived",
    )
    parser.add_argument(
        "--trials", type=int, default=20, help="total number of trials, including earlier runs"
    )
    parser.add_argument("--measure", choices=MEASURES, default="average_precision")
    parser.add_argument("--study", type=Path, required=True, help="SQLite file that stores the search")
    parser.add_argument("--base", type=Path, default=DEFAULT_PARAMS, help="current parameters, which are tried first")
    parser.add_argument("--output", type=Path, required=True, help="where to write the best parameters")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args(arguments)
    for name, most in (("folds", FOLDS_MAX), ("fold_days", 366), ("trials", TRIALS_MAX)):
        if not 1 <= getattr(given, name) <= most:
            raise TrainingError(f"--{name.replace('_', '-')} must be a number from 1 to {most}.")
    if given.gap_days < 0:
        raise TrainingError("--gap-days must not be negative.")
    own = {name: value for name, value in vars(given).items() if name not in ("first", "last")}
    return Options(span=parse_span(given.first, given.last), **own)


def main(arguments: list[str] | None = None) -> None:
    started = time.perf_counter()
    options = parse_options(arguments)
    best, value = tune(options)
    print(
        f"tune: {options.measure}={value:.5f} trials={options.trials} seconds={time.perf_counter() - started:.1f} "
        f"params={json.dumps(best.as_json())}"
    )


if __name__ == "__main__":
    run_command(main)
