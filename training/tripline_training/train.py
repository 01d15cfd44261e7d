"""Trains a fraud model on the output of `tripline backfill`, checks it and publishes it.

python -m tripline_training.train --features features.parquet --registry file:///models --name fraud \\
    --feature-spec ../packages/contracts/feature-spec.yaml --train-from 2026-01-15 --train-to 2026-02-14 \\
    --valid-from 2026-02-22 --valid-to 2026-02-28 --alias champion
"""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from tripline_training.check_data import add_feature_auc_max, check_before_training
from tripline_training.data.dataset import (
    ALWAYS,
    Dataset,
    Span,
    add_memory_rows_max,
    open_dataset,
    parse_moment_ms,
    parse_span,
)
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.data_checks.check_time_and_leakage import Rules
from tripline_training.errors import TrainingError, run_command
from tripline_training.evaluation.segments import Described, describe_segments
from tripline_training.make_scorecard import measure_scorecard, scorecard_to_publish
from tripline_training.metrics import Quality, calibration_curve, expected_calibration_error, measure
from tripline_training.registry import registry
from tripline_training.retraining.measure_agreement import AGREEMENT_KEY, comparable_champion, measure_agreement
from tripline_training.retraining.rules import read_rules
from tripline_training.selection.choose_features import Fitting, choose_features, only_features, refuse_constant
from tripline_training.selection.constant_online import add_constant_online
from tripline_training.selection.used_features import used_by_trees
from tripline_training.steps import figure, step
from tripline_training.trees.export_onnx import predict_booster, predict_onnx
from tripline_training.trees.fit_calibrated import fit_with_days_to_spare
from tripline_training.trees.params import DEFAULT_PARAMS, read_params
from tripline_training.trees.publish_trees import Lineage, compose_facts, export_checked, files_of, vocabulary_facts


@dataclass(frozen=True)
class Options:
    features: Path
    feature_spec: Path
    registry: str
    name: str
    train: Span
    valid: Span | None
    known_by_ms: int | None
    """Labels that arrived later are not used; None: the start of `valid`, or otherwise the newest payment."""
    ids: Path | None
    memory_rows_max: int
    """Maximum number of rows that are kept in memory."""
    constant_online: tuple[str, ...]
    """Features that never change in production, so the model does not use them."""
    params: Path
    seed: int
    jobs: int
    alias: str | None
    commit: str | None
    feature_auc_max: float = Rules.feature_auc_max
    """A single feature with at least this AUC is a fault."""


@dataclass(frozen=True)
class Outcome:
    version: str
    folder: Path | str
    """The version's folder, or its URL in MLflow."""
    rows: int
    valid: Quality | None


def train(options: Options) -> Outcome:
    """Trains, checks and publishes a model from a features file. Raises TrainingError; nothing is published in that
    case.
    """
    spec = read_feature_spec(options.feature_spec)
    params = read_params(options.params)
    root = registry.registry_root(options.registry)
    with step("data") as said:
        rules = Rules(feature_auc_max=options.feature_auc_max, has_auc_option=True)
        check_before_training(options.features, options.feature_spec, rules)
        dataset = open_dataset(options.features, spec, options.memory_rows_max)
        known_by_ms = options.known_by_ms
        if known_by_ms is None:
            known_by_ms = dataset.newest_ms if options.valid is None else options.valid.from_ms
        rows, left_out = dataset.known_rows(options.train, known_by_ms, options.ids, genuine_share=params.genuine_share)
        frauds = int(rows.fraud.sum())
        said.says(
            f"rows={len(rows)} frauds={frauds} left_out_unlabelled={left_out} features={len(spec.names)} "
            f"on_disk={rows.mapped}"
        )
        if frauds == 0 or frauds == len(rows):
            raise TrainingError("The training rows have only fraud or no fraud, so there is nothing to learn.")
    delay_ms = max(0, known_by_ms - int(rows.occurred_at_ms[-1]))
    fitting = Fitting(params, options.seed, options.jobs, delay_ms)
    chosen = choose_features(rows, spec, fitting, options.constant_online)
    rows = only_features(rows, spec, chosen.names)
    with step("fit") as said:
        booster, calibration = fit_with_days_to_spare(rows, params, options.seed, options.jobs, delay_ms)
        said.says(
            f"trees={booster.num_boosted_rounds()} version_of_xgboost={xgboost.__version__} "
            f"calibration={calibration.kind} held_out_days={calibration.days}"
        )
    card = scorecard_to_publish(rows, spec, delay_ms)
    valid, segments, later_calibration = _assess_later_rows(booster, dataset, options)
    model = export_checked(booster, rows, options.seed, card)
    with step("publish") as said:
        metrics: dict[str, Any] = {
            "calibration": {**asdict(calibration), **later_calibration},
            "selection": chosen.as_json(),
        }
        if valid is not None and options.valid is not None:
            metrics |= {"valid": valid.as_json(), "segments": segments}
            metrics |= _agreement(root, model, dataset, options)
            metrics |= measure_scorecard(card, dataset.rows_with_truth(options.valid), spec.names)
        lineage = Lineage(
            options.features,
            options.commit,
            {**params.as_json(), "seed": options.seed, "jobs": options.jobs, "on_disk": rows.mapped},
            known_by_ms,
        )
        used = used_by_trees(model, card, spec.names)
        refuse_constant(used, options.constant_online)
        facts = compose_facts(spec, used, rows, metrics, lineage) | vocabulary_facts(booster, spec)
        version, folder = registry.publish(root, options.name, files_of(booster, model, rows, card), facts)
        if options.alias is not None:
            registry.set_alias(root, options.name, options.alias, version)
        alias = f" alias={options.alias}" if options.alias else ""
        said.says(f"{options.name} {version} used_features={len(used)}{alias}")
    return Outcome(version, folder, len(rows), valid)


def _assess_later_rows(
    booster: xgboost.Booster, dataset: Dataset, options: Options
) -> tuple[Quality | None, list[dict[str, Any]], dict[str, Any]]:
    """The measures, overall and by segment, and the calibration.

    The calibration error is computed over bins with equal numbers of payments; the curve is drawn over tenths of the
    score range.
    """
    if options.valid is None:
        return None, [], {"ece": None}
    with step("valid") as said:
        later = dataset.rows_with_truth(options.valid)
        scores = predict_booster(booster, later.features) if len(later) else np.zeros(0, np.float32)
        quality = measure(later.occurred_at_ms, later.cards, scores, later.fraud, later.weights)
        error = expected_calibration_error(scores, later.fraud, same_mass=True, weights=later.weights)
        said.says(
            f"rows={quality.rows} frauds={quality.frauds} ap={figure(quality.average_precision)} "
            f"auc={figure(quality.auc_roc)} cp100={figure(quality.card_precision_at_100)} ece={error:.5f}"
        )
    given = Described(later, options.feature_spec, options.features, read_rules(DEFAULT_PARAMS).bands[0])
    segments = describe_segments(given, scores)
    return quality, segments, {"ece": error, "curve": calibration_curve(scores, later.fraud, later.weights)}


def _agreement(root: registry.Store, model: bytes, dataset: Dataset, options: Options) -> dict[str, Any]:
    """The agreement with the champion on later payments, for the guards of a rollout; empty without a champion."""
    champion = comparable_champion(root, options.name, read_feature_spec(options.feature_spec))
    later = None if options.valid is None else dataset.rows_with_truth(options.valid)
    if champion is None or later is None or len(later) == 0:
        return {}
    new, old = (predict_onnx(each, later.features) for each in (model, champion.model))
    bands = read_rules(DEFAULT_PARAMS).bands
    return {AGREEMENT_KEY: measure_agreement(later, new, old, bands, champion.version)}


def parse_options(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(prog="tripline_training.train", description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="Parquet file of tripline backfill")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parser.add_argument("--registry", required=True, help="URL of the model registry, file:///... or mlflow+http://...")
    parser.add_argument("--name", required=True, help="name of the model")
    when = "date (UTC) or RFC 3339 time"
    parser.add_argument("--train-from", help=f"first payment to train on: {when}; not needed with --ids")
    parser.add_argument("--train-to", help="inclusive for a date, exclusive for a time")
    parser.add_argument("--valid-from", help="later payments to evaluate on")
    parser.add_argument("--valid-to")
    parser.add_argument(
        "--known-by",
        help=f"labels that arrive later are not used: {when}; default: --valid-from, or the newest payment",
    )
    parser.add_argument(
        "--ids", type=Path, help="table with client_transaction_id, or a split: train only on these payments"
    )
    add_memory_rows_max(parser)
    add_constant_online(parser)
    add_feature_auc_max(parser)
    parser.add_argument("--params", type=Path, default=DEFAULT_PARAMS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--jobs", type=int, default=1, help="number of threads; a different number may produce a different model"
    )
    parser.add_argument("--alias", help="alias to point at the new version, for instance champion")
    parser.add_argument("--commit", help="commit of the code, for the record")
    given = parser.parse_args(arguments)
    if given.train_from is None and given.ids is None:
        raise TrainingError("Specify the training data with either --train-from or --ids.")
    return Options(
        features=given.features,
        feature_spec=given.feature_spec,
        registry=given.registry,
        name=given.name,
        train=_span_of("train", given.train_from, given.train_to) or ALWAYS,
        valid=_span_of("valid", given.valid_from, given.valid_to),
        known_by_ms=None if given.known_by is None else parse_moment_ms(given.known_by),
        ids=given.ids,
        memory_rows_max=given.memory_rows_max,
        constant_online=given.constant_online,
        params=given.params,
        seed=given.seed,
        jobs=given.jobs,
        alias=given.alias,
        commit=given.commit,
        feature_auc_max=given.feature_auc_max,
    )


def _span_of(part: str, first: str | None, last: str | None) -> Span | None:
    if first is None and last is None:
        return None
    if first is None or last is None:
        raise TrainingError(f"Specify both --{part}-from and --{part}-to, or neither.")
    return parse_span(first, last)


if __name__ == "__main__":
    run_command(lambda: print(f"published: {train(parse_options()).folder}"))
