"""Trains a model and measures which share of each kind of attack a review team with a fixed budget would find.

python -m tripline_training.bench_attacks --features features.parquet --feature-spec feature-spec.yaml \\
    --attacks attacks.parquet --train-from 2026-01-22T00:00:00Z --train-to 2026-02-12T00:00:00Z \\
    --from 2026-02-19T00:00:00Z --to 2026-03-05T00:00:00Z

The model is trained with all features, then without those of `--without`, on the labels known at `--from`. Each kind
of attack is measured among the genuine payments alone, because other frauds would use up the budget.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows, open_dataset, parse_moment_ms, parse_span
from tripline_training.data.feature_spec import FeatureSpec, read_feature_spec
from tripline_training.data.tables import arrays, require_columns
from tripline_training.errors import TrainingError, run_command
from tripline_training.evaluation.measure_review import Payments, measure_once
from tripline_training.evaluation.measures import rank_scores
from tripline_training.selection.choose_features import Fitting, choose_features, only_features
from tripline_training.trees.export_onnx import predict_booster
from tripline_training.trees.fit_trees import fit
from tripline_training.trees.params import DEFAULT_PARAMS, read_params


def measure_attacks(
    later: Rows, scores: NDArray[np.float64], attacks: dict[str, str], amount: int, review_share: float
) -> dict[str, dict[str, float]]:
    """For each kind of attack: its payments, the measures of `tripline evaluate`, and the largest possible recall.

    `attacks` has the kind of each attacking payment by its id; `amount` is the position of the amount.
    """
    kinds = np.array([attacks.get(name, "") for name in later.ids.astype(str)])
    cards = np.unique(later.cards.astype(str), return_inverse=True)[1].astype(np.int64)
    measured: dict[str, dict[str, float]] = {}
    for kind in sorted(set(attacks.values())):
        rows = (later.fraud == 0) | (kinds == kind)
        own = int((kinds == kind).sum())
        if own == 0:
            raise TrainingError(f"No payment of {kind} is in the measured period.")
        payments = Payments(cards[rows], later.features[rows, amount].astype(np.float64), later.fraud[rows])
        ranking = rank_scores(scores[rows])
        figures = measure_once(payments, ranking, review_share, np.ones(int(rows.sum())))
        possible = min(1.0, review_share * int(rows.sum()) / own)
        measured[kind] = {"payments": own, "genuine": int(rows.sum()) - own, **figures, "possible": possible}
    return measured


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="tripline_training.bench_attacks", description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="Parquet file in the format of tripline backfill")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parser.add_argument("--attacks", type=Path, required=True, help="table with client_transaction_id and attack")
    for name, meaning in (("train-from", "first"), ("train-to", "end of the"), ("from", "first"), ("to", "end of the")):
        payments = "training" if name.startswith("train") else "measured"
        parser.add_argument(f"--{name}", required=True, help=f"{meaning} {payments} payments, RFC 3339 time")
    parser.add_argument("--review-share", type=float, default=0.005, help="share of payments that are reviewed")
    parser.add_argument("--genuine-share", type=float, default=1.0, help="train on this share of the genuine payments")
    parser.add_argument("--without", default="", help="comma-separated features that a second model does not use")
    parser.add_argument("--params", type=Path, default=DEFAULT_PARAMS)
    parser.add_argument("--seed", type=int, default=1)
    given = vars(parser.parse_args(arguments))
    params = replace(read_params(given["params"]), genuine_share=given["genuine_share"])
    spec = read_feature_spec(given["feature_spec"])
    if "amount" not in spec.names:
        raise TrainingError(f"{given['feature_spec']} has no feature amount, so no value can be counted.")
    dataset = open_dataset(given["features"], spec)
    trained = parse_span(given["train_from"], given["train_to"])
    known_by_ms = parse_moment_ms(given["from"])
    rows, _ = dataset.known_rows(trained, known_by_ms, genuine_share=params.genuine_share)
    fitting = Fitting(params, given["seed"], 1, known_by_ms - trained.to_ms)
    later = dataset.rows_with_truth(parse_span(given["from"], given["to"]))
    table = require_columns(given["attacks"], ["client_transaction_id", "attack"])
    columns = arrays(f"SELECT client_transaction_id, attack FROM {table}")
    attacks = dict(zip(columns["client_transaction_id"].tolist(), columns["attack"].tolist(), strict=True))
    without = tuple(name for name in given["without"].split(",") if name)
    amount, share = spec.names.index("amount"), given["review_share"]
    contestants: dict[str, tuple[str, ...]] = {"after": (), "before": without}
    for name, omitted in contestants.items():
        scores = _scores(rows, later, spec, fitting, omitted)
        print(f"{name}: {json.dumps(measure_attacks(later, scores, attacks, amount, share))}", flush=True)


def _scores(
    rows: Rows, later: Rows, spec: FeatureSpec, fitting: Fitting, omitted: tuple[str, ...]
) -> NDArray[np.float64]:
    """Scores of a model without the omitted features. The calibration is left out: it keeps the order of the scores."""
    chosen = choose_features(rows, spec, fitting, omitted)
    booster = fit(only_features(rows, spec, chosen.names), fitting.params, fitting.seed, fitting.jobs)
    return predict_booster(booster, later.features).astype(np.float64)


if __name__ == "__main__":
    run_command(main)
