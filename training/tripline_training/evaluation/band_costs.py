"""The costs of decisions, for choosing a policy's score bands."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from tripline_training.errors import TrainingError


@dataclass(frozen=True)
class BandCosts:
    """All amounts are in major units of the payments' currency. The file must contain every entry.

    |         | approved                                   | reviewed    | declined                             |
    | ------- | ------------------------------------------ | ----------- | ------------------------------------ |
    | fraud   | fraud_loss_share * amount + chargeback_fee | review_cost | 0                                    |
    | genuine | 0                                          | review_cost | false_positive_cost + share * amount |

    `share` is `false_positive_share`. Reviews are assumed to be correct.
    """

    fraud_loss_share: float
    """Share of a fraud's amount that is not recovered."""
    chargeback_fee: float
    false_positive_cost: float
    """Fixed cost of declining a genuine payment."""
    false_positive_share: float
    """Additional cost, as a share of its amount."""
    review_cost: float
    reviews_per_day: float
    """Maximum number of reviews per day (UTC). Further payments of that day are approved."""


def read_band_costs(path: Path) -> BandCosts:
    """Raises TrainingError if an entry is missing, unknown or not a cost."""
    names = [field.name for field in fields(BandCosts)]
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise TrainingError(f"{path} cannot be read: {error}.") from error
    if not isinstance(values, dict) or set(values) != set(names):
        raise TrainingError(f"{path} must contain exactly {', '.join(names)}.")
    for name in names:
        value = values[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
            raise TrainingError(f"{path}: {name} must be a number of at least 0 and below 1e9, not {value!r}.")
        if name.endswith("_share") and value > 1:
            raise TrainingError(f"{path}: {name} is a share of the amount and must be from 0 to 1, not {value!r}.")
    return BandCosts(**{name: float(values[name]) for name in names})


def gains_of_declining(costs: BandCosts, amounts: NDArray[np.float64], fraud: NDArray[np.int64]) -> NDArray[np.float64]:
    """Savings from declining each payment instead of approving it."""
    genuine = -(costs.false_positive_cost + costs.false_positive_share * amounts)
    return np.where(fraud == 1, costs.fraud_loss_share * amounts + costs.chargeback_fee, genuine)


def gains_of_reviewing(costs: BandCosts, amounts: NDArray[np.float64], fraud: NDArray[np.int64]) -> NDArray[np.float64]:
    """Savings from reviewing each payment instead of approving it."""
    return np.where(fraud == 1, costs.fraud_loss_share * amounts + costs.chargeback_fee, 0.0) - costs.review_cost
