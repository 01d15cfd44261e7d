"""The costs of decisions, for choosing a policy's score bands and for comparing models by the money that they save."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from tripline_training.errors import TrainingError


@dataclass(frozen=True)
class BandCosts:
    """All amounts are in major units of one currency.

    |         | approved                                   | challenged     | reviewed    | declined               |
    | ------- | ------------------------------------------ | -------------- | ----------- | ---------------------- |
    | fraud   | fraud_loss_share * amount + chargeback_fee | challenge_cost | review_cost | 0                      |
    | genuine | 0                                          | challenge_cost | review_cost | false_positive_cost    |
    |         |                                            |                |             | + share * amount       |

    `share` is `false_positive_share`. Reviews and challenges are assumed to be correct.
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
    """Maximum number of a tenant's reviews per day (UTC). Further payments of that day are approved."""
    challenge_cost: float | None = None
    """None: like a review."""


@dataclass(frozen=True)
class Override:
    """Costs that differ for a tenant, for a currency, or for a tenant's payments in a currency."""

    tenant: str | None
    currency: str | None
    values: dict[str, float]


@dataclass(frozen=True)
class CostTable:
    """Costs by tenant and currency. Later overrides take precedence."""

    base: BandCosts
    currency: str | None
    """Currency of the costs. None: that of the payments, which must have only one."""
    rates: dict[str, float]
    """Value of one unit of another currency, in the currency of the costs."""
    loss_per_day_max: float
    """How much a promotion after a drift may lose per day."""
    overrides: tuple[Override, ...]

    def costs_of(self, tenant: str, currency: str) -> BandCosts:
        costs = self.base
        for each in self.overrides:
            if each.tenant in (None, tenant) and each.currency in (None, currency):
                costs = replace(costs, **each.values)  # type: ignore[arg-type]
        return costs

    def rate_of(self, currency: str, others: int) -> float:
        """Raises TrainingError for a payment's currency without a rate. `others`: number of other currencies."""
        if currency == self.currency or (self.currency is None and others == 0):
            return 1.0
        if self.currency is None:
            raise TrainingError("The payments have several currencies: set `currency` and `rates` in the costs file.")
        if currency not in self.rates:
            raise TrainingError(f"The costs file has no rate for {currency}: add it to `rates`.")
        return self.rates[currency]


COSTS = [field.name for field in fields(BandCosts)]
REQUIRED = [name for name in COSTS if name != "challenge_cost"]
OTHERS = ["challenge_cost", "currency", "rates", "loss_per_day_max", "overrides"]
OVERRIDES_MAX = 1_000


def read_band_costs(path: Path) -> BandCosts:
    """The costs that apply unless overridden. Raises TrainingError if an entry is missing, unknown or not a cost."""
    return read_cost_table(path).base


def read_cost_table(path: Path) -> CostTable:
    """Raises TrainingError if an entry is missing, unknown or not a cost."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise TrainingError(f"{path} cannot be read: {error}.") from error
    if not isinstance(values, dict) or not set(REQUIRED) <= set(values) <= {*REQUIRED, *OTHERS}:
        raise TrainingError(
            f"{path} must contain exactly {', '.join(REQUIRED)}, and may also contain {', '.join(OTHERS)}."
        )
    rates = values.get("rates", {})
    overrides = values.get("overrides", [])
    currency = values.get("currency")
    if not isinstance(rates, dict) or not all(isinstance(code, str) for code in rates):
        raise TrainingError(f"{path}: rates must have one entry per currency.")
    if not isinstance(overrides, list) or len(overrides) > OVERRIDES_MAX:
        raise TrainingError(f"{path}: overrides must be a list of at most {OVERRIDES_MAX} entries.")
    if currency is not None and not isinstance(currency, str):
        raise TrainingError(f"{path}: currency must be a code such as EUR, not {currency!r}.")
    return CostTable(
        base=BandCosts(**{name: _cost(path, name, values[name]) for name in COSTS if name in values}),
        currency=currency,
        rates={code: _rate(path, code, rate) for code, rate in rates.items()},
        loss_per_day_max=_cost(path, "loss_per_day_max", values.get("loss_per_day_max", 0)),
        overrides=tuple(_override(path, number, each) for number, each in enumerate(overrides)),
    )


def _override(path: Path, number: int, given: Any) -> Override:  # noqa: ANN401 -- from YAML
    where = f"overrides.{number}"
    if not isinstance(given, dict) or not set(given) <= {*COSTS, "tenant", "currency"}:
        raise TrainingError(f"{path}: {where} may contain only tenant, currency and {', '.join(COSTS)}.")
    chosen = {key: given[key] for key in ("tenant", "currency") if key in given}
    if not chosen or not all(isinstance(value, str) for value in chosen.values()):
        raise TrainingError(f"{path}: {where} must name a tenant, a currency, or both.")
    if "currency" in given and "reviews_per_day" in given:
        raise TrainingError(f"{path}: {where}: reviews_per_day cannot depend on the currency.")
    values = {name: _cost(path, f"{where}.{name}", given[name]) for name in COSTS if name in given}
    return Override(chosen.get("tenant"), chosen.get("currency"), values)


def _cost(path: Path, name: str, value: Any) -> float:  # noqa: ANN401 -- from YAML
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise TrainingError(f"{path}: {name} must be a number of at least 0 and below 1e9, not {value!r}.")
    if name.endswith("_share") and value > 1:
        raise TrainingError(f"{path}: {name} is a share of the amount and must be from 0 to 1, not {value!r}.")
    return float(value)


def _rate(path: Path, code: str, value: Any) -> float:  # noqa: ANN401 -- from YAML
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
        raise TrainingError(f"{path}: rates.{code} must be a number above 0 and below 1e9, not {value!r}.")
    return float(value)


def gains_of_declining(costs: BandCosts, amounts: NDArray[np.float64], fraud: NDArray[np.int64]) -> NDArray[np.float64]:
    """Savings from declining each payment instead of approving it."""
    genuine = -(costs.false_positive_cost + costs.false_positive_share * amounts)
    return np.where(fraud == 1, costs.fraud_loss_share * amounts + costs.chargeback_fee, genuine)


def gains_of_reviewing(costs: BandCosts, amounts: NDArray[np.float64], fraud: NDArray[np.int64]) -> NDArray[np.float64]:
    """Savings from reviewing each payment instead of approving it."""
    return _losses(costs, amounts, fraud) - costs.review_cost


def gains_of_challenging(
    costs: BandCosts, amounts: NDArray[np.float64], fraud: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Savings from challenging each payment instead of approving it."""
    cost = costs.review_cost if costs.challenge_cost is None else costs.challenge_cost
    return _losses(costs, amounts, fraud) - cost


def _losses(costs: BandCosts, amounts: NDArray[np.float64], fraud: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(fraud == 1, costs.fraud_loss_share * amounts + costs.chargeback_fee, 0.0)
