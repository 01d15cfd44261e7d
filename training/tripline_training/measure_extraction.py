"""Measures how well a model can be copied by querying it: with exact scores, rounded scores, or outcomes alone.

python -m tripline_training.measure_extraction --features features.parquet --policy ../apps/decisions/policy.yaml \\
    --model /models/models/fraud/versions/0123456789ab

An attacker queries payments of the first half of the time, trains on the responses, and is measured on the second half.
The attacker knows every feature of every payment, which is more than any caller knows, so this is the worst case.

Two further attacks target the training data. Membership: an attacker who knows a payment and its label guesses from the
response whether the model was trained on it; to know the truth, a model is trained on a random half of the payments.
Inversion: an attacker who knows all features but one guesses from the response whether that one is above its median,
for each of the most informative features. Both are reported as the AUC of the guess; 0.5 is chance.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xgboost
import yaml
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from tripline_training.check_scores import load_booster
from tripline_training.data.tables import arrays, require_columns, sql_name
from tripline_training.errors import TrainingError, run_command
from tripline_training.trees.export_onnx import predict_booster

REPETITIONS = 3
TREES = 100
LEARNER = {
    "max_depth": 6,
    "learning_rate": 0.1,
    "nthread": 1,
    "max_bin": 64,
    "tree_method": "hist",
    "subsample": 0.8,
    "objective": "reg:squarederror",
    "verbosity": 0,
}
ASSESSED_ROWS = 30_000
"""Number of payments of the second half to measure on, evenly spaced."""
SMALLEST = 1e-9
ANSWERS = ("score", "rounded", "outcome")
"""What callers get with the scope decisions:exact, with decisions:explain, and with neither."""
SCORE_STEPS = 20
"""The ingestion API rounds scores to multiples of one twentieth for callers with decisions:explain."""
HIDDEN_FEATURES = 5
"""Number of features that are hidden in turn: those with the largest gain in the model."""


@dataclass(frozen=True)
class Copy:
    """The quality of a copy, for each repetition."""

    auc: tuple[float, ...]
    """AUC for separating fraud from genuine payments."""
    average_precision: tuple[float, ...]
    rank_correlation: tuple[float, ...]
    """Agreement with the model's own scores."""


@dataclass(frozen=True)
class Extraction:
    rows: int
    model_auc: float
    model_average_precision: float
    copies: dict[str, Copy]
    """The copied models, by the content of the responses."""
    membership: dict[str, tuple[float, ...]]
    """AUC of recognising training payments, by the content of the responses; one per repetition."""
    inversion: dict[str, tuple[float, ...]]
    """AUC of guessing a hidden feature, by the content of the responses and without any (`none`); one per feature."""


def measure_extraction(features: Path, model: Path, policy: Path, questions: int, repetitions: int) -> Extraction:
    """Raises TrainingError if there are too few payments to query, or if none of them is fraud."""
    booster, names = load_booster(model)
    table = require_columns(features, ["occurred_at_ms", "fraud", *names])
    columns = ", ".join(f"{sql_name(name)}::FLOAT AS {sql_name(name)}" for name in names)
    rows = arrays(f"SELECT occurred_at_ms, fraud::BIGINT AS fraud, {columns} FROM {table} ORDER BY occurred_at_ms")
    vectors = np.column_stack([rows[name].astype(np.float32) for name in names])
    fraud = rows["fraud"].astype(np.int64)
    half = len(fraud) // 2
    if half < questions or fraud[half:].min() == fraud[half:].max():
        raise TrainingError(f"{half} payments are too few for {questions} queries, or are all fraud or all genuine.")
    scores = predict_booster(booster, vectors).astype(np.float64)
    outcomes = np.digitize(scores, _bands(policy)).astype(np.float64)
    # A rounded score is returned together with its outcome, which shows on which side of a band's edge the score is.
    answers = {"score": _logit(scores), "rounded": _rounded(scores) + outcomes / (2 * SCORE_STEPS), "outcome": outcomes}
    assessed = slice(half, None, max(1, half // ASSESSED_ROWS))
    later, later_fraud, later_scores = vectors[assessed], fraud[assessed], scores[assessed]
    copies: dict[str, Copy] = {}
    for answer in ANSWERS:
        found: list[tuple[float, float, float]] = []
        for seed in range(repetitions):
            asked = np.random.default_rng(seed).choice(half, questions, replace=False)
            copied = _copy(vectors[asked], answers[answer][asked], later, seed)
            found.append(
                (
                    float(roc_auc_score(later_fraud, copied)),
                    float(average_precision_score(later_fraud, copied)),
                    _rank_correlation(copied, later_scores),
                )
            )
        copies[answer] = Copy(*(tuple(figures) for figures in zip(*found, strict=True)))
    return Extraction(
        rows=len(fraud),
        model_auc=float(roc_auc_score(later_fraud, later_scores)),
        model_average_precision=float(average_precision_score(later_fraud, later_scores)),
        copies=copies,
        membership=_attack_membership(vectors[:half], fraud[:half], _bands(policy), repetitions),
        inversion=_attack_inversion(vectors, answers, _gains(booster, names), questions, half),
    )


def _attack_membership(
    vectors: NDArray[np.float32], fraud: NDArray[np.int64], bands: list[float], repetitions: int
) -> dict[str, tuple[float, ...]]:
    found: dict[str, list[float]] = {answer: [] for answer in ANSWERS}
    for seed in range(repetitions):
        is_member = np.random.default_rng(seed).random(len(fraud)) < 0.5
        data = xgboost.DMatrix(vectors[is_member], label=fraud[is_member])
        learner = {**LEARNER, "objective": "binary:logistic", "seed": seed}
        scores = xgboost.train(learner, data, num_boost_round=TREES).predict(xgboost.DMatrix(vectors))
        answers = {
            "score": scores,
            "rounded": _rounded(scores),
            "outcome": np.digitize(scores, bands) / len(bands),
        }
        for answer, values in answers.items():
            # A model is more certain about payments that it was trained on.
            found[answer].append(float(roc_auc_score(is_member, -np.abs(values - fraud))))
    return {answer: tuple(values) for answer, values in found.items()}


def _attack_inversion(
    vectors: NDArray[np.float32], answers: dict[str, NDArray[np.float64]], hidden: list[int], questions: int, half: int
) -> dict[str, tuple[float, ...]]:
    asked = np.random.default_rng(0).choice(half, questions, replace=False)
    later = np.arange(half, len(vectors), max(1, half // ASSESSED_ROWS))
    found: dict[str, list[float]] = {answer: [] for answer in ("none", *ANSWERS)}
    for column in hidden:
        is_high = vectors[:, column] > np.median(vectors[:, column])
        if is_high[later].min() == is_high[later].max() or is_high[asked].min() == is_high[asked].max():
            continue
        known = np.delete(vectors, column, axis=1)
        for answer, values in found.items():
            extra = [] if answer == "none" else [answers[answer].astype(np.float32)]
            seen = np.column_stack([known, *extra])
            guess = _copy(seen[asked], is_high[asked].astype(np.float64), seen[later], 0)
            values.append(float(roc_auc_score(is_high[later], guess)))
    return {answer: tuple(values) for answer, values in found.items()}


def _gains(booster: xgboost.Booster, names: list[str]) -> list[int]:
    """Indexes of the features with the largest gain in the model, in descending order."""
    gains = booster.get_score(importance_type="total_gain")
    by_place = {place: gains.get(name, gains.get(f"f{place}", 0.0)) for place, name in enumerate(names)}
    return sorted(by_place, key=lambda place: -float(by_place[place]))[:HIDDEN_FEATURES]


def _bands(policy: Path) -> list[float]:
    """The lower bounds of the score's bands, lowest first."""
    bands = yaml.safe_load(policy.read_text(encoding="utf-8"))["bands"]
    return sorted(float(band["at_least"]) for band in bands)


def _copy(
    asked: NDArray[np.float32], answers: NDArray[np.float64], later: NDArray[np.float32], seed: int
) -> NDArray[np.float64]:
    learned = xgboost.train({**LEARNER, "seed": seed}, xgboost.DMatrix(asked, label=answers), num_boost_round=TREES)
    return np.asarray(learned.predict(xgboost.DMatrix(later)), dtype=np.float64)


def _rounded(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.round(scores * SCORE_STEPS) / SCORE_STEPS, dtype=np.float64)


def _logit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.clip(scores, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(kept / (1 - kept)), dtype=np.float64)


def _rank_correlation(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Spearman's rank correlation."""
    ranks = [np.argsort(np.argsort(values)) for values in (left, right)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="tripline_training.measure_extraction", description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="what `tripline backfill` wrote")
    parser.add_argument("--model", type=Path, required=True, help="folder of the version to copy")
    parser.add_argument("--policy", type=Path, required=True, help="policy whose bands turn scores into outcomes")
    parser.add_argument("--questions", type=int, default=10_000, help="number of queried payments")
    given = parser.parse_args(arguments)
    result = measure_extraction(given.features, given.model, given.policy, given.questions, REPETITIONS)
    print(f"model: auc={result.model_auc:.4f} average_precision={result.model_average_precision:.4f}")
    for answer, copy in result.copies.items():
        figures = " ".join(
            f"{name}={np.median(values):.4f} ({min(values):.4f}-{max(values):.4f})"
            for name, values in vars(copy).items()
        )
        print(f"copied from {given.questions} responses with {answer}: {figures}")
    for name, answers in (("membership", result.membership), ("inversion", result.inversion)):
        for answer, values in answers.items():
            print(f"{name} by {answer}: auc={np.median(values):.4f} ({min(values):.4f}-{max(values):.4f})")


if __name__ == "__main__":
    run_command(main)
