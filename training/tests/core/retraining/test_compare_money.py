"""The money that two models save under the policy's bands, compared with computing it payment by payment."""

import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import DAY_MS, write_parquet
from tripline_training.data.dataset import Rows
from tripline_training.data.tables import query
from tripline_training.errors import TrainingError
from tripline_training.evaluation.band_costs import read_cost_table
from tripline_training.evaluation.policy_bands import read_policy_bands
from tripline_training.retraining.compare_money import Money, MoneyJudge, MoneyOptions, Saved, why_money_keeps

COSTS = """
fraud_loss_share: 0.9
chargeback_fee: 10
false_positive_cost: 5
false_positive_share: 0.1
review_cost: 2
reviews_per_day: 20
challenge_cost: 0.5
"""
POLICY = """
bands:
  - { at_least: 0.6, action: decline, reason: A, text: a }
  - { at_least: 0.35, action: review, reason: B, text: b }
  - { at_least: 0.15, action: challenge, reason: C, text: c }
"""
Kinds = Mapping[str, NDArray[np.str_]]
DAYS, PER_DAY, CARDS = 10, 400, 500
ROWS = DAYS * PER_DAY


def world(seed: int = 1, weights: NDArray[np.float64] | None = None) -> tuple[Rows, NDArray[np.float64], Kinds]:
    """Payments, calibrated scores, and tenant and currency of each payment. A card belongs to one tenant."""
    random = np.random.default_rng(seed)
    scores = random.beta(0.1, 2, ROWS)
    cards = random.integers(0, CARDS, ROWS)
    rows = Rows(
        ids=np.array([f"t{number:05d}" for number in range(ROWS)]),
        cards=np.array([f"ct_{card}" for card in cards]),
        occurred_at_ms=np.arange(ROWS) * (DAY_MS // PER_DAY),
        fraud=(random.random(ROWS) < scores).astype(np.int64),
        features=random.lognormal(3, 1, (ROWS, 1)).astype(np.float32),
        explored=weights,
    )
    kinds = {"tenant": np.where(cards % 4 == 0, "small", "large"), "currency": np.where(cards % 3 == 0, "JPY", "EUR")}
    return rows, scores, kinds


def judge_of(
    folder: Path,
    rows: Rows,
    kinds: Kinds,
    costs: str = "",
    policies: Mapping[str, str] | None = None,
    *,
    card_share: float = 1,
) -> MoneyJudge:
    (folder / "costs.yaml").write_text(f"{COSTS}currency: EUR\nrates: {{ JPY: 0.5 }}\n{costs}", encoding="utf-8")
    files = {}
    for tenant, text in (policies or {"": POLICY}).items():
        files[tenant] = folder / f"policy-{tenant}.yaml"
        files[tenant].write_text(text, encoding="utf-8")
    shuffled = np.random.default_rng(9).permutation(len(rows))
    columns = {"client_transaction_id": rows.ids[shuffled], **{name: kind[shuffled] for name, kind in kinds.items()}}
    payments = write_parquet(folder / "payments.parquet", {name: column.tolist() for name, column in columns.items()})
    times = {"client_transaction_id": rows.ids.tolist(), "occurred_at_ms": rows.occurred_at_ms}
    options = MoneyOptions(folder / "costs.yaml", files, payments, write_parquet(folder / "features.parquet", times))
    return MoneyJudge(options, rows, rows.features[:, 0], card_share)


def default_options(folder: Path) -> MoneyOptions:
    """Of the files that `judge_of` wrote."""
    costs, policy, payments, features = (
        folder / name for name in ("costs.yaml", "policy-.yaml", "payments.parquet", "features.parquet")
    )
    return MoneyOptions(costs, {"": policy}, payments, features)


def slow_savings(rows: Rows, scores: NDArray[np.float64], kinds: Kinds) -> float:
    """Per day, with a chargeback fee of 40 for the small tenant's payments in JPY and its limit of 1 review per day."""
    total, reviewed = 0.0, dict[tuple[str, int], float]()
    times = np.ones(len(rows)) if rows.weights is None else rows.weights
    for at, score in enumerate(scores.tolist()):
        tenant, currency = str(kinds["tenant"][at]), str(kinds["currency"][at])
        amount = float(rows.features[at, 0]) * (0.5 if currency == "JPY" else 1)
        fee = 40 if (tenant, currency) == ("small", "JPY") else 10
        loss = (0.9 * amount + fee) * float(rows.fraud[at])
        if score >= 0.6:
            total += times[at] * (loss if rows.fraud[at] else -(5 + 0.1 * amount))
        elif score >= 0.35:
            day = (tenant, int(rows.occurred_at_ms[at]) // DAY_MS)
            left = (1 if tenant == "small" else 20) - reviewed.get(day, 0)
            taken = min(left, times[at])
            reviewed[day] = reviewed.get(day, 0) + taken
            total += taken * (loss - 2)
        elif score >= 0.15:
            total += times[at] * (loss - 0.5)
    return total / DAYS


@pytest.mark.parametrize("is_explored", [False, True])
def test_savings_equal_those_computed_payment_by_payment(tmp_path: Path, is_explored: bool) -> None:
    weights = np.random.default_rng(3).choice([1.0, 4.0], ROWS) if is_explored else None
    rows, scores, kinds = world(weights=weights)
    more = "{ tenant: small, currency: JPY, chargeback_fee: 40 }"
    overrides = f"overrides: [{{ tenant: small, reviews_per_day: 1 }}, {more}]\n"
    other = np.clip(scores * 1.3, 0, 1)
    found = judge_of(tmp_path, rows, kinds, overrides).compare(other, scores, 1)
    expected = slow_savings(rows, other, kinds) - slow_savings(rows, scores, kinds)
    assert found.total.value == pytest.approx(expected)
    assert (found.currency, found.days, found.segments) == ("EUR", DAYS, 4)


def test_only_a_model_that_saves_money_passes(tmp_path: Path) -> None:
    rows, scores, kinds = world()
    judge = judge_of(tmp_path, rows, kinds)
    noisy = 1 / (1 + np.exp(-(np.log(scores / (1 - scores)) + np.random.default_rng(2).normal(0, 2, ROWS))))
    better, worse, same = (judge.compare(*pair, 1) for pair in ((scores, noisy), (noisy, scores), (scores, scores)))
    assert why_money_keeps(better, is_as_good=False) is None
    assert better.sentence.startswith("Under the policy's bands, it saves ")
    assert "and no tenant or currency is significantly worse." in better.sentence
    reason = why_money_keeps(worse, is_as_good=False) or ""
    assert reason.startswith("it does not save enough money: under the policy's bands, it loses ")
    assert reason.endswith("; the interval must be above 0.")
    assert "only 0 cards" in (why_money_keeps(same, is_as_good=False) or "")
    assert why_money_keeps(None, is_as_good=False) is None


def test_a_model_that_is_worse_for_one_tenant_does_not_pass(tmp_path: Path) -> None:
    rows, scores, kinds = world()
    is_small = kinds["tenant"] == "small"
    shuffled = scores[np.random.default_rng(2).permutation(ROWS)]
    found = judge_of(tmp_path, rows, kinds).compare(
        np.where(is_small, shuffled, scores), np.where(is_small, scores, shuffled), 1
    )
    assert found.total.low is not None and found.total.low > 0
    assert [(each.kind, each.name) for each in found.worse] == [("tenant", "small")]
    assert "but tenant small loses " in (why_money_keeps(found, is_as_good=True) or "")


def test_the_interval_is_of_cards_in_the_whole_lake(tmp_path: Path) -> None:
    """All payments of a card are frauds, or none, so an interval of payments would be much narrower."""
    rows, _, _ = world()
    numbers = np.arange(ROWS) % 20
    fraud = (numbers < 8).astype(np.int64)
    amounts, cards = np.full((ROWS, 1), 100, np.float32), np.array([f"ct_{number}" for number in numbers])
    rows = replace(rows, cards=cards, fraud=fraud, features=amounts)
    kinds = {"tenant": np.full(ROWS, "large"), "currency": np.full(ROWS, "EUR")}
    judge = judge_of(tmp_path, rows, kinds, card_share=0.25)
    found = judge.compare(np.full(ROWS, 0.9), np.zeros(ROWS), 1).total
    of_cards = np.bincount(numbers, weights=np.where(fraud, 0.9 * 100 + 10, -(5 + 0.1 * 100))) / 0.25 / DAYS
    assert (found.cards, found.value) == (20, pytest.approx(of_cards.sum()))
    assert found.low is not None and found.high is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt((of_cards**2).sum()), rel=0.25)


def test_payments_that_are_not_compared_are_not_loaded(tmp_path: Path) -> None:
    """regression #31: all payments of the lake were loaded as texts."""
    rows, _, kinds = world()
    judge_of(tmp_path, rows, kinds)
    options = default_options(tmp_path)
    more = replace(options, payments=tmp_path / "more.parquet")
    others = "SELECT 'other' || range, 'large', 'EUR' FROM range(100000)"
    query(f"COPY (SELECT * FROM '{options.payments}' UNION ALL {others}) TO '{more.payments}' (FORMAT parquet)")
    peaks = []
    for each in (options, more):
        tracemalloc.start()
        MoneyJudge(each, rows, rows.features[:, 0], 1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


@pytest.mark.parametrize(
    ("policy", "weight", "is_said"),
    [
        (POLICY, None, True),
        (POLICY, 1.0, True),
        (POLICY, 4.0, False),
        (POLICY.replace("decline", "review"), None, False),
    ],
)
def test_the_sentence_says_which_frauds_are_unknown(
    tmp_path: Path, policy: str, weight: float | None, is_said: bool
) -> None:
    """regression #31: without exploration, a candidate is not charged for frauds that only the champion declines."""
    rows, scores, kinds = world(weights=None if weight is None else np.full(ROWS, weight))
    found = judge_of(tmp_path, rows, kinds, policies={"": policy}).compare(scores, np.zeros(ROWS), 1)
    assert ("so frauds that only the champion stops are not counted." in found.sentence) is is_said
    assert "not counted" not in (why_money_keeps(replace(found, worse=[found.total]), is_as_good=False) or "")


def test_each_tenant_has_its_own_policy(tmp_path: Path) -> None:
    rows, scores, kinds = world()
    judge = judge_of(tmp_path, rows, kinds, policies={"small": "bands: []", "": POLICY})
    assert [each.name for each in judge.compare(scores, np.zeros(ROWS), 1).worse] == []
    small_only = np.where(kinds["tenant"] == "small", scores, 0)
    assert judge.compare(small_only, np.zeros(ROWS), 1).total.cards == 0
    with pytest.raises(TrainingError, match="No policy is given for the tenant large"):
        judge_of(tmp_path, rows, kinds, policies={"small": POLICY}).compare(scores, scores, 1)


def money(low: float | None, loss_per_day_max: float = 0) -> Money:
    total = Saved("all", "", 100, 1.0, low, 2.0, is_worse=False)
    return Money("EUR", 14, total, [], 2, loss_per_day_max)


@pytest.mark.parametrize(
    ("low", "loss_per_day_max", "is_as_good", "passes"),
    [
        (0.1, 0, False, True),
        (0.0, 0, False, False),
        (-5, 10, False, False),
        (-5, 10, True, True),
        (-11, 10, True, False),
        # Without a stated amount, a promotion after a drift must save money, too.
        (0.0, 0, True, False),
        (None, 10, True, False),
    ],
)
def test_only_a_promotion_after_a_drift_may_lose_the_stated_amount(
    low: float | None, loss_per_day_max: float, is_as_good: bool, passes: bool
) -> None:
    assert (why_money_keeps(money(low, loss_per_day_max), is_as_good=is_as_good) is None) is passes


def test_currencies_are_never_added_without_a_rate(tmp_path: Path) -> None:
    rows, _, kinds = world()
    judge_of(tmp_path, rows, kinds)
    options = default_options(tmp_path)
    for more, words in (("", "set `currency` and `rates`"), ("currency: EUR\n", "has no rate for JPY")):
        (tmp_path / "costs.yaml").write_text(COSTS + more, encoding="utf-8")
        with pytest.raises(TrainingError, match=words):
            MoneyJudge(options, rows, rows.features[:, 0], 1.0)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("rates: { JPY: 0 }", "rates.JPY must be a number above 0"),
        ("overrides: [{ chargeback_fee: 3 }]", "overrides.0 must name a tenant, a currency, or both"),
        ("overrides: [{ currency: JPY, reviews_per_day: 3 }]", "cannot depend on the currency"),
        ("overrides: [{ tenant: a, fraud_loss_share: 90 }]", "overrides.0.fraud_loss_share is a share"),
        ("loss_max: 3", "may also contain challenge_cost, currency"),
    ],
)
def test_an_error_names_the_invalid_entry_of_the_costs(tmp_path: Path, more: str, words: str) -> None:
    path = tmp_path / "costs.yaml"
    path.write_text(f"{COSTS}{more}\n", encoding="utf-8")
    with pytest.raises(TrainingError, match=words):
        read_cost_table(path)


def test_reads_the_bands_of_a_whole_policy(tmp_path: Path) -> None:
    shipped = read_policy_bands(Path(__file__).parents[4] / "apps" / "decisions" / "policy.yaml")
    assert shipped.actions(np.array([0.1, 0.15, 0.35, 0.6, 1.0])).tolist() == [0, 1, 2, 3, 3]
    path = tmp_path / "policy.yaml"
    path.write_text("bands: [{ at_least: 0.5, action: block }]", encoding="utf-8")
    with pytest.raises(TrainingError, match="is not a policy with valid bands"):
        read_policy_bands(path)
