"""Compares each day's features, scores and outcomes with earlier days, and reports drift.

With --scores, checks once a week whether these scores find frauds worse than before, using labels that have arrived.

python -m tripline_training.detect_drift --features features.parquet --feature-spec feature-spec.yaml \\
    --registry file:///models --name fraud --metrics drift.prom --events drift.ndjson

Judges the newest complete day unless --from and --to name days. A day that drifted gives one `drift-detected` event as
a line of JSON. --report writes Evidently's HTML report of the last day and needs the environment `drift`.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tripline_training.data.dataset import Span, parse_span
from tripline_training.data.days import DAY_MS
from tripline_training.drift.draw_evidently import write_evidently_report
from tripline_training.drift.judge_days import DayVerdict, Limits, date_of, days_after_reference, judge_day
from tripline_training.drift.judge_weeks import judge_labels
from tripline_training.drift.read_days import (
    SCORE,
    Column,
    Days,
    category_features,
    newest_whole_day,
    read_days,
    watched_features,
)
from tripline_training.drift.write_results import event_of, prometheus_text, write_whole
from tripline_training.errors import TrainingError, run_command

DRIFT_EXIT_CODE = 3
DAYS_MAX = 366


@dataclass(frozen=True)
class Options:
    features: Path
    feature_spec: Path
    scores: Path | None
    registry: str | None
    name: str
    version: str
    days: range | None
    reference: range | None
    """Reference days, treated as if they were right before the judged ones; None: the days right before."""
    limits: Limits
    metrics: Path | None
    events: Path | None
    report: Path | None
    fail_on_drift: bool
    watch: frozenset[str] | None
    """The features to check; None means all features."""


def detect_drift(options: Options) -> tuple[Days, list[DayVerdict]]:
    """One verdict per day. Raises TrainingError if the file does not contain the earlier days or has too few payments.
    """
    judged = options.days
    if judged is None:
        newest = newest_whole_day(options.features)
        judged = range(newest, newest + 1)
    names = watched_features(options.feature_spec)
    if options.watch is not None:
        names = [name for name in names if name in options.watch]
    first, last = judged[0] - options.limits.days_before, judged[-1]
    if options.reference is not None:
        first = min(first, options.reference[0])
    if options.registry is None:
        categories = category_features(options.feature_spec)
        days = read_days(options.features, names, first, last, options.scores, categories=categories)
    else:
        days = _scored_days(options, names, first, last)
    if options.reference is None:
        return days, [_with_labels(judge_day(days, day, options.limits), options) for day in judged]
    moved = [days_after_reference(days, options.reference, day, options.limits) for day in judged]
    return moved[-1], [judge_day(part, day, options.limits) for part, day in zip(moved, judged, strict=True)]


def _with_labels(verdict: DayVerdict, options: Options) -> DayVerdict:
    """Adds a judgement of the deciding scores by the labels that have arrived, if one is possible."""
    found = None if options.scores is None else judge_labels(options.features, options.scores, verdict.day)
    return verdict if found is None else replace(verdict, judgements=[*verdict.judgements, found])


def _scored_days(options: Options, names: list[str], first: int, last: int) -> Days:
    """Uses the scores of a registered model."""
    # Imported late, because the training libraries take a second to load and not every caller needs them.
    from tripline_training.evaluation.read_scored import read_registered_model  # noqa: PLC0415
    from tripline_training.trees.export_onnx import predict_onnx  # noqa: PLC0415

    assert options.registry is not None
    model = read_registered_model(options.registry, options.name, options.version)
    calendar = [name for name in model.features if name not in names]
    categories = category_features(options.feature_spec)
    days = read_days(options.features, [*names, *calendar], first, last, categories=categories)
    values = {column.name: column.values for column in days.columns}
    rows = np.column_stack([values[name].astype(np.float32) for name in model.features])
    score = Column(SCORE, "score", predict_onnx(model.model, rows).astype(np.float64))
    return Days(days.day, [*(column for column in days.columns if column.name in names), score], days.outcomes)


def run(options: Options, now_ms: int) -> int:
    """Prints a line per day and writes the requested files; returns the exit code."""
    days, verdicts = detect_drift(options)
    events = [
        event_of(verdict, options.limits, options.name, now_ms, options.reference)
        for verdict in verdicts
        if verdict.drifted
    ]
    for verdict in verdicts:
        moved = ",".join(judgement.column for judgement in verdict.drifted) or "none"
        print(f"detect-drift: day={date_of(verdict.day)} rows={verdict.rows} drifted={moved}", file=sys.stderr)
    lines = "".join(json.dumps(event, allow_nan=False) + "\n" for event in events)
    if options.events is None:
        sys.stdout.write(lines)
    elif events:
        with options.events.open("a", encoding="utf-8") as file:
            file.write(lines)
    if options.metrics is not None:
        write_whole(options.metrics, prometheus_text(verdicts[-1], options.limits, options.name, now_ms))
    if options.report is not None:
        write_evidently_report(options.report, days, verdicts[-1], options.limits)
    return DRIFT_EXIT_CODE if events and options.fail_on_drift else 0


def parse_options(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(prog="tripline_training.detect_drift", description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="Parquet file of tripline backfill")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parser.add_argument("--scores", type=Path, help="table with client_transaction_id and the served score")
    parser.add_argument("--registry", help="registry of a model to score with, instead of --scores, file:///...")
    parser.add_argument("--name", default="fraud", help="name of the model; it labels metrics and events")
    parser.add_argument("--version", default="champion", help="alias or version, with --registry")
    parser.add_argument(
        "--watch",
        type=lambda text: frozenset(text.split(",")),
        metavar="NAMES",
        help="check only these features, comma-separated: those that the model uses",
    )
    parser.add_argument("--from", dest="first", help="first day to check, a date (UTC); default: the newest full day")
    parser.add_argument("--to", dest="last", help="last day to check")
    parser.add_argument(
        "--reference",
        help="days to compare with instead of the days right before, for instance those the model was trained on: "
        f"first..last, at least {Limits().days_before} of them",
    )
    parser.add_argument("--false-alarms-per-day", type=float, default=Limits.false_alarms_per_day)
    parser.add_argument("--metrics", type=Path, help="file for Prometheus, as node_exporter's textfile collector reads")
    parser.add_argument("--events", type=Path, help="file to append drift-detected events to; default standard output")
    parser.add_argument("--report", type=Path, help="where to write Evidently's HTML report of the last day")
    parser.add_argument("--fail-on-drift", action="store_true", help=f"exit with code {DRIFT_EXIT_CODE} on drift")
    given = parser.parse_args(arguments)
    if given.scores is not None and given.registry is not None:
        raise TrainingError("--scores and --registry cannot be combined.")
    if not 0 < given.false_alarms_per_day < 1:
        raise TrainingError("--false-alarms-per-day must be between 0 and 1.")
    return Options(
        features=given.features,
        feature_spec=given.feature_spec,
        scores=given.scores,
        registry=given.registry,
        name=given.name,
        version=given.version,
        days=_days_of(given.first, given.last),
        reference=_reference_of(given.reference),
        limits=Limits(false_alarms_per_day=given.false_alarms_per_day),
        metrics=given.metrics,
        events=given.events,
        report=given.report,
        fail_on_drift=given.fail_on_drift,
        watch=given.watch,
    )


def _days_of(first: str | None, last: str | None) -> range | None:
    if first is None and last is None:
        return None
    if first is None or last is None:
        raise TrainingError("Specify both --from and --to, or neither.")
    span: Span = parse_span(first, last)
    days = range(span.from_ms // DAY_MS, -(-span.to_ms // DAY_MS))
    if len(days) > DAYS_MAX:
        raise TrainingError(f"The period from --from to --to has {len(days)} days; the maximum is {DAYS_MAX}.")
    return days


def _reference_of(text: str | None) -> range | None:
    if text is None:
        return None
    first, dots, last = text.partition("..")
    days = _days_of(first, last) if dots else None
    least = Limits().days_before
    if days is None or len(days) < least:
        raise TrainingError(f"--reference must be first..last, two dates with at least {least} days, not {text}.")
    return days[-least:]


def main(arguments: list[str] | None = None) -> int:
    return run(parse_options(arguments), round(time.time() * 1000))


if __name__ == "__main__":
    run_command(lambda: sys.exit(main()))
