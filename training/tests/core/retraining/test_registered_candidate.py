"""A model that was registered by hand is compared with the champion by the same rules as a retrained one."""

import json
from pathlib import Path

import pytest

from tests.core.test_retrain import Given, aliases, last_line
from tripline_training.registry import registry
from tripline_training.retrain import main
from tripline_training.train import parse_options, train


def train_by_hand(lake: Path, tmp_path: Path, last_day: str, *more: str) -> str:
    """Publishes a model that was trained from day 7 on; returns its version."""
    arguments = ["--features", str(lake / "features.parquet"), "--feature-spec", str(lake / "spec.yaml")]
    arguments += ["--registry", f"file://{tmp_path}/registry", "--name", "fraud", "--alias", "mine", *more]
    arguments += ["--params", str(lake / "params.json"), "--train-from", "1970-01-08", "--train-to", last_day]
    train(parse_options([*arguments, "--known-by", "1970-03-26"]))
    return registry.alias_target(tmp_path / "registry", "fraud", "mine")


def test_a_better_model_becomes_the_challenger(
    given: Given, lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = given()
    champion = aliases(tmp_path)["champion"]
    version = train_by_hand(lake, tmp_path, "1970-02-20")
    assert main([*arguments, "--candidate", version]) == 0
    *_, said, line = capsys.readouterr().out.strip().splitlines()
    assert line.startswith(f"retrain: registered=challenger version={version} ap_new=")
    comparison = json.loads(said.removeprefix("comparison: "))
    assert (comparison["version"], comparison["champion"], comparison["money"]) == (version, champion, None)
    assert comparison["agreement"]["champion"] == champion and comparison["agreement"]["pairs"] > 0
    moved = {"champion": champion, "mine": version, "challenger": version, "shadow": version}
    assert aliases(tmp_path) == moved
    # The result of the same data is kept with its comparison.
    assert main([*arguments, "--candidate", version]) == 0
    assert capsys.readouterr().out.strip().splitlines()[-2:] == [said, line]


def test_the_champion_itself_is_not_better(given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = given()
    before = aliases(tmp_path)
    assert main([*arguments, "--candidate", "champion"]) == 0
    assert "kept champion because retraining produced the same model." in last_line(capsys)
    assert aliases(tmp_path) == before


def test_a_model_that_knows_the_newest_weeks_is_not_measured_on_them(
    given: Given, lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = given()
    version = train_by_hand(lake, tmp_path, "1970-03-10")
    assert main([*arguments, "--candidate", version]) == 0
    assert f"kept champion because {version} was trained on payments up to 1970-03-10" in last_line(capsys)
    assert "challenger" not in aliases(tmp_path)
