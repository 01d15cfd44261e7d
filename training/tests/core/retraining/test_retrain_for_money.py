"""A retrained model must also save money, if costs are given."""

from pathlib import Path

import pytest

from tests.conftest import write_parquet
from tests.core.retraining.test_compare_money import COSTS, POLICY
from tests.core.test_retrain import Given, aliases, history, last_line
from tripline_training.errors import TrainingError
from tripline_training.registry import registry
from tripline_training.retrain import main


@pytest.fixture
def arguments(given: Given, tmp_path: Path) -> list[str]:
    """Arguments with costs, and with a policy file that a test may change."""
    ids = history()["client_transaction_id"]
    kinds = {"client_transaction_id": ids, "tenant": ["demo"] * len(ids), "currency": ["EUR"] * len(ids)}
    payments = write_parquet(tmp_path / "payments.parquet", kinds)
    (tmp_path / "costs.yaml").write_text(COSTS, encoding="utf-8")
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    policy, costs = f"demo={tmp_path}/policy.yaml", str(tmp_path / "costs.yaml")
    return [*given(), "--costs", costs, "--policy", policy, "--payments", str(payments)]


def test_the_report_says_what_a_better_model_saves(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    line = lines[-1]
    assert line.startswith("retrain: registered=challenger") and " saved_per_day=" in line
    metrics = registry.resolve(tmp_path / "registry", "fraud", "challenger").manifest["metrics"]
    money = metrics["retrain"]["money"]
    named = {(part["kind"], part["name"]): part for part in metrics["segments"]}
    for key in (("tenant", "demo"), ("currency", "EUR")):
        assert named[key]["rows"] == metrics["retrain"]["newest"]["rows"]
        assert named[key]["calibration"]["low"] < named[key]["calibration"]["high"]
    assert f"money: {money['sentence']}" in lines
    assert money["sentence"].startswith("Under the policy's bands, it saves ")
    assert money["total"]["low"] > 0 and money["currency"] == "EUR" and money["segments"] == 2


def test_a_better_model_that_saves_nothing_is_not_registered(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "policy.yaml").write_text("bands: []", encoding="utf-8")
    before = aliases(tmp_path)
    assert main(arguments) == 0
    assert "retrain: kept champion because it does not save enough money: " in last_line(capsys)
    assert aliases(tmp_path) == before


def test_without_costs_the_report_says_that_money_was_not_compared(
    given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(given()) == 0
    assert "\nmoney: Not compared, because no costs are given.\n" in capsys.readouterr().out
    manifest = registry.resolve(tmp_path / "registry", "fraud", "challenger").manifest
    assert manifest["metrics"]["retrain"]["money"] is None


def test_costs_require_a_policy_and_the_payments(given: Given, arguments: list[str]) -> None:
    costs = arguments[arguments.index("--costs") : arguments.index("--policy")]
    with pytest.raises(TrainingError, match="--costs also requires --policy and --payments"):
        main([*given(), *costs])
