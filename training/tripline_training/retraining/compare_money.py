"""Compares the money that two models save under the policy's bands, on the same payments.

Decisions by rules and lists are the same for both models, so only the bands are compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.data.days import DAY_MS
from tripline_training.data.tables import query, require_columns, table_at
from tripline_training.errors import TrainingError
from tripline_training.evaluation.band_costs import (
    CostTable,
    gains_of_challenging,
    gains_of_declining,
    gains_of_reviewing,
    read_cost_table,
)
from tripline_training.evaluation.bootstrap import PERCENTILES
from tripline_training.evaluation.choose_bands import within_capacity
from tripline_training.evaluation.policy_bands import CHALLENGE, DECLINE, REVIEW, PolicyBands, read_policy_bands
from tripline_training.evaluation.segments import Kinds

SAMPLES = 500
CARDS_MIN = 10
"""With fewer cards that the models treat differently, an interval would be unreliable. As in the backtest."""
CARDS_TOGETHER = 5_000
SEGMENTS_NAMED_MAX = 20
SIGNIFICANCE = 0.025
"""One-sided, for all tenants and currencies together."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MoneyOptions:
    costs: Path
    policies: Mapping[str, Path]
    """By tenant. The key "" is for tenants without an entry."""
    payments: Path
    """The columns client_transaction_id, tenant and currency."""
    features: Path
    """The file from which the compared payments come."""

    def files(self) -> dict[str, Path]:
        """Files besides the features on whose bytes an outcome depends."""
        policies = {f"policy {tenant}": path for tenant, path in self.policies.items()}
        return {"costs": self.costs, "payments": self.payments, **policies}


@dataclass(frozen=True)
class Saved:
    """Savings per day compared with the champion, in the currency of the costs, with the 95 % interval."""

    kind: str
    """`all`, `tenant` or `currency`."""
    name: str
    cards: int
    """Cards with a payment that the models treat differently."""
    value: float
    low: float | None
    """None if there are too few cards."""
    high: float | None
    is_worse: bool
    """Whether it is significantly below 0, given the number of tenants and currencies."""

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__}


@dataclass(frozen=True)
class Money:
    currency: str
    days: int
    total: Saved
    worse: list[Saved]
    """The tenants and currencies for which the candidate is significantly worse, the largest loss first."""
    segments: int
    """Number of tenants and currencies that were compared."""
    loss_per_day_max: float
    than: str = "the champion"
    """The model that the candidate is compared with."""
    has_unseen_declines: bool = False
    """Whether payments can be declined without any being explored, so that frauds among them are unknown."""

    def as_json(self) -> dict[str, Any]:
        return {
            "currency": self.currency,
            "days": self.days,
            "total": self.total.as_json(),
            "worse": [each.as_json() for each in self.worse[:SEGMENTS_NAMED_MAX]],
            "segments": self.segments,
            "loss_per_day_max": self.loss_per_day_max,
            "sentence": self.sentence,
        }

    @property
    def sentence(self) -> str:
        if not self.has_unseen_declines:
            return self.compared
        return (
            f"{self.compared} Payments that were declined have no verdict, because none was explored, so frauds that "
            "only the champion stops are not counted."
        )

    @property
    def compared(self) -> str:
        """The sentence without its limitation."""
        total = self.total
        verb, amount = ("saves", total.value) if total.value >= 0 else ("loses", -total.value)
        said = f"Under the policy's bands, it {verb} {amount:,.2f} {self.currency} per day compared with {self.than}"
        if total.low is None:
            return f"{said}, but only {total.cards} cards would be treated differently, too few for an interval."
        said += f" (95 % interval of the savings: {total.low:,.2f} to {total.high:,.2f})"
        if not self.worse:
            return f"{said}, and no tenant or currency is significantly worse."
        first = self.worse[0]
        more = f" and {len(self.worse) - 1} more" if len(self.worse) > 1 else ""
        return f"{said}, but {first.kind} {first.name} loses {-first.value:,.2f} {self.currency} per day{more}."


def why_money_keeps(money: Money | None, *, is_as_good: bool) -> str | None:
    """A clause that states why the other model is cheaper; None if it is not, or if no costs are given.

    `is_as_good`: whether the candidate may lose the stated amount instead of having to save money.
    """
    if money is None:
        return None
    low = money.total.low
    needed = -money.loss_per_day_max if is_as_good and money.loss_per_day_max > 0 else 0.0
    is_enough = low is not None and (low >= needed if needed < 0 else low > 0)
    if is_enough and not money.worse:
        return None
    rule = f"the limit is a loss of {-needed:,.2f} per day" if needed < 0 else "the interval must be above 0"
    return f"it does not save enough money: {money.compared[0].lower()}{money.compared[1:-1]}; {rule}."


NO_COSTS = "Not compared, because no costs are given."


def money_of(manifest: dict[str, Any]) -> str:
    """What the model saves compared with the champion at the time, as a sentence."""
    compared = manifest.get("metrics", {}).get("retrain")
    if compared is None:
        return "Not compared with a champion."
    money = compared.get("money")
    return NO_COSTS if money is None else str(money["sentence"])


class MoneyJudge:
    """The costs, bands and payments, read once for all candidates."""

    def __init__(self, options: MoneyOptions, rows: Rows, amounts: Floats, card_share: float) -> None:
        """`card_share`: the share of the cards that `rows` contains. Raises TrainingError."""
        self._table: CostTable = read_cost_table(options.costs)
        self._bands = {tenant: read_policy_bands(path) for tenant, path in options.policies.items()}
        self._rows = rows
        self._card_share = card_share
        self._tenants, self._currencies = kinds_of(rows, options)
        codes = self._currencies.names
        rates = np.array([self._table.rate_of(code, len(codes) - 1) for code in codes])
        self._amounts = amounts.astype(np.float64) * rates[self._currencies.of_row]
        self._currency = self._table.currency or (codes[0] if codes else "")
        is_explored = rows.explored is not None and bool((rows.explored > 1).any())
        self._has_unseen_declines = not is_explored and any(bands.declines for bands in self._bands.values())

    def compare(self, new: Floats, other: Floats, seed: int, than: str = "the champion") -> Money:
        """`than`: what the sentence calls the other model."""
        rows = self._rows
        times = np.ones(len(rows)) if rows.weights is None else rows.weights
        days = len(np.unique(rows.occurred_at_ms // DAY_MS))
        gain = (self._savings(new, times) - self._savings(other, times)) / self._card_share / days
        cards = np.unique(rows.cards, return_inverse=True)[1].astype(np.int64)
        differs = np.flatnonzero(gain != 0)
        parts = [("all", "", differs)]
        for kind, kinds in self.kinds:
            numbers = kinds.of_row[differs]
            parts += [(kind, kinds.names[number], differs[numbers == number]) for number in np.unique(numbers)]
        z = NormalDist().inv_cdf(1 - SIGNIFICANCE / max(1, len(parts) - 1))
        found = [_saved(part, gain, cards, z, seed) for part in parts]
        worse = sorted((each for each in found[1:] if each.is_worse), key=lambda each: each.value)
        limit = self._table.loss_per_day_max
        return Money(self._currency, days, found[0], worse, len(parts) - 1, limit, than, self._has_unseen_declines)

    @property
    def kinds(self) -> tuple[tuple[str, Kinds], ...]:
        return (("tenant", self._tenants), ("currency", self._currencies))

    def _savings(self, scores: Floats, times: Floats) -> Floats:
        """Savings of each row compared with approving it. Reviews above a tenant's capacity are approved."""
        rows, saved = self._rows, np.zeros(len(scores))
        for number, tenant in enumerate(self._tenants.names):
            of_tenant = np.flatnonzero(self._tenants.of_row == number)
            actions = self._bands_of(tenant).actions(scores[of_tenant])
            days = rows.occurred_at_ms[of_tenant] // DAY_MS
            wanted = (actions == REVIEW) * times[of_tenant]
            capacity = self._table.costs_of(tenant, "").reviews_per_day * self._card_share
            reviewed = within_capacity(wanted, np.searchsorted(days, days, side="left"), capacity)
            for code in np.unique(self._currencies.of_row[of_tenant]):
                part = self._currencies.of_row[of_tenant] == code
                at, acts = of_tenant[part], actions[part]
                costs = self._table.costs_of(tenant, self._currencies.names[code])
                given = (costs, self._amounts[at], rows.fraud[at])
                saved[at] = (
                    gains_of_challenging(*given) * times[at] * (acts == CHALLENGE)
                    + gains_of_reviewing(*given) * reviewed[part]
                    + gains_of_declining(*given) * times[at] * (acts == DECLINE)
                )
        return saved

    def _bands_of(self, tenant: str) -> PolicyBands:
        found = self._bands.get(tenant, self._bands.get(""))
        if found is None:
            raise TrainingError(f"No policy is given for the tenant {tenant}.")
        return found


def kinds_of(rows: Rows, options: MoneyOptions) -> tuple[Kinds, Kinds]:
    """The tenants and the currencies. Raises TrainingError if a payment is missing."""
    table = require_columns(options.payments, ["client_transaction_id", "tenant", "currency"])
    # Texts of all payments of a large lake would not fit into memory.
    times = f"occurred_at_ms BETWEEN {rows.occurred_at_ms.min()} AND {rows.occurred_at_ms.max()}"
    compared = f"SELECT client_transaction_id FROM {table_at(options.features)} WHERE {times}"
    pairs = f"SELECT DISTINCT tenant, currency FROM {table}"
    key = "md5_number_lower(client_transaction_id)" if rows.mapped else "client_transaction_id"
    columns = query(
        f"SELECT {key} AS id, pair FROM {table} JOIN (SELECT *, row_number() OVER (ORDER BY tenant, currency) - 1 "
        f"AS pair FROM ({pairs})) USING (tenant, currency) WHERE client_transaction_id IN ({compared})"
    ).fetchnumpy()
    ids = np.asarray(columns["id"]).astype(rows.ids.dtype if rows.mapped else str)
    wanted = rows.ids if rows.mapped else rows.ids.astype(str)
    order = np.argsort(ids, kind="stable")
    at = np.minimum(np.searchsorted(ids[order], wanted), max(0, len(ids) - 1))
    found = order[at] if len(ids) else np.zeros(0, np.int64)
    missing = len(wanted) if len(ids) == 0 else int((ids[found] != wanted).sum())
    if missing:
        raise TrainingError(f"{missing} payments of the newest weeks are not in {options.payments}.")
    of_row = np.asarray(columns["pair"]).astype(np.int64)[found]
    tenants, currencies = zip(*query(f"{pairs} ORDER BY tenant, currency").fetchall(), strict=True)
    return _kinds(np.array(tenants), of_row), _kinds(np.array(currencies), of_row)


def _kinds(names: NDArray[np.str_], of_row: NDArray[np.int64]) -> Kinds:
    """Only the names of these rows. `of_row`: positions in `names`, which may repeat."""
    used = np.unique(of_row)
    found, numbers = np.unique(names[used], return_inverse=True)
    return Kinds(found.tolist(), numbers[np.searchsorted(used, of_row)].astype(np.int64))


def _saved(
    part: tuple[str, str, NDArray[np.int64]], gain: Floats, cards: NDArray[np.int64], z: float, seed: int
) -> Saved:
    """Bootstraps over cards with Poisson weights: N. Chamandy et al., Estimating uncertainty for massive data streams,
    Google, 2012. packages/model-loop/src/backtest/bootstrap-totals.ts does the same.
    """
    kind, name, at = part
    numbers, of_card = np.unique(cards[at], return_inverse=True)
    totals = np.bincount(of_card, weights=gain[at], minlength=len(numbers))
    value = float(totals.sum())
    if len(numbers) < CARDS_MIN:
        return Saved(kind, name, len(numbers), value, None, None, is_worse=False)
    random = np.random.default_rng(seed)
    samples = np.zeros(SAMPLES)
    for first in range(0, len(totals), CARDS_TOGETHER):
        some = totals[first : first + CARDS_TOGETHER]
        samples += some @ random.poisson(1, (len(some), SAMPLES))
    low, high = np.percentile(samples, PERCENTILES)
    is_worse = value + z * float(samples.std()) < 0
    return Saved(kind, name, len(numbers), value, float(low), float(high), is_worse)
