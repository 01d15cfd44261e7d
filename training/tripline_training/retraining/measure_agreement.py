"""Measures how closely a candidate and the champion agree on the same payments.

Guards expect the same agreement on live payments.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.data.feature_spec import FeatureSpec
from tripline_training.errors import TrainingError
from tripline_training.registry import registry
from tripline_training.registry.names import RegistryCallError

AGREEMENT_KEY = "agreement"
"""Key in the metrics of a manifest."""
ODDS_RATIO_MIN = 5
"""Two scores have a clear order if their odds differ by this factor. The order of similar scores is mostly chance."""
WAITING_MAX = 16
"""Maximum number of payments that wait for a partner."""
PAIRED_ROWS_MAX = 200_000
"""Maximum number of rows to pair. More rows would not help the guards."""


def measure_agreement(
    rows: Rows, new: NDArray[np.floating], champion: NDArray[np.floating], bands: tuple[float, ...], version: str
) -> dict[str, Any]:
    """Returns, as JSON, the share of payment pairs in the same order, and how many payments reach each band.

    At most 16 payments wait for a partner. A payment is paired with the earliest of them that has another card and that
    the champion clearly scores higher or lower. A pair counts half if the candidate gives both the same score.
    `version` is the champion's. The guards form pairs in the same way:
    packages/decision-engine/src/rollouts/agreement.ts.
    """
    cards, news, champions = (column[:PAIRED_ROWS_MAX].tolist() for column in (rows.cards, new, champion))
    other_orders = _other_orders(cards, news, champions)
    pairs = len(other_orders)
    return {
        "champion": version,
        "pairs": pairs,
        "concordance": 1 - sum(other_orders) / pairs if pairs else 1.0,
        "bands": [
            {
                "from": band,
                "both": int(((new >= band) & (champion >= band)).sum()),
                "only_candidate": int(((new >= band) & (champion < band)).sum()),
                "only_champion": int(((new < band) & (champion >= band)).sum()),
                "candidate_frauds": int(rows.fraud[new >= band].sum()),
                "champion_frauds": int(rows.fraud[champion >= band].sum()),
            }
            for band in bands
        ],
    }


def _other_orders(cards: list[Any], new: list[float], champion: list[float]) -> list[float]:
    """For each pair, 1 if the candidate reverses the order, 0.5 if its scores are equal, and 0 otherwise."""
    waiting: list[int] = []
    found = []
    for at, card in enumerate(cards):
        clear = ((one, _order(champion[one], champion[at])) for one in waiting if cards[one] != card)
        other, order = next(((one, order) for one, order in clear if order != 0), (None, 0))
        if other is None:
            waiting = [*waiting, at][-WAITING_MAX:]
        else:
            waiting.remove(other)
            found.append((1 - order * ((new[other] > new[at]) - (new[other] < new[at]))) / 2)
    return found


def _order(one: float, other: float) -> int:
    """1 or -1 for the order of two scores; 0 if the order is not clear."""
    odds, other_odds = one * (1 - other), other * (1 - one)
    return int(odds > ODDS_RATIO_MIN * other_odds) - int(other_odds > ODDS_RATIO_MIN * odds)


def comparable_champion(store: registry.Store, name: str, spec: FeatureSpec) -> registry.ModelVersion | None:
    """The champion; None if there is none, or if it was trained for other features."""
    try:
        champion = registry.resolve(store, name, "champion")
    except RegistryCallError:
        raise
    except TrainingError:
        return None
    return champion if tuple(champion.manifest["features"]) == tuple(spec.names) else None
