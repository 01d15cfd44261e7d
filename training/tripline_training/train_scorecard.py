"""Makes the logistic scorecard that replaces the model while it is unavailable.

python -m tripline_training.train_scorecard --features features.parquet --feature-spec feature-spec.yaml \\
    --train-from 2026-01-15 --train-to 2026-02-07 --calibrate-from 2026-02-08 --calibrate-to 2026-02-14 \\
    --valid-from 2026-02-22 --valid-to 2026-02-28 --output scorecard.json

Its format is described in models/scorecard.py.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from tripline_training.check_data import check_before_training
from tripline_training.data.dataset import Dataset, Rows, Span, open_dataset, parse_moment_ms, parse_span
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.errors import TrainingError, run_command
from tripline_training.make_scorecard import write_scorecard
from tripline_training.metrics import expected_calibration_error, measure
from tripline_training.models.scorecard import (
    Scorecard,
    calibrate_card,
    fit_scorecard,
    margins_of_card,
    probabilities_of,
)


@dataclass(frozen=True)
class Options:
    features: Path
    feature_spec: Path
    train: Span
    calibrate: Span
    valid: Span | None
    known_by_ms: int
    output: Path


def train_scorecard(options: Options) -> Scorecard:
    """Raises TrainingError; nothing is written in that case."""
    check_before_training(options.features, options.feature_spec)
    spec = read_feature_spec(options.feature_spec)
    dataset = open_dataset(options.features, spec)
    rows = _rows(dataset, options.train, options.known_by_ms, "train")
    held_out = _rows(dataset, options.calibrate, options.known_by_ms, "calibrate")
    card = fit_scorecard(rows.features, rows.fraud, spec.names, spec.version, rows.categories, weights=rows.weights)
    margins = margins_of_card(card, held_out.features, spec.names)
    card = calibrate_card(card, margins, held_out.fraud, held_out.weights)
    write_scorecard(options.output, card)
    print(f"scorecard: rows={len(rows)} calibrated_on={len(held_out)} features={len(card.features)}")
    if options.valid is not None:
        later = dataset.rows_with_truth(options.valid)
        scores = probabilities_of(margins_of_card(card, later.features, spec.names))
        quality = measure(later.occurred_at_ms, later.cards, scores, later.fraud, later.weights)
        error = expected_calibration_error(scores, later.fraud, same_mass=True, weights=later.weights)
        print(
            f"valid: rows={quality.rows} frauds={quality.frauds} ap={_figure(quality.average_precision)} "
            f"auc={_figure(quality.auc_roc)} cp100={_figure(quality.card_precision_at_100)} ece={error:.5f}"
        )
    return card


def _rows(dataset: Dataset, span: Span, known_by_ms: int, part: str) -> Rows:
    rows, _ = dataset.known_rows(span, known_by_ms)
    frauds = int(rows.fraud.sum()) if len(rows) else 0
    if frauds in (0, len(rows)):
        raise TrainingError(f"--{part}-from to --{part}-to have {len(rows)} labelled payments, {frauds} of them fraud.")
    return rows


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def parse_options(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(prog="tripline_training.train_scorecard", description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="Parquet file of tripline backfill")
    parser.add_argument("--feature-spec", type=Path, required=True)
    when = "date (UTC) or RFC 3339 time"
    parser.add_argument("--train-from", required=True, help=f"first payment to train on: {when}")
    parser.add_argument("--train-to", required=True, help="inclusive for a date, exclusive for a time")
    parser.add_argument("--calibrate-from", required=True, help="later payments to calibrate on")
    parser.add_argument("--calibrate-to", required=True)
    parser.add_argument("--valid-from", help="later payments to evaluate on")
    parser.add_argument("--valid-to")
    parser.add_argument(
        "--known-by", help=f"labels that arrive later are not used: {when}; default --valid-from, or now"
    )
    parser.add_argument("--output", type=Path, required=True, help="where to write the scorecard (JSON)")
    given = parser.parse_args(arguments)
    if (given.valid_from is None) != (given.valid_to is None):
        raise TrainingError("Specify both --valid-from and --valid-to, or neither.")
    train, calibrate = (
        parse_span(given.train_from, given.train_to),
        parse_span(given.calibrate_from, given.calibrate_to),
    )
    if calibrate.from_ms < train.to_ms:
        raise TrainingError("--calibrate-from must not be before the end of --train-to.")
    valid = None if given.valid_from is None else parse_span(given.valid_from, given.valid_to)
    known_by_ms = valid.from_ms if valid is not None else 2**62
    return Options(
        features=given.features,
        feature_spec=given.feature_spec,
        train=train,
        calibrate=calibrate,
        valid=valid,
        known_by_ms=known_by_ms if given.known_by is None else parse_moment_ms(given.known_by),
        output=given.output,
    )


def main(arguments: list[str] | None = None) -> None:
    train_scorecard(parse_options(arguments))


if __name__ == "__main__":
    run_command(main)
