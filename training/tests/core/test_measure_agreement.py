"""The agreement of two models that guards expect of live payments."""

import numpy as np
import pytest

from tripline_training.data.dataset import Rows
from tripline_training.retraining.measure_agreement import measure_agreement


def rows_of(cards: list[str], frauds: tuple[int, ...] = ()) -> Rows:
    count = len(cards)
    fraud = np.isin(np.arange(count), frauds).astype(np.int64)
    return Rows(np.arange(count), np.array(cards), np.arange(count), fraud, np.zeros((count, 1), np.float32))


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ([0.1, 0.5, 0.3, 0.9, 0.9, 0.1], 1.0),
        ([0.5, 0.1, 0.3, 0.9, 0.9, 0.1], 2 / 3),
        ([0.2, 0.2, 0.3, 0.9, 0.9, 0.1], 2.5 / 3),
    ],
)
def test_counts_pairs_in_the_same_order(new: list[float], expected: float) -> None:
    champion = np.array([0.1, 0.5, 0.3, 0.9, 0.9, 0.1])
    found = measure_agreement(rows_of(list("abcdef")), np.array(new), champion, (0.5,), "c0")
    assert found["pairs"] == 3
    assert found["concordance"] == pytest.approx(expected)
    assert found["champion"] == "c0"


def test_skips_pairs_of_one_card_and_pairs_without_an_order() -> None:
    champion = np.array([0.4, 0.05, 0.5, 0.3])
    found = measure_agreement(rows_of(["a", "a", "a", "b"]), champion, champion, (0.25,), "c0")
    # The other card's payment has a clear order only relative to the second payment.
    assert (found["pairs"], found["concordance"]) == (1, 1.0)
    assert found["bands"][0] == {
        **{"from": 0.25, "both": 3, "only_candidate": 0, "only_champion": 0},
        **{"candidate_frauds": 0, "champion_frauds": 0},
    }


def test_counts_the_payments_above_a_band_by_either_model() -> None:
    new, champion = np.array([0.6, 0.6, 0.1, 0.1]), np.array([0.6, 0.1, 0.6, 0.1])
    (band,) = measure_agreement(rows_of(list("abcd"), (0, 1)), new, champion, (0.5,), "c0")["bands"]
    assert band == {
        **{"from": 0.5, "both": 1, "only_candidate": 1, "only_champion": 1},
        **{"candidate_frauds": 2, "champion_frauds": 1},
    }
