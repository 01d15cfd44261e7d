"""Retraining from a lake of simulated payments with the engine's features: uses good weeks and rejects bad ones."""

import json
from pathlib import Path

import pytest

from tests.drift.conftest import ROOT, SPEC, History, MakeHistory, tripline
from tripline_training.errors import TrainingError
from tripline_training.registry import registry
from tripline_training.train import parse_options, train

# The cut-off is 29 March: the newest two weeks end on 22 March, and the training days on 1 March.
UNTIL = "2026-03-29T03:00:00Z"
DAYS = 84
BAD_WEEKS = {"learnt from": ("2026-02-22", "2026-03-01"), "the newest": ("2026-03-15", "2026-03-22")}
IN_WEEK = "occurred_at_ms >= epoch_ms(TIMESTAMP '{0}') AND occurred_at_ms < epoch_ms(TIMESTAMP '{1}')"


@pytest.fixture(scope="module")
def history(make_history: MakeHistory) -> History:
    return make_history(cards=800, terminals=400, days=DAYS, until=UNTIL)


@pytest.fixture(scope="module")
def params(history: History) -> Path:
    """The published parameters with fewer trees and half the warm-up."""
    values = json.loads((ROOT / "training" / "params.json").read_text(encoding="utf-8"))
    path = history.folder / "params.json"
    path.write_text(json.dumps({**values, "trees": 150, "retrain": {**values["retrain"], "warm_up_days": 14}}))
    return path


@pytest.fixture
def models(history: History, params: Path, tmp_path: Path) -> Path:
    """A registry whose champion was trained on one week of January."""
    given = ["--features", str(history.features), "--feature-spec", str(SPEC), "--params", str(params)]
    given += ["--registry", f"file://{tmp_path}/models", "--name", "fraud", "--alias", "champion"]
    train(parse_options([*given, "--train-from", "2026-01-15", "--train-to", "2026-01-21", "--known-by", "2026-01-29"]))
    return tmp_path / "models"


def retrain(lake: Path, models: Path, params: Path, *more: str, codes: tuple[int, ...] = (0,)) -> str:
    given = ["--lake", str(lake), "--registry", f"file://{models}", "--work", str(models.parent / "work")]
    return tripline("retrain", *given, "--params", str(params), *more, codes=codes).stdout.strip().splitlines()[-1]


def test_more_weeks_produce_a_challenger(history: History, models: Path, params: Path) -> None:
    line = retrain(history.lake("good"), models, params)
    assert line.startswith("retrain: registered=challenger version=")
    figures = dict(pair.split("=") for pair in line.split() if "=" in pair)
    assert float(figures["ap_new"]) >= float(figures["ap_champion"]) + 0.005
    assert float(figures["ap_gain_low"]) > 0
    assert "old_ap_new" in figures
    assert registry.alias_target(models, "fraud", "shadow") == figures["version"]
    print(line)


@pytest.mark.parametrize("week", BAD_WEEKS)
@pytest.mark.parametrize("fault", ["labels shuffled", "feature zeroed"])
def test_registers_no_model_of_a_bad_week(history: History, models: Path, params: Path, fault: str, week: str) -> None:
    within = IN_WEEK.format(*BAD_WEEKS[week])
    if fault == "labels shuffled":
        other = f"lag(fraud, 997) OVER (PARTITION BY ({within}) ORDER BY hash(client_transaction_id))"
        changes = f"fraud: `CASE WHEN {within} THEN coalesce({other}, 0) ELSE fraud END`"
        words = "fraud: the labels of the week of"
    else:
        changes = f"values: {{ card_count_1d: `CASE WHEN {within} THEN 0 ELSE f.card_count_1d END` }}"
        words = "card_count_1d: it is 0 for all"
    line = retrain(history.lake(f"{fault} {week}".replace(" ", "-"), changes), models, params, codes=(2,))
    print(line)
    assert line.startswith(f"retrain: kept champion because a week is bad: {words}")
    assert BAD_WEEKS[week][0] in line
    for alias in ("challenger", "shadow"):
        with pytest.raises(TrainingError, match=f'no alias "{alias}"'):
            registry.alias_target(models, "fraud", alias)


def test_a_model_with_shuffled_labels_is_not_registered(history: History, models: Path, params: Path) -> None:
    """No week stands out in this case; the comparison keeps the champion."""
    other = "lag(fraud, 997) OVER (ORDER BY hash(client_transaction_id))"
    lake = history.lake("all-shuffled", f"fraud: `coalesce({other}, 0)`")
    line = retrain(lake, models, params, "--trust-weeks")
    print(line)
    assert line.startswith("retrain: kept champion because")
    assert registry.alias_target(models, "fraud", "champion")


def test_recomputed_features_produce_the_same_challenger_as_logged_ones(
    history: History, models: Path, params: Path
) -> None:
    lake = history.lake("logged")
    logged = retrain(lake, models, params)
    computed = retrain(lake, models, params, "--features", "backfill", "--tenant", "demo", "--work", f"{models}-work")
    assert computed == logged
