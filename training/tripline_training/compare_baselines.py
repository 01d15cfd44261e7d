"""Compares a model on later payments with logistic regressions and gradient boosting, on vectors and on raw columns.

python -m tripline_training.compare_baselines --features features.parquet --raw raw.parquet \\
    --feature-spec feature-spec.yaml --registry file:///models --name fraud --from 2026-02-22 --to 2026-02-28

The baselines learn from the same payments as the model, and from the labels that were known then.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tripline_training.data.dataset import Dataset, Rows, Span, open_dataset, parse_moment_ms, parse_span
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.data_checks.feature_kinds import read_spec_features
from tripline_training.errors import TrainingError, run_command
from tripline_training.evaluation.baselines import (
    boosting,
    boosting_on_raw,
    logistic_on_raw,
    logistic_on_vectors,
    read_raw_columns,
    rows_to_fit,
)
from tripline_training.evaluation.bootstrap import Estimate
from tripline_training.evaluation.measure_review import MEASURES, Payments, Reliability, measure_review
from tripline_training.evaluation.read_scored import EvaluatedModel, read_registered_model
from tripline_training.trees.categories import learn_encoding
from tripline_training.trees.export_onnx import predict_onnx
from tripline_training.trees.publish_trees import moment

OWN = "this model"
TITLES = {
    "average_precision": "average precision",
    "auc_roc": "AUC ROC",
    "recall_at_budget": "recall at budget",
    "value_detected": "value detected",
}
REPLICATES_MAX = 10_000


@dataclass(frozen=True)
class Options:
    features: Path
    raw: Path
    feature_spec: Path
    model: EvaluatedModel
    span: Span
    review_share: float
    replicates: int
    seed: int
    json: Path | None


def compare(options: Options) -> dict[str, Any]:
    """Raises TrainingError if the model or the baselines cannot be measured on these payments."""
    spec = read_feature_spec(options.feature_spec)
    dataset = open_dataset(options.features, spec)
    train, later = _train_rows(dataset, options.model), dataset.rows_with_truth(options.span)
    newest_ms = int(train.occurred_at_ms[-1])
    if options.span.from_ms <= newest_ms:
        raise TrainingError(
            f"{options.model.name} was trained on payments until {moment(newest_ms)}: measure it on later payments, "
            "with a later --from."
        )
    if len(later) == 0:
        raise TrainingError("There are no labelled payments between --from and --to.")
    scores = {OWN: _own_scores(options.model, later, spec.names), **_baseline_scores(options, train, later)}
    payments = Payments(
        cards=np.unique(later.cards.astype(str), return_inverse=True)[1].astype(np.int64),
        amounts=later.features[:, _amount_place(options.feature_spec)].astype(np.float64),
        fraud=later.fraud,
    )
    measured, reliability = measure_review(payments, scores, options.review_share, options.replicates, options.seed)
    return {
        "model": options.model.name,
        "rows": len(later),
        "frauds": int(later.fraud.sum()),
        "cards": int(payments.cards.max()) + 1,
        "review_share": options.review_share,
        "withheld": list(reliability.sentences),
        "measures": {name: _as_json(own) for name, own in measured.items()},
        "text": table_of(measured, reliability, options, later),
    }


def _train_rows(dataset: Dataset, model: EvaluatedModel) -> Rows:
    try:
        lineage = (model.manifest or {})["lineage"]
        span = Span(parse_moment_ms(lineage["data_from"]), parse_moment_ms(lineage["data_to"]) + 1)
        known_by_ms = parse_moment_ms(lineage["known_by"])
    except KeyError as error:
        raise TrainingError(f"{model.name} does not record its training data.") from error
    rows, _ = dataset.known_rows(span, known_by_ms)
    if int(rows.fraud.sum()) in (0, len(rows)):
        raise TrainingError(f"{dataset.path} does not contain the payments that {model.name} was trained on.")
    return rows


def _own_scores(model: EvaluatedModel, rows: Rows, names: tuple[str, ...]) -> NDArray[np.float64]:
    places = [names.index(name) for name in model.features]
    return predict_onnx(model.model, rows.features[:, places]).astype(np.float64)


def _baseline_scores(options: Options, train: Rows, later: Rows) -> dict[str, NDArray[np.float64]]:
    chosen = rows_to_fit(train.fraud, options.seed)
    fraud = train.fraud[chosen]
    # The code of a category is not a quantity, so baselines read its rank, like the models.
    encoding = learn_encoding(train.features, train.categories)
    vectors = encoding.encode(train.features[chosen]).astype(np.float64)
    test = encoding.encode(later.features).astype(np.float64)
    raw, raw_test = read_raw_columns(options.raw, train.ids[chosen]), read_raw_columns(options.raw, later.ids)
    # On a busy machine, several threads wait for each other and are slower than a single thread.
    with threadpool_limits(limits=1):
        return {
            "gradient boosting, same vectors": boosting(vectors, fraud, test, options.seed),
            "logistic regression, same vectors": logistic_on_vectors(vectors, fraud, test),
            "gradient boosting, raw columns": boosting_on_raw(raw, fraud, raw_test, options.seed),
            "logistic regression, raw columns": logistic_on_raw(raw, fraud, raw_test),
        }


def _amount_place(feature_spec: Path) -> int:
    for place, feature in enumerate(read_spec_features(feature_spec)):
        if feature.kind == "amount":
            return place
    raise TrainingError(f"{feature_spec} has no feature of kind amount, so no value can be counted.")


def _as_json(own: dict[str, Estimate | None]) -> dict[str, Any]:
    return {name: None if estimate is None else estimate.as_json() for name, estimate in own.items()}


def table_of(
    measured: dict[str, dict[str, Estimate | None]], reliability: Reliability, options: Options, rows: Rows
) -> str:
    """The results as a text table."""
    head = (
        f"{len(rows)} payments, {int(rows.fraud.sum())} of them fraud; "
        f"review budget {options.review_share:.2%} of the payments"
    )
    lines = [head, *reliability.sentences]
    if reliability.figures:
        width = max(len(name) for name in measured)
        lines.append(" " * width + "".join(f"{TITLES[name]:>26}" for name in MEASURES))
        lines += [
            f"{name:<{width}}" + "".join(f"{_shown(own[measure]):>26}" for measure in MEASURES)
            for name, own in measured.items()
        ]
    if reliability.intervals and options.replicates > 0:
        lines.append("95 % intervals in brackets, from samples of whole cards")
    return "\n".join(lines)


def _shown(estimate: Estimate | None) -> str:
    if estimate is None:
        return "withheld"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def parse_options(arguments: list[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(prog="tripline_training.compare_baselines", description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="Parquet file of tripline backfill")
    parser.add_argument("--raw", type=Path, required=True, help="Parquet file of the same payments with raw columns")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parser.add_argument("--registry", required=True, help="URL of the model registry, file:///...")
    parser.add_argument("--name", required=True, help="name of the model in the registry")
    parser.add_argument("--version", default="champion", help="alias or version (default champion)")
    parser.add_argument("--from", dest="first", required=True, help="first payment: date (UTC) or RFC 3339 time")
    parser.add_argument("--to", dest="last", required=True, help="inclusive for a date, exclusive for a time")
    parser.add_argument("--review-share", type=float, default=0.005, help="share of payments that are reviewed")
    parser.add_argument(
        "--bootstrap", type=int, default=200, help="bootstrap samples for the intervals; 0: no intervals"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args(arguments)
    if not 0 <= given.bootstrap <= REPLICATES_MAX:
        raise TrainingError(f"--bootstrap must be a number from 0 to {REPLICATES_MAX}.")
    if not 0 < given.review_share <= 1:
        raise TrainingError("--review-share must be above 0 and at most 1. For example, 0.005 is one payment in 200.")
    return Options(
        features=given.features,
        raw=given.raw,
        feature_spec=given.feature_spec,
        model=read_registered_model(given.registry, given.name, given.version),
        span=parse_span(given.first, given.last),
        review_share=given.review_share,
        replicates=given.bootstrap,
        seed=given.seed,
        json=given.json,
    )


def main(arguments: list[str] | None = None) -> None:
    options = parse_options(arguments)
    report = compare(options)
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    print(report["text"])


if __name__ == "__main__":
    run_command(main)
