"""Average precision of registered models per week, compared with another model on the same payments.

python -m tripline_training.evaluation.measure_weeks --features features.parquet --feature-spec feature-spec.yaml \\
    --registry file:///models --name fraud --versions 5f0c..,champion --beside file:///other \\
    --from 2026-02-22 --weeks 4

Prints one line of JSON: the number of frauds per week, the figures of the other model, and for each given version or
alias its figures per week and the ratio of their mean to the other model's mean. The other model is the champion with
the same name in the registry `--beside`. The interval of the ratio covers only the choice of payments, not the
variation between training runs.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.dataset import Span, parse_moment_ms
from tripline_training.data.days import DAY_MS
from tripline_training.errors import TrainingError, run_command
from tripline_training.evaluation.bootstrap import PERCENTILES, draw_cards
from tripline_training.evaluation.measures import Ranking, average_precision, counts_from_top, rank_scores
from tripline_training.evaluation.read_scored import Scored, read_registered_model, score_payments

WEEK_MS = 7 * DAY_MS
BESIDE = "champion"
REPLICATES = 1_000
SEED = 1

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Options:
    features: Path
    feature_spec: Path
    registry: str
    name: str
    versions: list[str]
    beside: str
    from_ms: int
    weeks: int


@dataclass(frozen=True)
class Week:
    rows: NDArray[np.int64]
    fraud: NDArray[np.int64]
    rankings: list[Ranking]
    """One ranking per model."""

    def average_precisions(self, times: Floats) -> list[float]:
        return [average_precision(*counts_from_top(one, self.fraud, times[self.rows])) for one in self.rankings]


def measure_weeks(options: Options) -> dict[str, Any]:
    """Raises TrainingError if a week lacks fraud or genuine payments."""
    span = Span(options.from_ms, options.from_ms + options.weeks * WEEK_MS)
    models = [read_registered_model(options.registry, options.name, version) for version in options.versions]
    models.append(read_registered_model(options.beside, options.name, BESIDE))
    scored = [score_payments(options.features, options.feature_spec, model, span) for model in models]
    weeks = _weeks_of(scored, options)
    whole = np.array([week.average_precisions(np.ones(len(scored[0]))) for week in weeks])
    low, high = np.percentile(_drawn_ratios(scored[0], weeks), PERCENTILES, axis=0)
    ratios = _ratios(whole)
    return {
        "frauds": [int(week.fraud.sum()) for week in weeks],
        "beside": whole[:, -1].tolist(),
        "versions": {
            version: {
                "weeks": whole[:, place].tolist(),
                "ratio": float(ratios[place]),
                "low": float(low[place]),
                "high": float(high[place]),
            }
            for place, version in enumerate(options.versions)
        },
    }


def _weeks_of(scored: list[Scored], options: Options) -> list[Week]:
    week_of = (scored[0].occurred_at_ms - options.from_ms) // WEEK_MS
    weeks = []
    for number in range(options.weeks):
        rows = np.flatnonzero(week_of == number)
        fraud = scored[0].fraud[rows]
        if not 0 < int(fraud.sum()) < len(rows):
            raise TrainingError(
                f"Week {number + 1} of {options.weeks} has {len(rows)} labelled payments, {int(fraud.sum())} of them "
                "fraud: measuring a model requires both fraud and genuine payments."
            )
        weeks.append(Week(rows, fraud, [rank_scores(model.scores[rows]) for model in scored]))
    return weeks


def _drawn_ratios(scored: Scored, weeks: list[Week]) -> Floats:
    """For samples of whole cards, which are the same for all models. Samples in which a week has no fraud are omitted.
    """
    return np.array(
        [
            _ratios(np.array([week.average_precisions(draw.times) for week in weeks]))
            for draw in draw_cards(scored.cards, scored.fraud, REPLICATES, SEED)
            if all(draw.times[week.rows[week.fraud == 1]].any() for week in weeks)
        ]
    )


def _ratios(weekly: Floats) -> Floats:
    """Each model's mean over the weeks, divided by the last model's mean."""
    means: Floats = weekly.mean(axis=0)
    return means / means[-1]


def parse_options(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(
        prog="tripline_training.evaluation.measure_weeks", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--features", type=Path, required=True, help="Parquet file of tripline backfill")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parser.add_argument("--registry", required=True, help="URL of the model registry, file:///... or mlflow+http://...")
    parser.add_argument("--name", required=True, help="name of the model in both registries")
    parser.add_argument("--versions", required=True, help="aliases or versions, comma-separated")
    parser.add_argument("--beside", required=True, help=f"URL of the registry whose {BESIDE} is the other model")
    parser.add_argument("--from", dest="first", required=True, help="first payment: date (UTC) or RFC 3339 time")
    parser.add_argument("--weeks", type=int, default=4)
    given = parser.parse_args(arguments)
    return Options(
        features=given.features,
        feature_spec=given.feature_spec,
        registry=given.registry,
        name=given.name,
        versions=given.versions.split(","),
        beside=given.beside,
        from_ms=parse_moment_ms(given.first),
        weeks=given.weeks,
    )


def main(arguments: list[str] | None = None) -> None:
    print(json.dumps(measure_weeks(parse_options(arguments))))


if __name__ == "__main__":
    run_command(main)
