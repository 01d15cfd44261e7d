"""Calibration and false positives of segments, with intervals from samples of cards."""

from dataclasses import replace

import numpy as np
import pytest

from tripline_training.evaluation import segment_intervals
from tripline_training.evaluation.segment_intervals import Scores, ratios_of

CARDS, PER_CARD = 600, 10
ROWS = CARDS * PER_CARD
BAND = 0.3


def scores_of(factor: float = 1) -> Scores:
    """Calibrated scores, multiplied by `factor`."""
    random = np.random.default_rng(3)
    true = random.beta(0.5, 4, ROWS)
    fraud = (random.random(ROWS) < true).astype(np.int64)
    times = random.choice([1.0, 4.0], ROWS)
    return Scores(np.repeat(np.arange(CARDS), PER_CARD), fraud, true * factor, times, BAND)


def test_values_equal_those_computed_directly() -> None:
    given = scores_of()
    within = given.cards < 100
    [(calibration, false_positives)] = ratios_of(given, [within], seed=1)
    frauds = (given.times * given.fraud)[within].sum()
    assert calibration.value == pytest.approx(frauds / (given.times * given.scores)[within].sum())
    genuine = given.times * (given.fraud == 0) * within
    assert false_positives.value == pytest.approx(genuine[given.scores >= BAND].sum() / genuine.sum())


@pytest.mark.parametrize(("factor", "is_calibrated"), [(1, True), (1.5, False)])
def test_the_interval_shows_whether_scores_are_calibrated(factor: float, is_calibrated: bool) -> None:
    [(calibration, _)] = ratios_of(scores_of(factor), [np.ones(ROWS, dtype=bool)], seed=1)
    assert calibration.low is not None
    assert calibration.high is not None
    assert (calibration.low < 1 < calibration.high) == is_calibrated


def test_the_interval_does_not_depend_on_other_segments_or_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    given, every = scores_of(), np.ones(ROWS, dtype=bool)
    [alone] = ratios_of(given, [every], seed=1)
    assert ratios_of(given, [given.cards < 9, every], seed=1)[1] == alone
    monkeypatch.setattr(segment_intervals, "CARDS_TOGETHER", 7)
    [(calibration, _)] = ratios_of(given, [every], seed=1)
    assert calibration.low == pytest.approx(alone[0].low, rel=0.05)


def test_few_events_have_no_interval() -> None:
    """regression #31: a segment without frauds showed the interval 0 to 0."""
    given, every = scores_of(), np.ones(ROWS, dtype=bool)
    for frauds, has_interval in [(0, False), (4, False), (5, True)]:
        fraud = np.zeros(ROWS, dtype=np.int64)
        # Two frauds on each card: payments of one card are not independent.
        fraud[: frauds * PER_CARD : PER_CARD] = fraud[1 : frauds * PER_CARD : PER_CARD] = 1
        [(calibration, false_positives)] = ratios_of(replace(given, fraud=fraud), [every], seed=1)
        assert (calibration.value == 0) == (frauds == 0)
        assert (calibration.low is not None) == (calibration.high is not None) == has_interval
        assert false_positives.low is not None


def test_few_cards_have_no_interval_and_no_payments_no_value() -> None:
    given = scores_of()
    few, none = ratios_of(given, [given.cards < 9, np.zeros(ROWS, dtype=bool)], seed=1)
    assert few[0].value is not None
    assert (few[0].low, few[1].high) == (None, None)
    assert none[0].value is None
    assert none[1].value is None
