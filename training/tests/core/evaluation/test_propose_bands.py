"""The bands that save the most, compared with trying every pair of scores on every payment."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tripline_training.data.days import DAY_MS
from tripline_training.errors import TrainingError
from tripline_training.evaluation.band_costs import BandCosts, read_band_costs
from tripline_training.evaluation.choose_bands import BandFold, Bands, choose_bands, savings_of
from tripline_training.evaluation.read_scored import Scored
from tripline_training.propose_bands import as_policy, propose, split_days

COSTS = BandCosts(
    fraud_loss_share=0.9,
    chargeback_fee=10,
    false_positive_cost=5,
    false_positive_share=0.1,
    review_cost=2,
    reviews_per_day=3,
)


def fold(rows: int = 300, seed: int = 1, days: int = 6) -> BandFold:
    random = np.random.default_rng(seed)
    scores = np.round(random.random(rows) ** 3, 3)
    return BandFold(
        day=np.arange(rows) * days // rows,
        amounts=random.lognormal(3, 1, rows),
        fraud=(random.random(rows) < scores).astype(np.int64),
        scores=scores,
        times=np.ones(rows),
    )


def slow_savings(rows: BandFold, bands: Bands) -> float:
    total, reviewed = 0.0, dict.fromkeys(rows.day.tolist(), 0)
    for day, amount, fraud, score in zip(
        rows.day.tolist(), rows.amounts.tolist(), rows.fraud.tolist(), rows.scores.tolist(), strict=True
    ):
        loss = (0.9 * amount + 10) * fraud
        if bands.decline_from is not None and score >= bands.decline_from:
            total += loss if fraud else -(5 + 0.1 * amount)
        elif bands.review_from is not None and score >= bands.review_from and reviewed[day] < COSTS.reviews_per_day:
            reviewed[day] += 1
            total += loss - 2
    return total


@pytest.mark.parametrize("bands", [Bands(0.1, 0.5), Bands(None, 0.3), Bands(0.05, None), Bands(None, None)])
def test_savings_equal_those_computed_payment_by_payment(bands: Bands) -> None:
    rows = fold()
    assert savings_of(rows, bands, COSTS).saved == pytest.approx(slow_savings(rows, bands))


def test_chooses_the_best_of_all_pairs() -> None:
    rows = fold(rows=40)
    edges = [*np.unique(rows.scores[rows.scores >= 0.001]).tolist(), None]
    best = max(slow_savings(rows, Bands(review, decline)) for review in edges for decline in edges)
    chosen = choose_bands([rows], COSTS)
    assert savings_of(rows, chosen, COSTS).saved == pytest.approx(best, rel=0.02)


def test_bands_of_several_folds_save_nearly_the_maximum_on_a_later_fold() -> None:
    folds = [fold(rows=4_000, seed=seed, days=20) for seed in range(4)]
    best = savings_of(folds[3], choose_bands(folds[3:], COSTS), COSTS).saved
    assert savings_of(folds[3], choose_bands(folds[:3], COSTS), COSTS).saved >= 0.95 * best


def test_a_row_counts_once_per_payment_that_it_represents() -> None:
    rows = fold(rows=100)
    twice = BandFold(rows.day, rows.amounts, rows.fraud, rows.scores, np.full(100, 2.0))
    bands = Bands(None, 0.4)
    assert savings_of(twice, bands, COSTS).saved == pytest.approx(2 * savings_of(rows, bands, COSTS).saved)


def test_without_savings_there_is_no_band() -> None:
    rows = fold()
    genuine = BandFold(rows.day, rows.amounts, np.zeros(len(rows.fraud), np.int64), rows.scores, rows.times)
    assert choose_bands([genuine], COSTS) == Bands(None, None)
    assert as_policy(Bands(None, None)) == "bands: []"


def test_the_proposal_is_yaml_for_a_policy() -> None:
    lines = as_policy(Bands(0.12, 0.7)).splitlines()
    assert lines[0] == "bands:"
    assert lines[1].startswith("  - { at_least: 0.7, action: decline, reason: HIGH_SCORE, text:")
    assert lines[2].startswith("  - { at_least: 0.12, action: review, reason: ELEVATED_SCORE, text:")


def test_an_error_names_the_missing_or_invalid_cost(tmp_path: Path) -> None:
    path = tmp_path / "costs.yaml"
    path.write_text("review_cost: 3\n")
    with pytest.raises(TrainingError, match="must contain exactly fraud_loss_share"):
        read_band_costs(path)
    values = dict.fromkeys(COSTS.__dataclass_fields__, 1)
    path.write_text("".join(f"{name}: {value}\n" for name, value in (values | {"review_cost": -1}).items()))
    with pytest.raises(TrainingError, match="review_cost must be a number of at least 0"):
        read_band_costs(path)


@pytest.mark.parametrize("name", ["fraud_loss_share", "false_positive_share"])
def test_refuses_a_share_above_1(tmp_path: Path, name: str) -> None:
    """regression #31: a share of 90 instead of 0.9 was accepted, so the bands were chosen for the wrong costs."""
    path = tmp_path / "costs.yaml"
    values = dict.fromkeys(COSTS.__dataclass_fields__, 1)
    path.write_text("".join(f"{each}: {value}\n" for each, value in (values | {name: 90}).items()))
    with pytest.raises(TrainingError, match=f"{name} is a share of the amount and must be from 0 to 1, not 90"):
        read_band_costs(path)


def test_folds_are_consecutive_and_complete() -> None:
    """regression #31: a day was split between two folds, each with the day's full review capacity."""
    times = np.repeat(np.arange(5), [7, 1, 1, 4, 2]) * DAY_MS + np.arange(15)
    assert [(part.start, part.stop) for part in split_days(times, 1)] == [(0, 15)]
    assert [(part.start, part.stop) for part in split_days(times, 2)] == [(0, 8), (8, 15)]
    assert [(part.start, part.stop) for part in split_days(times, 52)] == [(0, 7), (7, 8), (8, 9), (9, 13), (13, 15)]
    with pytest.raises(TrainingError, match="--folds must be from 1 to 52"):
        split_days(times, 53)
    assert split_days(times[:7], 1) == [slice(0, 7)]
    with pytest.raises(TrainingError, match="--folds of 2 or more requires payments from at least two days"):
        split_days(times[:7], 2)


def test_a_proposal_stays_within_the_capacity_of_each_day() -> None:
    """regression #31: if folds split a day, the reviews counted for that day exceeded its capacity."""
    rows = fold(days=2)
    zeros = np.zeros(len(rows.day), np.int64)
    at_ms = np.repeat([0, DAY_MS], [290, 10])
    scored = Scored(at_ms, zeros, zeros, [""], zeros.astype(float), rows.amounts, rows.fraud, rows.scores)
    # At this cost of false positives, only reviews save money.
    costs = replace(COSTS, false_positive_cost=10_000)
    proposed = propose(scored, costs, folds=2)
    bands = Bands(proposed["bands"]["review_from"], proposed["bands"]["decline_from"])
    whole = BandFold(at_ms // DAY_MS, rows.amounts, rows.fraud, rows.scores, rows.times)
    assert bands.review_from is not None
    assert proposed["saved"] == pytest.approx(savings_of(whole, bands, costs).saved)
    assert 0 < proposed["reviews_per_day"] <= COSTS.reviews_per_day
