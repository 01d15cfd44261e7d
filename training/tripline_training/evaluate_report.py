"""Measures a model on later payments and writes a report: one HTML file with plots, and JSON.

python -m tripline_training.evaluate_report --features features.parquet --feature-spec feature-spec.yaml \\
    --registry file:///models --name fraud --version champion --from 2026-02-22 --to 2026-02-28 --output report.html
"""

import argparse
import json
from pathlib import Path
from typing import Any

from tripline_training.data.dataset import parse_span
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.errors import TrainingError, run_command
from tripline_training.evaluation.cost_matrix import read_cost_matrix
from tripline_training.evaluation.evaluate_model import Evaluation, evaluate_model
from tripline_training.evaluation.read_scored import EvaluatedModel, read_model_file, read_registered_model
from tripline_training.evaluation.render_report import render_report

REPLICATES_MAX = 10_000


def parse_options(arguments: list[str] | None = None) -> tuple[Evaluation, Path | None, Path | None]:
    """The evaluation, and the files to which HTML and JSON are written."""
    parser = argparse.ArgumentParser(prog="tripline_training.evaluate_report", description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="Parquet file of tripline backfill")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="ONNX file, instead of --registry, --name and --version")
    parser.add_argument("--registry", help="URL of the model registry, file:///...")
    parser.add_argument("--name", help="name of the model in the registry")
    parser.add_argument("--version", default="champion", help="alias or version (default champion)")
    parser.add_argument("--from", dest="first", required=True, help="first payment: date (UTC) or RFC 3339 time")
    parser.add_argument("--to", dest="last", required=True, help="inclusive for a date, exclusive for a time")
    parser.add_argument("--costs", type=Path, help="JSON with the cost matrix; see evaluation/cost_matrix.py")
    parser.add_argument(
        "--bootstrap", type=int, default=200, help="bootstrap samples for the intervals; 0: no intervals"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="where to write the HTML report")
    parser.add_argument("--json", type=Path, help="where to write the JSON report")
    given = parser.parse_args(arguments)
    if not 0 <= given.bootstrap <= REPLICATES_MAX:
        raise TrainingError(f"--bootstrap must be a number from 0 to {REPLICATES_MAX}.")
    options = Evaluation(
        features=given.features,
        feature_spec=given.feature_spec,
        model=_model_of(given),
        span=parse_span(given.first, given.last),
        costs=read_cost_matrix(given.costs),
        replicates=given.bootstrap,
        seed=given.seed,
    )
    return options, given.output, given.json


def _model_of(given: argparse.Namespace) -> EvaluatedModel:
    if given.model is not None and given.registry is None and given.name is None:
        return read_model_file(given.model, read_feature_spec(given.feature_spec))
    if given.model is None and given.registry is not None and given.name is not None:
        return read_registered_model(given.registry, given.name, given.version)
    raise TrainingError("Specify the model with either --model, or --registry and --name.")


def line_of(report: dict[str, Any]) -> str:
    """The report as one line that programs can read."""
    values = {name: estimate["value"] for name, estimate in report["measures"].items()}
    return (
        f"evaluate-report: rows={report['data']['rows']} frauds={report['data']['frauds']} "
        f"ap={values['average_precision']:.4f} auc={values['auc_roc']:.4f} cp100={values['card_precision_at_100']:.4f} "
        f"ece={values['ece']:.5f} saved={values['money_saved']:.2f} saved_share={values['money_saved_share']:.4f}"
    )


def main(arguments: list[str] | None = None) -> None:
    options, html_path, json_path = parse_options(arguments)
    report = evaluate_model(options)
    if html_path is not None:
        html_path.write_text(render_report(report), encoding="utf-8")
    if json_path is not None:
        json_path.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    print(line_of(report))


if __name__ == "__main__":
    run_command(main)
