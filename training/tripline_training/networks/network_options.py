"""The options of commands that train a network."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from tripline_training.data.dataset import Span, parse_moment_ms, parse_span
from tripline_training.errors import TrainingError
from tripline_training.selection.constant_online import add_constant_online


@dataclass(frozen=True)
class NetworkOptions:
    features: Path
    feature_spec: Path
    registry: str
    name: str
    train: Span
    valid: Span
    known_by_ms: int
    """Labels that arrived later are not used."""
    params: Path
    seed: int
    jobs: int
    alias: str | None
    commit: str | None
    constant_online: tuple[str, ...]
    """Features that never change in production, so the model does not use them."""


def network_parser(module: str, description: str, default_params: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"tripline_training.{module}", description=description)
    parser.add_argument("--features", type=Path, required=True, help="Parquet file of tripline backfill")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parser.add_argument("--registry", required=True, help="URL of the model registry, file:///... or mlflow+http://...")
    parser.add_argument("--name", required=True, help="name of the model")
    when = "date (UTC) or RFC 3339 time"
    for part, words in {"train": "to train on", "valid": "to measure on, later ones"}.items():
        parser.add_argument(f"--{part}-from", required=True, help=f"first payment {words}: {when}")
        parser.add_argument(f"--{part}-to", required=True, help="inclusive for a date, exclusive for a time")
    parser.add_argument("--known-by", help=f"labels that arrive later are not used: {when}; default: --valid-from")
    parser.add_argument("--params", type=Path, default=default_params)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--jobs", type=int, default=1, help="number of threads; a different number may produce a different model"
    )
    parser.add_argument("--alias", help="alias to point at the new version")
    parser.add_argument("--commit", help="commit of the code, for the record")
    add_constant_online(parser)
    return parser


def network_options(given: argparse.Namespace) -> NetworkOptions:
    valid = parse_span(given.valid_from, given.valid_to)
    train = parse_span(given.train_from, given.train_to)
    if train.to_ms > valid.from_ms:
        raise TrainingError("The evaluation days must be later than the training days.")
    return NetworkOptions(
        features=given.features,
        feature_spec=given.feature_spec,
        registry=given.registry,
        name=given.name,
        train=train,
        valid=valid,
        known_by_ms=valid.from_ms if given.known_by is None else parse_moment_ms(given.known_by),
        params=given.params,
        seed=given.seed,
        jobs=given.jobs,
        alias=given.alias,
        commit=given.commit,
        constant_online=given.constant_online,
    )
