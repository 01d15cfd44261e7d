"""Proposes a policy's score bands for given costs and review capacity, from the labelled payments of later days.

python -m tripline_training.propose_bands --features features.parquet --feature-spec feature-spec.yaml \\
    --registry file:///models --name fraud --version champion --from 2026-02-01 --to 2026-02-28 --costs costs.yaml
"""

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tripline_training.data.dataset import parse_span
from tripline_training.data.days import DAY_MS
from tripline_training.errors import TrainingError, run_command
from tripline_training.evaluation.band_costs import BandCosts, read_band_costs
from tripline_training.evaluation.choose_bands import BandFold, Bands, choose_bands, fold_of, savings_of
from tripline_training.evaluation.read_scored import Scored, read_registered_model, score_payments

FOLDS_MAX = 52


def propose(scored: Scored, costs: BandCosts, folds: int) -> dict[str, Any]:
    """The bands that save the most over the whole period.

    Each fold also compares the savings of bands chosen on the other folds with those of the best bands in hindsight.
    """
    data = [fold_of(scored, part) for part in split_days(scored.occurred_at_ms, folds)]
    whole = fold_of(scored, slice(None))
    bands = choose_bands([whole], costs)
    savings = savings_of(whole, bands, costs)
    return {
        "bands": bands.as_json(),
        "saved": savings.saved,
        "reviews_per_day": savings.reviews / whole.days,
        "folds": [_judge(data, number, costs) for number in range(len(data))] if len(data) > 1 else [],
    }


def _judge(data: list[BandFold], number: int, costs: BandCosts) -> dict[str, Any]:
    test = data[number]
    others = choose_bands([fold for at, fold in enumerate(data) if at != number], costs)
    saved = savings_of(test, others, costs).saved
    best = savings_of(test, choose_bands([test], costs), costs).saved
    return {
        "bands": others.as_json(),
        "saved": saved,
        "best_in_hindsight": best,
        "share_of_best": saved / best if best > 0 else 1.0,
    }


def split_days(occurred_at_ms: Any, folds: int) -> list[slice]:  # noqa: ANN401 -- an array of integers
    """Consecutive parts with nearly equal numbers of whole days, because each day has its own capacity for reviews.

    The payments must be in time order. If there are fewer days than folds, each day is a part.
    """
    if not 1 <= folds <= FOLDS_MAX:
        raise TrainingError(f"--folds must be from 1 to {FOLDS_MAX}.")
    begins = np.unique(occurred_at_ms // DAY_MS, return_index=True)[1].tolist()
    if len(begins) < 2 <= folds:
        raise TrainingError("--folds of 2 or more requires payments from at least two days (UTC).")
    count = min(folds, len(begins))
    ends = [begins[len(begins) * number // count] for number in range(count)]
    return [slice(first, end) for first, end in pairwise([*ends, len(occurred_at_ms)])]


def as_policy(bands: Bands) -> str:
    """The `bands` of a policy file."""
    lines = ["bands:"]
    sentence = '"The estimated fraud probability is {score}."'
    for at_least, action, reason in (
        (bands.decline_from, "decline", "HIGH_SCORE"),
        (bands.review_from, "review", "ELEVATED_SCORE"),
    ):
        if at_least is not None:
            lines.append(f"  - {{ at_least: {at_least:g}, action: {action}, reason: {reason}, text: {sentence} }}")
    return "\n".join(lines) if len(lines) > 1 else "bands: []"


def line_of(proposed: dict[str, Any]) -> str:
    """The proposal as one line that programs can read."""
    shares = [fold["share_of_best"] for fold in proposed["folds"]]
    bands = proposed["bands"]
    return (
        f"propose-bands: decline_from={bands['decline_from']} review_from={bands['review_from']} "
        f"saved={proposed['saved']:.2f} reviews_per_day={proposed['reviews_per_day']:.1f}"
    ) + (f" share_of_best_min={min(shares):.4f}" if shares else "")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="tripline_training.propose_bands", description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="Parquet file from tripline backfill or retrain")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parser.add_argument("--registry", required=True, help="URL of the model registry, file:///...")
    parser.add_argument("--name", required=True, help="name of the model in the registry")
    parser.add_argument("--version", default="champion", help="alias or version (default champion)")
    parser.add_argument("--from", dest="first", required=True, help="first payment, after the training data")
    parser.add_argument("--to", dest="last", required=True, help="inclusive for a date, exclusive for a time")
    parser.add_argument("--folds", type=int, default=4, help="number of parts for cross-validation (default 4)")
    parser.add_argument("--costs", type=Path, required=True, help="YAML file; see evaluation/band_costs.py")
    parser.add_argument("--json", type=Path, help="where to write the proposal as JSON")
    given = parser.parse_args(arguments)
    model = read_registered_model(given.registry, given.name, given.version)
    costs = read_band_costs(given.costs)
    span = parse_span(given.first, given.last)
    proposed = propose(score_payments(given.features, given.feature_spec, model, span), costs, given.folds)
    if given.json is not None:
        given.json.write_text(json.dumps(proposed, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    bands = Bands(proposed["bands"]["review_from"], proposed["bands"]["decline_from"])
    print(as_policy(bands))
    for number, fold in enumerate(proposed["folds"], start=1):
        print(
            f"fold {number}: bands chosen on the other folds save {fold['saved']:,.0f}, "
            f"{fold['share_of_best']:.1%} of the best in hindsight ({fold['best_in_hindsight']:,.0f})"
        )
    print(line_of(proposed))


if __name__ == "__main__":
    run_command(main)
