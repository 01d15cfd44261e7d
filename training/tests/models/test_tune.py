"""A search can be stopped, gives the same result after it resumes, and never sees later days."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pytest

from tests.conftest import DAY_MS, SPEC, columns, write_parquet
from tripline_training import tune as command
from tripline_training.data.dataset import open_dataset
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.errors import TrainingError
from tripline_training.trees.params import DEFAULT_PARAMS, read_params

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")

Arguments = Callable[..., list[str]]


@pytest.fixture
def arguments(tmp_path: Path) -> Arguments:
    """Two folds of four days within the first 30 days, with few and small trees."""
    spec, base = tmp_path / "spec.yaml", tmp_path / "base.json"
    spec.write_text(SPEC, encoding="utf-8")
    base.write_text(json.dumps({**read_params(DEFAULT_PARAMS).as_json(), "trees": 60, "max_depth": 2}))
    features = write_parquet(tmp_path / "features.parquet", columns())

    def make(name: str, trials: int, *more: str) -> list[str]:
        return [
            *("--features", str(features), "--feature-spec", str(spec), "--base", str(base)),
            *("--from", "1970-01-01", "--to", "1970-01-30", "--folds", "2", "--fold-days", "4", "--gap-days", "7"),
            *("--study", str(tmp_path / f"{name}.sqlite"), "--output", str(tmp_path / f"{name}.json")),
            *("--trials", str(trials), *more),
        ]

    return make


def test_a_stopped_search_continues_to_the_same_result(
    arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.main(arguments("whole", 3))
    whole = capsys.readouterr().out.splitlines()
    command.main(arguments("halves", 1))
    command.main(arguments("halves", 3))
    halves = capsys.readouterr().out.splitlines()
    trials = [line for line in halves if line.startswith("trial ")]
    assert trials == [line for line in whole if line.startswith("trial ")]
    assert len(trials) == 3
    # Each trial tries different parameters.
    assert len({line.split()[2] for line in trials}) == 3
    assert (tmp_path / "halves.json").read_text() == (tmp_path / "whole.json").read_text()
    read_params(tmp_path / "whole.json")
    # The current parameters are tried first, so the best result is at least as good as theirs.
    first, last = (float(trials[i].split()[2].split("=")[1]) for i in (0, -1))
    best = float(trials[-1].split("best=")[1])
    assert best >= max(first, last)


def test_a_search_stopped_in_its_first_trial_retries_the_current_parameters(
    arguments: Arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(command, "_objective", stop)
        with pytest.raises(KeyboardInterrupt):
            command.main(arguments("stopped", 2))
    for name in ("stopped", "whole"):
        command.main(arguments(name, 2))
    trials = [line for line in capsys.readouterr().out.splitlines() if line.startswith("trial ")]
    assert trials[:2] == trials[2:]
    assert (tmp_path / "stopped.json").read_text() == (tmp_path / "whole.json").read_text()


def test_tries_the_current_parameters_first(arguments: Arguments, tmp_path: Path) -> None:
    command.main(arguments("searched", 2))
    study = optuna.load_study(study_name="tune", storage=f"sqlite:///{tmp_path}/searched.sqlite")
    base = read_params(tmp_path / "base.json").as_json()
    first, second = (trial.params for trial in study.trials)
    # Everything in params.json except genuine_share, which trades quality for time.
    assert set(first) == set(base) - {"genuine_share"}
    assert first == {name: base[name] for name in first}
    assert [name for name in first if first[name] == second[name]] == []


def test_folds_respect_time(arguments: Arguments, tmp_path: Path) -> None:
    options = command.parse_options(arguments("folds", 1))
    dataset = open_dataset(tmp_path / "features.parquet", read_feature_spec(tmp_path / "spec.yaml"))
    folds = command.make_folds(dataset, options)
    for fold, begin_day in zip(folds, (15, 19), strict=True):
        assert fold.train.occurred_at_ms.max() < (begin_day - 7) * DAY_MS
        assert fold.valid.occurred_at_ms.min() >= begin_day * DAY_MS
        assert fold.valid.occurred_at_ms.max() < (begin_day + 4) * DAY_MS
        assert len(fold.valid) == 400
        assert fold.valid.occurred_at_ms.max() + 7 * DAY_MS <= 30 * DAY_MS
    assert len(folds[0].train) < len(folds[1].train)


def test_later_days_have_no_effect(arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.main(arguments("before", 1))
    before = capsys.readouterr().out.splitlines()[:1]
    data = columns()
    later = data["occurred_at_ms"] >= 30 * DAY_MS
    data["amount"] = np.where(later, 1.0, data["amount"])
    data["fraud"] = np.where(later, 1 - data["fraud"], data["fraud"])
    write_parquet(tmp_path / "features.parquet", data)
    command.main(arguments("after", 1))
    assert capsys.readouterr().out.splitlines()[:1] == before


def test_rejects_a_study_of_another_search(arguments: Arguments) -> None:
    command.main(arguments("study", 1))
    with pytest.raises(TrainingError, match="contains a search with a different value of measure"):
        command.main(arguments("study", 2, "--measure", "auc_roc"))
    with pytest.raises(TrainingError, match="contains a search with a different value of folds"):
        command.main(arguments("study", 2, "--gap-days", "6"))


def test_reports_invalid_options(arguments: Arguments) -> None:
    with pytest.raises(TrainingError, match="--trials must be a number from 1 to 10000"):
        command.main(arguments("wrong", 0))
    with pytest.raises(TrainingError, match="too short for 2 folds of 20"):
        command.main(arguments("wrong", 1, "--fold-days", "20"))
    with pytest.raises(TrainingError, match="Fold 1 has 0 labelled payments to measure on"):
        command.main(arguments("wrong", 1, "--fold-days", "2", "--gap-days", "0"))


def test_does_not_learn_from_labels_unknown_when_a_fold_began(arguments: Arguments, tmp_path: Path) -> None:
    options = command.parse_options(arguments("folds", 1, "--gap-days", "4"))
    dataset = open_dataset(tmp_path / "features.parquet", read_feature_spec(tmp_path / "spec.yaml"))
    fold = command.make_folds(dataset, options)[0]
    # It begins on day 18. Payments up to day 14 are before the gap, but labels take seven days.
    assert fold.train.occurred_at_ms.max() <= 11 * DAY_MS
