"""Makes the scorecard that accompanies a model, from the same rows that the model was trained on."""

import json
from pathlib import Path
from typing import Any

from tripline_training.data.dataset import Rows
from tripline_training.data.feature_spec import FeatureSpec
from tripline_training.errors import TrainingError
from tripline_training.metrics import measure
from tripline_training.models.scorecard import (
    Scorecard,
    calibrate_card,
    fit_scorecard,
    margins_of_card,
    parse_scorecard,
)
from tripline_training.registry.write import write_file
from tripline_training.steps import step
from tripline_training.trees.fit_calibrated import days_to_hold_out, select_rows, split_rows
from tripline_training.trees.publish_trees import spread

CARD_ROWS_MAX = 500_000
"""Fitting a scorecard copies its rows. If they do not fit into memory, it uses this many, evenly spaced in time."""


def make_scorecard(rows: Rows, spec: FeatureSpec, delay_ms: int) -> tuple[Scorecard, int]:
    """A scorecard, and the number of days at the end of the rows that were held out for calibration.

    If the rows span too few days for that, the card is made and calibrated on all of them. Raises TrainingError if
    nothing predicts fraud.
    """
    days = days_to_hold_out(rows, delay_ms)
    if days == 0:
        return _fit(rows, spec), 0
    earlier, held = (select_rows(rows, part) for part in split_rows(rows, delay_ms, days))
    card = _fit(earlier, spec)
    return calibrate_card(card, margins_of_card(card, held.features, spec.names), held.fraud, held.weights), days


def _fit(rows: Rows, spec: FeatureSpec) -> Scorecard:
    names, version = spec.names, spec.version
    if rows.mapped and len(rows) > CARD_ROWS_MAX:
        rows = select_rows(rows, spread(len(rows), CARD_ROWS_MAX))
    return fit_scorecard(rows.features, rows.fraud, names, version, rows.categories, weights=rows.weights)


def scorecard_to_publish(rows: Rows, spec: FeatureSpec, delay_ms: int) -> bytes | None:
    """The file published with the model. None if no scorecard can be made from these rows; training continues."""
    with step("scorecard") as said:
        try:
            card, days = make_scorecard(rows, spec, delay_ms)
        except TrainingError as error:
            said.says(f"none: {error}")
            return None
        said.says(f"features={len(card.features)} held_out_days={days}")
    return encode_scorecard(card)


def measure_scorecard(card: bytes | None, rows: Rows, names: tuple[str, ...]) -> dict[str, Any]:
    """Measures a scorecard on payments on which it was not trained, for comparison with its model.

    Empty without a scorecard or payments.
    """
    if card is None or len(rows) == 0:
        return {}
    # The measures depend only on the order of the margins.
    margins = margins_of_card(parse_scorecard(card.decode()), rows.features, names)
    found = measure(rows.occurred_at_ms, rows.cards, margins, rows.fraud, rows.weights)
    return {"scorecard": {"average_precision": found.average_precision, "auc_roc": found.auc_roc}}


def encode_scorecard(card: Scorecard) -> bytes:
    """In decisions, the scorecard's version is the start of the sha256 of these bytes."""
    return (json.dumps(card.as_json(), indent=2, allow_nan=False) + "\n").encode()


def write_scorecard(path: Path, card: Scorecard) -> None:
    write_file(path, encode_scorecard(card))
