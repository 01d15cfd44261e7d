"""The error names any rule that is missing, unknown or out of range."""

import json
from pathlib import Path

import pytest

from tripline_training.errors import TrainingError
from tripline_training.retraining.rules import read_rules
from tripline_training.trees.params import DEFAULT_PARAMS


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ({"ap_gain_min": -1}, "retrain.ap_gain_min must be a number from 0 to 1"),
        ({"newest_days": 1.5}, "retrain.newest_days must be a number"),
        ({"fixed_windows": [["1970-01-01"]]}, "pairs of a first and last date"),
        ({"unknown": 1}, "retrain must contain exactly"),
    ],
)
def test_names_invalid_rules(rules: dict[str, object], sentence: str, tmp_path: Path) -> None:
    params = json.loads(DEFAULT_PARAMS.read_text(encoding="utf-8"))
    params["retrain"] |= rules
    path = tmp_path / "params.json"
    path.write_text(json.dumps(params), encoding="utf-8")
    with pytest.raises(TrainingError, match=sentence):
        read_rules(path)
