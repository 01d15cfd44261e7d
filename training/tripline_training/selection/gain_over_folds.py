"""The gain of one model over another on several folds, with an interval for the gain in average precision itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.evaluation.bootstrap import PERCENTILES, draw_cards
from tripline_training.evaluation.measures import Ranking, auc_roc, average_precision, counts_from_top, rank_scores

REPLICATES = 400

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class FoldGain:
    """Means over the folds."""

    ap_without: float
    ap_with: float
    low: float
    """95 % interval of the gain in average precision."""
    high: float
    auc_without: float
    auc_with: float


def gain_over_folds(
    folds: Sequence[Rows], without: Sequence[Scores], with_group: Sequence[Scores], seed: int
) -> FoldGain:
    """The mean over the folds. A sample consists of whole cards, the same ones in each fold and for both models.

    Each fold must contain frauds and genuine payments.
    """
    rankings = [[rank_scores(scores) for scores in pair] for pair in zip(without, with_group, strict=True)]
    ends = np.cumsum([0, *(len(fold) for fold in folds)])
    fraud = np.concatenate([fold.fraud for fold in folds])
    bases = [1.0 if fold.weights is None else fold.weights for fold in folds]
    cards = np.unique(np.concatenate([fold.cards for fold in folds]), return_inverse=True)[1].astype(np.int64)

    def means(times: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The average precision of both models; None for a sample in which a fold has no fraud."""
        found = []
        for fold, base, pair, first, last in zip(folds, bases, rankings, ends, ends[1:], strict=False):
            weights = times[first:last] * base
            if not weights[fold.fraud == 1].any():
                return None
            found.append([_precision(ranking, fold.fraud, weights) for ranking in pair])
        mean: NDArray[np.float64] = np.mean(found, axis=0)
        return mean

    whole = means(np.ones(len(fraud)))
    assert whole is not None
    drawn = [means(draw.times) for draw in draw_cards(cards, fraud, REPLICATES, seed)]
    gains = [float(both[1] - both[0]) for both in drawn if both is not None]
    low, high = np.percentile(gains, PERCENTILES) if gains else (-1.0, 1.0)
    areas = [
        np.mean([auc_roc(*_counts(pair[model], fold)) for fold, pair in zip(folds, rankings, strict=True)])
        for model in range(2)
    ]
    return FoldGain(
        ap_without=float(whole[0]),
        ap_with=float(whole[1]),
        low=float(low),
        high=float(high),
        auc_without=float(areas[0]),
        auc_with=float(areas[1]),
    )


def _counts(ranking: Ranking, fold: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return counts_from_top(ranking, fold.fraud, np.ones(len(fold)) if fold.weights is None else fold.weights)


def _precision(ranking: Ranking, fraud: NDArray[np.int64], weights: NDArray[np.float64]) -> float:
    return average_precision(*counts_from_top(ranking, fraud, weights))
