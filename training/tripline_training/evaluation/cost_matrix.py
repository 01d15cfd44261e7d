"""The costs of decisions, and how much money a model saves compared with approving every payment."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tripline_training.errors import TrainingError


@dataclass(frozen=True)
class CostMatrix:
    """All money in major units of the payments' currency.

    |         | let pass                              | stopped                                |
    | ------- | ------------------------------------- | -------------------------------------- |
    | fraud   | lost_share * amount + chargeback_fee  | review_cost                            |
    | genuine | 0                                     | review_cost + friction_share * amount  |

    The defaults are examples; replace them with a bank's own figures.
    """

    lost_share: float = 1.0
    """Share of a fraud's amount that is not recovered."""
    chargeback_fee: float = 15.0
    review_cost: float = 3.0
    """Cost of reviewing one stopped payment."""
    friction_share: float = 0.05
    """Share of a genuine payment's amount: the cost of stopping an innocent customer."""


@dataclass(frozen=True)
class Money:
    saved: float
    """Savings compared with approving every payment."""
    saved_share: float
    """Share of the savings that perfect knowledge would give; negative if the model costs more than it saves."""
    possible: float
    """Savings with perfect knowledge."""
    stopped: int
    stopped_frauds: int

    def as_json(self) -> dict[str, float | int]:
        return asdict(self)


def read_cost_matrix(path: Path | None) -> CostMatrix:
    """Raises TrainingError that names the first entry that is missing, unknown or not a cost."""
    if path is None:
        return CostMatrix()
    names = [field.name for field in fields(CostMatrix)]
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read: {error}.") from error
    if not isinstance(values, dict) or set(values) != set(names):
        raise TrainingError(f"{path} must contain exactly {', '.join(names)}.")
    for name in names:
        value = values[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
            raise TrainingError(f"{path}: {name} must be a number of at least 0, not {value!r}.")
    return CostMatrix(**values)


def gains_of_stopping(costs: CostMatrix, amounts: NDArray[np.float64], fraud: NDArray[np.int64]) -> NDArray[np.float64]:
    """The amount that stopping each payment saves compared with approving it; negative for genuine payments."""
    if_fraud = costs.lost_share * amounts + costs.chargeback_fee - costs.review_cost
    if_genuine = -(costs.review_cost + costs.friction_share * amounts)
    return np.where(fraud == 1, if_fraud, if_genuine)


def stop_by_expected_cost(
    costs: CostMatrix, amounts: NDArray[np.float64], scores: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether stopping is expected to save money, if the scores are probabilities.

    Requires no threshold chosen from the data. Stop where p * (gain if fraud) > (1 - p) * (loss if genuine). Source:
    Elkan, The Foundations of Cost-Sensitive Learning, 2001.
    """
    if_fraud = gains_of_stopping(costs, amounts, np.ones(len(amounts), dtype=np.int64))
    if_genuine = gains_of_stopping(costs, amounts, np.zeros(len(amounts), dtype=np.int64))
    return np.asarray(scores * if_fraud + (1 - scores) * if_genuine > 0)


def money_saved(
    costs: CostMatrix,
    amounts: NDArray[np.float64],
    fraud: NDArray[np.int64],
    scores: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
) -> Money:
    """The amount that decisions by expected cost save; `weights` are the number of times that each row counts."""
    times = np.ones(len(fraud)) if weights is None else weights
    gains = gains_of_stopping(costs, amounts, fraud) * times
    stopped = stop_by_expected_cost(costs, amounts, scores)
    saved = float(gains[stopped].sum())
    possible = float(gains[gains > 0].sum())
    return Money(
        saved=saved,
        saved_share=saved / possible if possible > 0 else 0.0,
        possible=possible,
        stopped=round(float(times[stopped].sum())),
        stopped_frauds=round(float(times[stopped & (fraud == 1)].sum())),
    )


def savings_by_threshold(
    costs: CostMatrix,
    amounts: NDArray[np.float64],
    fraud: NDArray[np.int64],
    scores: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    *,
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """For each threshold, the amount that stopping every payment with at least that score saves."""
    times = np.ones(len(fraud)) if weights is None else weights
    gains = gains_of_stopping(costs, amounts, fraud) * times
    order = np.argsort(scores, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(gains[order][::-1])])[::-1]
    return total[np.searchsorted(scores[order], thresholds, side="left")]
