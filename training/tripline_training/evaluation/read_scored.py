"""Reads labelled payments with the scores of a model."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.dataset import WEIGHT_COLUMN, Span
from tripline_training.data.feature_spec import FeatureSpec
from tripline_training.data.sampling import mature_before_ms
from tripline_training.data.tables import arrays, columns_of, require_columns, sql_name
from tripline_training.data_checks.feature_kinds import read_spec_features
from tripline_training.errors import TrainingError
from tripline_training.registry import registry
from tripline_training.trees.export_onnx import predict_onnx

KEYS = ("client_transaction_id", "card_token", "terminal_id", "occurred_at_ms", "labelled_at_ms", "fraud")


@dataclass(frozen=True)
class EvaluatedModel:
    """`manifest` is the registry's entry for the model; None for a file without a registry."""

    model: bytes
    name: str
    features: tuple[str, ...]
    manifest: dict[str, Any] | None


@dataclass(frozen=True)
class Scored:
    """Payments ordered by (event time, id); all arrays have one entry per row."""

    occurred_at_ms: NDArray[np.int64]
    cards: NDArray[np.int64]
    """A number per card, starting from 0."""
    terminals: NDArray[np.int64]
    """A number per terminal, from 0; payments without a terminal get the number of the empty name."""
    terminal_names: list[str]
    card_age_days: NDArray[np.float64]
    """Time since the card's first payment in the file, which may start later than the card."""
    amounts: NDArray[np.float64]
    """Amounts in major units."""
    fraud: NDArray[np.int64]
    scores: NDArray[np.float64]
    weights: NDArray[np.float64] | None = None
    """How many payments each row represents, if declines were explored."""
    first_fraud_ms: NDArray[np.int64] | None = None
    """Time of the card's first fraud in the whole file, 0 if it has none. None if these rows are the whole file."""

    @property
    def times(self) -> NDArray[np.float64]:
        return np.ones(len(self)) if self.weights is None else self.weights

    @property
    def is_first_fraud(self) -> NDArray[np.bool_]:
        """Whether a row is its card's first fraud, before a report could warn the model.

        A card that had a fraud before these days has no first fraud in them.
        """
        frauds = np.flatnonzero(self.fraud == 1)
        first = np.zeros(len(self), dtype=bool)
        first[frauds[np.unique(self.cards[frauds], return_index=True)[1]]] = True
        return first if self.first_fraud_ms is None else first & (self.occurred_at_ms <= self.first_fraud_ms)

    def __len__(self) -> int:
        return len(self.fraud)


def read_model_file(path: Path, spec: FeatureSpec) -> EvaluatedModel:
    """A model's file. Its features come from the manifest next to it or, if there is none, from the spec."""
    if not path.is_file():
        raise TrainingError(f"{path} does not exist.")
    beside = path.parent / registry.MANIFEST_FILE
    if path.name == registry.MODEL_FILE and beside.is_file():
        try:
            manifest = json.loads(beside.read_text(encoding="utf-8"))
            features = tuple(str(name) for name in manifest["features"])
            name = f"{manifest['name']} {manifest['version']}"
        except (ValueError, KeyError, TypeError) as error:
            raise TrainingError(f"{beside} cannot be read as a model's manifest: {error!r}.") from error
        return EvaluatedModel(path.read_bytes(), name, features, manifest)
    return EvaluatedModel(path.read_bytes(), path.stem, spec.names, None)


def read_registered_model(url: str, name: str, alias_or_version: str) -> EvaluatedModel:
    """A registry's version, with verified files."""
    found = registry.resolve(registry.registry_root(url), name, alias_or_version)
    return EvaluatedModel(
        found.model, f"{name} {found.version}", tuple(str(name) for name in found.manifest["features"]), found.manifest
    )


def score_payments(features: Path, feature_spec: Path, model: EvaluatedModel, span: Span) -> Scored:
    """Scores the payments of a span that have a verdict. Raises TrainingError if there are none."""
    amount = next((f.name for f in read_spec_features(feature_spec) if f.kind == "amount"), None)
    if amount is None:
        raise TrainingError(f"{feature_spec} has no feature of kind amount, so no money can be counted.")
    table = require_columns(features, [*KEYS, amount, *model.features])
    has_weights = WEIGHT_COLUMN in columns_of(table)
    weight = f"{WEIGHT_COLUMN}::DOUBLE AS weight, " if has_weights else ""
    named = ", ".join(f"{sql_name(name)}::FLOAT AS {sql_name(name)}" for name in model.features)
    # Among more recent payments, only the frauds have a label.
    to_ms = min(span.to_ms, mature_before_ms(features))
    within = f"occurred_at_ms >= {span.from_ms} AND occurred_at_ms < {to_ms}"
    columns = arrays(
        "SELECT card_token, coalesce(terminal_id, '') AS terminal_id, occurred_at_ms, fraud::BIGINT AS fraud, "
        f"{sql_name(amount)}::DOUBLE AS money, "
        f"{weight}(occurred_at_ms - first_ms) / 86400000.0 AS card_age_days, first_fraud_ms, {named} FROM {table} "
        "JOIN (SELECT card_token, min(occurred_at_ms) AS first_ms, "
        "coalesce(min(occurred_at_ms) FILTER (fraud = 1), 0) AS first_fraud_ms "
        f"FROM {table} GROUP BY 1) USING (card_token) "
        f"WHERE {within} AND fraud IS NOT NULL AND labelled_at_ms IS NOT NULL "
        "ORDER BY occurred_at_ms, client_transaction_id"
    )
    fraud = columns["fraud"].astype(np.int64)
    frauds = int(fraud.sum())
    if frauds in (0, len(fraud)):
        raise TrainingError(
            f"{features} contains {len(fraud)} labelled payments between --from and --to, {frauds} of them fraud: "
            "measuring a model requires both fraud and genuine payments."
        )
    rows = np.column_stack([columns[name].astype(np.float32) for name in model.features])
    scores = predict_onnx(model.model, rows).astype(np.float64)
    if not np.isfinite(scores).all() or scores.min() < 0 or scores.max() > 1:
        raise TrainingError(f"{model.name} returns scores that are not probabilities: they must be between 0 and 1.")
    names, terminals = np.unique(columns["terminal_id"].astype(str), return_inverse=True)
    return Scored(
        occurred_at_ms=columns["occurred_at_ms"].astype(np.int64),
        cards=np.unique(columns["card_token"].astype(str), return_inverse=True)[1].astype(np.int64),
        terminals=terminals.astype(np.int64),
        terminal_names=[str(name) for name in names],
        card_age_days=columns["card_age_days"].astype(np.float64),
        amounts=columns["money"].astype(np.float64),
        fraud=fraud,
        scores=scores,
        weights=columns["weight"].astype(np.float64) if has_weights else None,
        first_fraud_ms=columns["first_fraud_ms"].astype(np.int64),
    )
