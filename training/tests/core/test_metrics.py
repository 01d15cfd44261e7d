import numpy as np
import pytest

from tripline_training.data.days import DAY_MS
from tripline_training.metrics import card_precision_top_k, measure

# Columns: day, card, score, fraud.
BY_HAND = [
    (0, "a", 0.1, 0),
    (0, "a", 0.9, 1),  # A card counts with its highest score.
    (0, "b", 0.8, 0),
    (0, "c", 0.2, 1),  # Compromised, but not in the top two, so it is not blocked.
    (0, "c", 0.3, 0),
    (1, "a", 1.0, 1),  # Found on the previous day, so blocked today.
    (1, "b", 0.1, 0),
    (1, "c", 0.7, 1),
    (1, "d", 0.6, 1),
    (2, "c", 0.9, 1),  # Blocked.
    (2, "d", 0.9, 1),  # Blocked.
    (2, "e", 0.5, 1),  # Fewer cards than k: the divisor is still k.
]


def columns() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    day, card, score, fraud = zip(*BY_HAND, strict=True)
    return np.array(day), np.array(card), np.array(score), np.array(fraud)


def test_card_precision_equals_a_manual_calculation() -> None:
    # Day 0: a and b, one of them compromised. Day 1: c and d, both. Day 2: e alone.
    assert card_precision_top_k(*columns(), k=2) == pytest.approx((1 / 2 + 2 / 2 + 1 / 2) / 3)


def test_card_precision_with_a_limit_of_one_card() -> None:
    # Day 0: a. Day 1: c. Day 2: d, found only now.
    assert card_precision_top_k(*columns(), k=1) == pytest.approx(1.0)


def test_card_precision_does_not_depend_on_the_order_of_rows() -> None:
    order = np.random.default_rng(1).permutation(len(BY_HAND))
    day, card, score, fraud = (values[order] for values in columns())
    assert card_precision_top_k(day, card, score, fraud, k=2) == card_precision_top_k(*columns(), k=2)


def test_metrics_use_utc_days() -> None:
    at = np.array([DAY_MS - 1, DAY_MS])
    quality = measure(at, np.array(["a", "a"]), np.array([0.9, 0.9]), np.array([1, 1]))
    # Found on the first day, blocked on the second.
    assert quality.card_precision_at_100 == pytest.approx(0.005)


def test_a_perfect_and_an_inverted_ranking_have_known_metrics() -> None:
    at = np.zeros(4, np.int64)
    cards = np.array(["a", "b", "c", "d"])
    fraud = np.array([0, 0, 1, 1])
    perfect = measure(at, cards, np.array([0.1, 0.2, 0.3, 0.4]), fraud)
    inverted = measure(at, cards, np.array([0.4, 0.3, 0.2, 0.1]), fraud)
    assert (perfect.average_precision, perfect.auc_roc) == (1.0, 1.0)
    assert inverted.auc_roc == 0.0
    # Frauds at ranks 3 and 4: (1/3 + 2/4) / 2.
    assert inverted.average_precision == pytest.approx((1 / 3 + 2 / 4) / 2)


def test_metrics_are_undefined_without_fraud() -> None:
    quality = measure(np.zeros(2, np.int64), np.array(["a", "b"]), np.array([0.1, 0.2]), np.array([0, 0]))
    assert (quality.average_precision, quality.auc_roc) == (None, None)
