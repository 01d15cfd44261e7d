"""A model that was registered by hand is compared with the champion by the same rules as a retrained one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.core.test_retrain import PER_DAY, Given, aliases, last_line
from tripline_training.registry import registry
from tripline_training.retrain import main, parse_command
from tripline_training.retraining.prepare import new_to, prepare
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
    *before, said, line = capsys.readouterr().out.strip().splitlines()
    assert line.startswith(f"retrain: registered=challenger version={version} ap_new=")
    # It was trained on the old week, too.
    assert f"old weeks: 1 of 1 are not compared, because {version} may have been trained on them" in before
    assert "old_ap_new=" not in line
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
    line = last_line(capsys)
    assert "kept champion because retraining produced the same model." in line
    assert "old_ap_new=" in line
    assert aliases(tmp_path) == before


def test_an_alias_that_moved_is_another_candidate(
    given: Given, lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """regression #31: the result of the version to which the alias had pointed was returned again."""
    arguments = [*given(), "--candidate", "mine"]
    registry.set_alias(tmp_path / "registry", "fraud", "mine", aliases(tmp_path)["champion"])
    assert main(arguments) == 0
    assert "retraining produced the same model." in last_line(capsys)
    version = train_by_hand(lake, tmp_path, "1970-02-20")
    assert main(arguments) == 0
    assert last_line(capsys).startswith(f"retrain: registered=challenger version={version} ")


@pytest.mark.parametrize(
    ("changes", "days"),
    [
        ({"data_to": "1970-01-14T23:00:00Z"}, 7),
        ({"data_to": "1970-02-20T23:00:00Z"}, 0),
        ({"data_to": "1970-02-20T23:00:00Z", "data_from": "1970-02-01T00:00:00Z"}, 7),
        ({"data_to": "1970-02-20T23:00:00Z", "params": {"fixed_windows": [["1970-01-22", "1970-01-29"]]}}, 7),
    ],
    ids=["trained before", "trained on it", "trained after", "excluded"],
)
def test_a_candidate_is_not_compared_on_old_weeks_that_it_may_know(
    given: Given, changes: dict[str, object], days: int
) -> None:
    """regression #31: it was compared on all old weeks."""
    prepared = prepare(parse_command(given()).options)
    champion = prepared.champion
    assert champion is not None and len(prepared.old) == 7 * PER_DAY
    lineage = {**champion.manifest["lineage"], "known_by": "1970-03-26T00:00:00Z", **changes}
    candidate = replace(champion, manifest={**champion.manifest, "lineage": lineage})
    assert len(new_to(candidate, prepared).old) == days * PER_DAY


def test_a_model_that_knows_the_newest_weeks_is_not_measured_on_them(
    given: Given, lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = given()
    version = train_by_hand(lake, tmp_path, "1970-03-10")
    assert main([*arguments, "--candidate", version]) == 0
    assert f"kept champion because {version} was trained on payments up to 1970-03-10" in last_line(capsys)
    assert "challenger" not in aliases(tmp_path)
