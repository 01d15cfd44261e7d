"""The scorecard that goes with a model: from the rows that the model was trained on, so that both know the same."""

import json
from pathlib import Path

from tripline_training.data.dataset import Rows
from tripline_training.data.feature_spec import FeatureSpec
from tripline_training.models.scorecard import Scorecard, calibrate_card, fit_scorecard, margins_of_card
from tripline_training.registry.write import write_file
from tripline_training.trees.fit_calibrated import days_to_hold_out, select_rows, split_rows


def make_scorecard(rows: Rows, spec: FeatureSpec, delay_ms: int) -> tuple[Scorecard, int]:
    """A scorecard, and how many days at the end of the rows were held out to calibrate it.

    Where the rows span too few days for that, all of them make the card, whose logistic regression is calibrated on
    them alone. Raises TrainingError where nothing predicts fraud.
    """
    days = days_to_hold_out(rows, delay_ms)
    if days == 0:
        return fit_scorecard(rows.features, rows.fraud, spec.names, spec.version), 0
    earlier, held = (select_rows(rows, part) for part in split_rows(rows, delay_ms, days))
    card = fit_scorecard(earlier.features, earlier.fraud, spec.names, spec.version)
    return calibrate_card(card, margins_of_card(card, held.features, spec.names), held.fraud), days


def write_scorecard(path: Path, card: Scorecard) -> None:
    """Written as a whole: a service may be reading the file that this replaces."""
    write_file(path, (json.dumps(card.as_json(), indent=2, allow_nan=False) + "\n").encode())
