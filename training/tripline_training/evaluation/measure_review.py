"""The frauds that a review team with a fixed budget would find, with intervals from a bootstrap over cards."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tripline_training.evaluation.bootstrap import Estimate, draw_cards, estimate_of
from tripline_training.evaluation.measures import Ranking, auc_roc, average_precision, counts_from_top, rank_scores

Floats = NDArray[np.float64]

FRAUDS_MIN = 20
"""With fewer frauds, a single one changes every figure by several per cent."""
REVIEWED_MIN = 10
"""With a budget of fewer payments, the number of frauds found is mostly chance."""
FRAUD_CARDS_MIN = 10
"""With fewer fraudulent cards, bootstrap intervals are too narrow."""
MEASURES = ("average_precision", "auc_roc", "recall_at_budget", "value_detected")


@dataclass(frozen=True)
class Payments:
    """One entry per row in each array."""

    cards: NDArray[np.int64]
    """Cards as numbers from 0."""
    amounts: Floats
    fraud: NDArray[np.int64]


@dataclass(frozen=True)
class Reliability:
    """Which kinds of figures are reliable, and one sentence for each kind that is withheld."""

    figures: bool
    budget: bool
    intervals: bool
    sentences: tuple[str, ...]


def judge_reliability(payments: Payments, review_share: float) -> Reliability:
    frauds = int(payments.fraud.sum())
    reviewed = int(review_share * len(payments.fraud))
    fraud_cards = len(np.unique(payments.cards[payments.fraud == 1]))
    sentences: list[str] = []
    figures = frauds >= FRAUDS_MIN
    if not figures:
        sentences.append(f"No figures: these days have {frauds} frauds; fewer than {FRAUDS_MIN} measure only chance.")
    budget = figures and reviewed >= REVIEWED_MIN
    if figures and not budget:
        sentences.append(
            f"No recall at the review budget: {review_share:.2%} of {len(payments.fraud)} payments is {reviewed}, "
            f"but at least {REVIEWED_MIN} are required. Choose a larger --review-share or more days."
        )
    intervals = figures and fraud_cards >= FRAUD_CARDS_MIN
    if figures and not intervals:
        sentences.append(
            f"No intervals: only {fraud_cards} cards have frauds; at least {FRAUD_CARDS_MIN} are required."
        )
    return Reliability(figures, budget, intervals, tuple(sentences))


def measure_review(
    payments: Payments, scores: dict[str, Floats], review_share: float, replicates: int, seed: int
) -> tuple[dict[str, dict[str, Estimate | None]], Reliability]:
    """Each measure of each model; None if it is withheld. All models are measured on the same samples of cards."""
    reliability = judge_reliability(payments, review_share)
    if not reliability.figures:
        return {name: dict.fromkeys(MEASURES) for name in scores}, reliability
    ones = np.ones(len(payments.fraud))
    rankings = {name: rank_scores(own) for name, own in scores.items()}
    values = {name: measure_once(payments, own, review_share, ones) for name, own in rankings.items()}
    samples: dict[str, list[dict[str, float]]] = {name: [] for name in scores}
    if reliability.intervals:
        for draw in draw_cards(payments.cards, payments.fraud, replicates, seed):
            for name, own in rankings.items():
                samples[name].append(measure_once(payments, own, review_share, draw.times))
    shown = [name for name in MEASURES if reliability.budget or name in ("average_precision", "auc_roc")]
    return {
        name: {
            measure: estimate_of(value[measure], [one[measure] for one in samples[name]]) if measure in shown else None
            for measure in MEASURES
        }
        for name, value in values.items()
    }, reliability


def measure_once(payments: Payments, ranking: Ranking, review_share: float, times: Floats) -> dict[str, float]:
    """`times` is the number of times that each row counts."""
    frauds, genuine = counts_from_top(ranking, payments.fraud, times)
    reviewed = _reviewed(ranking, times, review_share * float(times.sum()))
    caught = reviewed * (payments.fraud == 1)
    lost = times * (payments.fraud == 1)
    value = float((lost * payments.amounts).sum())
    return {
        "average_precision": average_precision(frauds, genuine),
        "auc_roc": auc_roc(frauds, genuine),
        "recall_at_budget": float(caught.sum() / lost.sum()),
        "value_detected": float((caught * payments.amounts).sum()) / value if value > 0 else 0.0,
    }


def _reviewed(ranking: Ranking, times: Floats, budget: float) -> Floats:
    """How often each row is reviewed, highest scores first. Rows with equal scores get equal shares."""
    counted = np.cumsum(times[ranking.order])[ranking.ends]
    weights = np.diff(counted, prepend=0.0)
    share = np.clip((budget - (counted - weights)) / np.maximum(weights, 1e-300), 0, 1)
    reviewed = np.empty(len(times))
    reviewed[ranking.order] = np.repeat(share, np.diff(ranking.ends, prepend=-1))
    return np.asarray(times * reviewed)
