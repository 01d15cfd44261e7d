"""Each margin alone is sufficient to keep the champion."""

from dataclasses import replace
from typing import Any

import pytest

from tripline_training.retraining.compare_scores import Comparison, Gain
from tripline_training.retraining.judge_challenger import Measured, why_champion_is_kept
from tripline_training.retraining.rules import read_rules
from tripline_training.trees.params import DEFAULT_PARAMS


def measured(**changes: Any) -> Measured:  # noqa: ANN401 -- fields of a comparison
    better = Gain(new=0.8, champion=0.7, low=0.05, high=0.15)
    newest = Comparison(1000, 50, better, Gain(0.3, 0.3, -0.01, 0.01), ece_new=0.002, ece_champion=0.002, curve_new=[])
    old = replace(newest, ap=changes.pop("old_ap", better)) if changes.pop("has_old", True) else None
    is_under_way = changes.pop("is_under_way", False)
    return Measured(replace(newest, **changes), old, "aaaaaaaaaaaa", is_under_way)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"ap": Gain(0.704, 0.7, 0.001, 0.007)}, "a gain of 0.0040, below the required 0.005"),
        ({"ap": Gain(0.75, 0.7, -0.001, 0.1)}, "may be chance: 0.0500, with a 95 % interval from -0.0010 to 0.1000"),
        ({"cp100": Gain(0.28, 0.3, -0.05, 0.01)}, "card precision@100 on the newest weeks falls from 0.3000 to 0.2800"),
        ({"cp100": Gain(0.295, 0.3, -0.008, -0.002)}, "interval of the gain from -0.0080 to -0.0020"),
        ({"cp100": Gain(0.295, 0.3, -0.01, 0.001)}, None),
        ({"ece_new": 0.03}, "the calibration error on the newest weeks rises from 0.0020 to 0.0300"),
        ({"old_ap": Gain(0.6, 0.7, -0.2, 0.0)}, "fixed old weeks: the average precision falls from 0.7000 to 0.6000"),
        ({"old_ap": Gain(0.66, 0.7, -0.2, 0.0)}, None),
        # The registered model would be trained on newer days, so it is enough to be as good as the champion.
        ({"ap": Gain(0.696, 0.7, -0.02, 0.01), "is_under_way": True}, None),
        ({"ap": Gain(0.694, 0.7, -0.02, 0.01), "is_under_way": True}, "a gain of -0.0060, below the required -0.005"),
        ({"ap": Gain(0.696, 0.7, -0.02, -0.001), "is_under_way": True}, "below the required 0.005"),
        ({"ap": Gain(0.696, 0.7, -0.02, 0.01), "is_under_way": True, "has_old": False}, "below the required 0.005"),
    ],
)
def test_each_margin_can_save_the_champion(changes: dict[str, Any], words: str | None) -> None:
    rules = replace(read_rules(DEFAULT_PARAMS), ece_rise_max=0.02, old_ap_loss_max=0.05)
    reason = why_champion_is_kept(measured(**changes), "bbbbbbbbbbbb", rules)
    assert reason is None if words is None else words in (reason or "")
