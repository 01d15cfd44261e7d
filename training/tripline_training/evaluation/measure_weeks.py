"""Average precision of registered models, a week at a time.

python -m tripline_training.evaluation.measure_weeks --features features.parquet --feature-spec feature-spec.yaml \\
    --registry file:///models --name fraud --versions 5f0c..,champion --from 2026-02-22 --weeks 4

Prints one line of JSON: version or alias, as it was given, to the figures of the weeks.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from sklearn.metrics import average_precision_score

from tripline_training.data.dataset import Span, parse_moment_ms
from tripline_training.data.days import DAY_MS
from tripline_training.errors import run_command
from tripline_training.evaluation.read_scored import read_registered_model, score_payments

WEEK_MS = 7 * DAY_MS


@dataclass(frozen=True)
class Options:
    features: Path
    feature_spec: Path
    registry: str
    name: str
    versions: list[str]
    from_ms: int
    weeks: int


def measure_weeks(options: Options) -> dict[str, list[float]]:
    """Raises TrainingError where a model cannot be measured in one of the weeks."""
    starts = [options.from_ms + week * WEEK_MS for week in range(options.weeks)]
    return {
        version: [_average_precision(options, version, Span(start, start + WEEK_MS)) for start in starts]
        for version in options.versions
    }


def _average_precision(options: Options, version: str, week: Span) -> float:
    model = read_registered_model(options.registry, options.name, version)
    scored = score_payments(options.features, options.feature_spec, model, week)
    return float(average_precision_score(scored.fraud, scored.scores))


def parse_options(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(
        prog="tripline_training.evaluation.measure_weeks", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--features", type=Path, required=True, help="Parquet file of tripline backfill")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parser.add_argument("--registry", required=True, help="URL of the model registry, file:///...")
    parser.add_argument("--name", required=True, help="name of the model in the registry")
    parser.add_argument("--versions", required=True, help="aliases or versions, comma-separated")
    parser.add_argument("--from", dest="first", required=True, help="first payment: date (UTC) or RFC 3339 moment")
    parser.add_argument("--weeks", type=int, default=4)
    given = parser.parse_args(arguments)
    return Options(
        features=given.features,
        feature_spec=given.feature_spec,
        registry=given.registry,
        name=given.name,
        versions=given.versions.split(","),
        from_ms=parse_moment_ms(given.first),
        weeks=given.weeks,
    )


def main(arguments: list[str] | None = None) -> None:
    print(json.dumps(measure_weeks(parse_options(arguments))))


if __name__ == "__main__":
    run_command(main)
