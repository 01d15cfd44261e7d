"""Checks a features file before training, and reports what it found.

python -m tripline_training.check_data --features features.parquet \\
    --feature-spec ../packages/contracts/feature-spec.yaml --output check.md --json check.json

Exits with code 1 if a fault was found, with one sentence per fault that names the column. The checks run as SQL
inside DuckDB, one pass over the file: a data frame library would hold every row in memory, and add more to the
environment than all of training needs.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.data.sampling import shares_of
from tripline_training.data.tables import columns_of, query, table_at
from tripline_training.data_checks.check_columns import check_schema, check_values
from tripline_training.data_checks.check_time_and_leakage import (
    Rules,
    check_class_balance,
    check_labels_in_features,
    check_single_features,
    check_time_order,
)
from tripline_training.data_checks.feature_kinds import read_spec_features
from tripline_training.data_checks.findings import DataReport
from tripline_training.data_checks.write_check_report import markdown_of
from tripline_training.errors import TrainingError, run_command

SENTENCES_MAX = 10
"""Maximum number of faults in an error; the report has all."""


def check_data(features: Path, feature_spec: Path, rules: Rules | None = None, now_ms: int | None = None) -> DataReport:
    """Runs all checks on one file. Later checks run only if the earlier checks on which they depend found no fault.

    Raises TrainingError only if the file or the spec cannot be read at all.
    """
    rules = rules or Rules()
    now_ms = now_ms if now_ms is not None else round(time.time() * 1000)
    spec_features = read_spec_features(feature_spec)
    report = DataReport(features, read_feature_spec(feature_spec).version)
    table = table_at(features)
    report.findings += check_schema(columns_of(table), spec_features)
    if report.faults:
        return report
    row = query(
        "SELECT count(*), count(*) FILTER (labelled_at_ms IS NOT NULL AND fraud IS NOT NULL), "
        "count(*) FILTER (labelled_at_ms IS NOT NULL AND fraud::BIGINT = 1), min(occurred_at_ms), max(occurred_at_ms) "
        f"FROM {table}"
    ).fetchall()[0]
    report.rows, report.labelled, report.frauds, report.first_ms, report.last_ms = row
    report.findings += check_values(table, spec_features)
    report.findings += check_time_order(table, now_ms, rules)
    if not shares_of(features).has_all:
        rules = replace(rules, fraud_share_warning=(0, 1))
        report.notes.append("The share of fraud was not checked: the file is a sample with more frauds.")
    report.findings += check_class_balance(report.labelled, report.frauds, report.rows, rules)
    if any(finding.check in ("nulls", "range") for finding in report.faults) or report.rows == 0:
        report.notes.append("Profiles and leakage through features were not checked: fix the values first.")
        return report
    report.profiles, findings = check_single_features(table, spec_features, rules)
    report.findings += findings
    findings, note = check_labels_in_features(table, spec_features, rules)
    report.findings += findings
    if note is not None:
        report.notes.append(note)
    return report


def check_before_training(features: Path, feature_spec: Path, rules: Rules | None = None) -> DataReport:
    """Raises TrainingError with one sentence per fault; prints the warnings."""
    report = check_data(features, feature_spec, rules)
    for finding in report.warnings:
        print(f"warning: {finding.sentence}", file=sys.stderr)
    if report.faults:
        raise TrainingError(f"{features} is not suitable for training: {sentences_of(report)}")
    return report


def sentences_of(report: DataReport) -> str:
    """The first faults, and the number of further faults."""
    named = [finding.sentence for finding in report.faults[:SENTENCES_MAX]]
    more = len(report.faults) - len(named)
    return " ".join([*named, *([f"And {more} more."] if more > 0 else [])])


def add_feature_auc_max(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--feature-auc-max",
        type=_auc_max,
        default=Rules.feature_auc_max,
        help="a single feature with at least this AUC is a fault, because it may have seen the label; 1 accepts "
        "any feature (default 0.98)",
    )


def _auc_max(text: str) -> float:
    value = float(text)
    if not 0.5 < value <= 1:
        raise TrainingError("--feature-auc-max must be between 0.5 and 1.")
    return value


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="tripline_training.check_data", description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="Parquet file of tripline backfill")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parser.add_argument("--output", type=Path, help="where to write the Markdown report")
    parser.add_argument("--json", type=Path, help="where to write the JSON report")
    parser.add_argument(
        "--label-delay-min", type=float, default=60, help="minimum seconds between a payment and its label (default 60)"
    )
    add_feature_auc_max(parser)
    given = parser.parse_args(arguments)
    if given.label_delay_min < 0:
        raise TrainingError("--label-delay-min must not be negative.")
    delay_ms = round(given.label_delay_min * 1000)
    rules = Rules(label_delay_ms_min=delay_ms, feature_auc_max=given.feature_auc_max, has_auc_option=True)
    report = check_data(given.features, given.feature_spec, rules)
    if given.output is not None:
        given.output.write_text(markdown_of(report), encoding="utf-8")
    if given.json is not None:
        given.json.write_text(json.dumps(report.as_json(), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    for finding in report.findings:
        print(f"{finding.level}: {finding.sentence}")
    for note in report.notes:
        print(f"note: {note}")
    print(
        f"check-data: rows={report.rows} frauds={report.frauds} faults={len(report.faults)} "
        f"warnings={len(report.warnings)}"
    )
    if report.faults:
        raise TrainingError(f"{given.features} is not suitable for training: {sentences_of(report)}")


if __name__ == "__main__":
    run_command(main)
