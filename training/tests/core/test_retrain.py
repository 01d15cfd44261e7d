"""Retraining registers only a better model, and produces the same model however often it is killed."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from tests.conftest import DAY_MS, write_parquet
from tripline_training.errors import TOO_EARLY_EXIT_CODE, TrainingError
from tripline_training.registry import registry
from tripline_training.retrain import main
from tripline_training.retraining.challenge import BEFORE_DRIFT_WEIGHT, DATA_EXIT_CODE
from tripline_training.train import parse_options, train
from tripline_training.trees.params import DEFAULT_PARAMS

DAYS, PER_DAY = 84, 150
ROWS = DAYS * PER_DAY
FEATURES = ("amount", "card_count_1d", "terminal_fraud_rate_7d")
# The cut-off is day 84: the newest two weeks end on day 77, and the training days on day 56.
CUTOFF = "1970-03-26"
RULES = {
    "newest_days": 14,
    "label_delay_days": 7,
    "warm_up_days": 7,
    "train_days_min": 14,
    "train_days_max": 365,
    "ap_gain_min": 0.005,
    "cp100_loss_max": 0.01,
    "bands": [0.15, 0.35, 0.6],
    "calibration_ratio_max": 3,
    "log_loss_rise_max": 0.02,
    "old_ap_loss_max": 0.05,
    "replicates": 60,
    "fixed_windows": [],
}


def history() -> dict[str, Any]:
    """12 weeks in which fraud is likely if the amount is large at a risky terminal; labels take 7 days."""
    random = np.random.default_rng(5)
    at = np.arange(ROWS) * (DAY_MS // PER_DAY)
    amount = random.lognormal(3, 1, ROWS)
    risk = random.random(ROWS) ** 3
    fraud = (random.random(ROWS) < np.clip(risk * amount / 80, 0, 0.9)).astype(int)
    labelled = [int(time) + 7 * DAY_MS for time in at]
    known = [time <= DAYS * DAY_MS for time in labelled]
    return {
        "client_transaction_id": [f"t{i:06d}" for i in range(ROWS)],
        "card_token": [f"ct_{i % 120}" for i in range(ROWS)],
        "terminal_id": [f"term-{i % 40}" for i in range(ROWS)],
        "occurred_at_ms": at,
        "labelled_at_ms": [time if is_known else None for time, is_known in zip(labelled, known, strict=True)],
        "fraud": [int(value) if is_known else None for value, is_known in zip(fraud, known, strict=True)],
        "amount": amount,
        "card_count_1d": random.integers(1, 9, ROWS).astype(float),
        "terminal_fraud_rate_7d": risk,
    }


def in_days(data: dict[str, Any], first: int, last: int) -> np.ndarray:
    """Positions of the payments between two days, the second excluded."""
    return np.flatnonzero((data["occurred_at_ms"] >= first * DAY_MS) & (data["occurred_at_ms"] < last * DAY_MS))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The payments, the spec, the parameters, and a registry whose champion was trained only on days 7 to 14."""
    folder = tmp_path_factory.mktemp("lake")
    spec = "version: 3\nfeatures:\n" + "".join(f"  - {{ name: {name}, kind: amount }}\n" for name in FEATURES)
    (folder / "spec.yaml").write_text(spec, encoding="utf-8")
    defaults = json.loads(DEFAULT_PARAMS.read_text(encoding="utf-8"))
    params = {**defaults, "trees": 60, "max_leaves": 5, "max_bin": 64, "retrain": RULES}
    (folder / "params.json").write_text(json.dumps(params), encoding="utf-8")
    write_parquet(folder / "features.parquet", history())
    arguments = ["--features", str(folder / "features.parquet"), "--feature-spec", str(folder / "spec.yaml")]
    arguments += ["--registry", f"file://{folder}/registry", "--name", "fraud", "--params", str(folder / "params.json")]
    arguments += ["--train-from", "1970-01-08", "--train-to", "1970-01-14", "--known-by", "1970-01-22"]
    train(parse_options([*arguments, "--alias", "champion"]))
    return folder


Given = Callable[..., list[str]]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def given(lake: Path, tmp_path: Path) -> Given:
    """Arguments of a retraining in a separate registry, optionally with changed data and rules."""

    def make(data: dict[str, Any] | None = None, **rules: object) -> list[str]:
        features, params, models = lake / "features.parquet", lake / "params.json", tmp_path / "registry"
        if not models.exists():
            subprocess.run(["cp", "-r", str(lake / "registry"), str(models)], check=True)
        if data is not None:
            features = write_parquet(tmp_path / "changed.parquet", data)
        if rules:
            changed = json.loads(params.read_text(encoding="utf-8"))
            changed["retrain"] |= rules
            params = tmp_path / "params.json"
            params.write_text(json.dumps(changed), encoding="utf-8")
        given = ["--features", str(features), "--feature-spec", str(lake / "spec.yaml"), "--cutoff", CUTOFF]
        given += ["--registry", f"file://{models}", "--work", str(tmp_path / "work")]
        return [*given, "--params", str(params), "--rules", str(params)]

    return make


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.strip().splitlines()[-1]


def aliases(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "registry" / "models" / "fraud" / "aliases"
    return {path.name: path.read_text(encoding="utf-8").strip() for path in folder.iterdir()}


def test_more_data_produce_a_challenger_in_shadow(given: Given, tmp_path: Path, capsys: Capture) -> None:
    data = history()
    data["labelled_at_ms"][ROWS // 2] = int(data["occurred_at_ms"][ROWS // 2]) + 10_000  # One label came at once.
    arguments = given(data)
    champion = aliases(tmp_path)["champion"]
    assert main(arguments) == 0
    line = last_line(capsys)
    figures = dict(pair.split("=") for pair in line.split() if "=" in pair)
    assert line.startswith(f"retrain: registered=challenger version={figures['version']} ap_new=")
    assert float(figures["ap_new"]) - float(figures["ap_champion"]) >= RULES["ap_gain_min"]
    assert float(figures["ap_gain_low"]) > 0
    assert figures["champion"] == champion
    version = figures["version"]
    assert aliases(tmp_path) == {"champion": champion, "challenger": version, "shadow": version}
    manifest = registry.resolve(tmp_path / "registry", "fraud", "challenger").manifest
    # Training: from the end of the warm-up to a label delay before the newest weeks, with labels known at their start.
    lineage, metrics = manifest["lineage"], manifest["metrics"]
    assert lineage["data_from"] == "1970-01-08T00:00:00.000Z"
    assert lineage["data_to"] < "1970-02-26T00:00:00.000Z"
    assert lineage["known_by"] == "1970-03-05T00:00:00.000Z"
    # The old week is the first that the champion was certainly not trained on, and no model is ever trained on it.
    assert lineage["params"]["fixed_windows"] == [["1970-01-22T00:00:00.000Z", "1970-01-29T00:00:00.000Z"]]
    assert (metrics["train"]["rows"], metrics["retrain"]["old"]["rows"]) == (42 * PER_DAY, 7 * PER_DAY)
    newest = metrics["retrain"]["newest"]
    assert newest["rows"] == 14 * PER_DAY
    assert metrics["agreement"]["champion"] == champion and metrics["scorecard"]["average_precision"] > 0
    for kind in ("amount", "hour (UTC)"):
        parts = [part for part in manifest["metrics"]["segments"] if part["kind"] == kind]
        sums = [sum(part[count] for part in parts) for count in ("rows", "frauds")]
        assert sums == [newest["rows"], newest["frauds"]], kind
    moved = registry.history(tmp_path / "registry", "fraud")
    assert [(move.alias, move.by) for move in moved[-2:]] == [("challenger", "retrain"), ("shadow", "retrain")]

    # The same data is not judged twice, and the champion is kept if training gives the same model.
    assert main(given()) == 0
    assert last_line(capsys) == line
    registry.set_alias(tmp_path / "registry", "fraud", "champion", version)
    assert main(given()) == 0
    assert "kept champion because retraining produced the same model." in last_line(capsys)


@pytest.mark.parametrize("week", [(14, 56), (63, 77)], ids=["all that is learnt from", "the newest weeks"])
def test_a_model_of_shuffled_labels_is_not_registered(
    given: Given, tmp_path: Path, week: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    data = history()
    rows = in_days(data, *week)
    fraud = np.array(data["fraud"], dtype=object)
    fraud[rows] = np.random.default_rng(1).permutation(fraud[rows])
    arguments = given({**data, "fraud": list(fraud)})
    before = aliases(tmp_path)
    assert main([*arguments, "--trust-weeks"]) == 0
    assert "retrain: kept champion because" in last_line(capsys)
    assert aliases(tmp_path) == before


@pytest.mark.parametrize("week", [(28, 35), (70, 77)], ids=["learnt from", "the newest"])
@pytest.mark.parametrize("drift", [[], ["--drift-from", "1970-02-12"]], ids=["as ever", "after a drift"])
def test_detects_and_names_one_bad_week(
    given: Given, tmp_path: Path, drift: list[str], week: tuple[int, int], capsys: Capture
) -> None:
    fault = "labels shuffled" if (week == (28, 35)) == (drift == []) else "feature zeroed"
    data = history()
    rows = in_days(data, *week)
    if fault == "labels shuffled":
        fraud = np.array(data["fraud"], dtype=object)
        fraud[rows] = np.random.default_rng(1).permutation(fraud[rows])
        data["fraud"] = list(fraud)
    else:
        data["terminal_fraud_rate_7d"][rows] = 0
    arguments = [*given(data), *drift]
    before = aliases(tmp_path)
    assert main(arguments) == DATA_EXIT_CODE
    line = last_line(capsys)
    assert line.startswith("retrain: kept champion because a week is bad: ")
    assert ("fraud: the labels of" if fault == "labels shuffled" else "terminal_fraud_rate_7d: it is 0 for all") in line
    assert np.datetime_as_string(np.datetime64(week[0], "D")) in line
    assert aliases(tmp_path) == before


@pytest.mark.parametrize("drift", [[], ["--drift-from", "1970-02-12"]], ids=["as ever", "after a drift"])
def test_a_week_is_not_bad_because_part_of_it_is_not_used_for_training(
    given: Given, drift: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """regression #17: the overlap with another week left an old week with two working days and no weekend."""
    data = history()
    data["card_count_1d"] = (data["occurred_at_ms"] // DAY_MS % 7 < 2).astype(float)
    assert main([*given(data, fixed_windows=[["1970-01-20", "1970-01-26"]]), *drift]) == 0
    assert last_line(capsys).startswith("retrain: registered=challenger")


def test_a_smaller_gain_than_the_margin_is_not_registered(given: Given, tmp_path: Path, capsys: Capture) -> None:
    arguments = given(ap_gain_min=0.9)
    before = aliases(tmp_path)
    assert main(arguments) == 0
    line = last_line(capsys)
    assert line.startswith("retrain: kept champion because the average precision on the newest weeks is 0.")
    assert "below the required 0.9. ap_new=0." in line
    assert aliases(tmp_path) == before


@pytest.mark.parametrize("drift_day", [None, 30], ids=["as ever", "after a drift"])
def test_old_days_count_less_after_drift_and_the_model_learns_the_newest_weeks(
    given: Given, tmp_path: Path, drift_day: int | None, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """regression #31: after a drift, the scorecard was measured on the weeks that it had learned."""
    measure = Mock(return_value={})
    monkeypatch.setattr("tripline_training.retraining.challenge.measure_scorecard", measure)
    data = history()
    if drift_day is not None:
        # Frauds become genuine, and genuine payments become frauds.
        after = in_days(data, drift_day, DAYS)
        data["terminal_fraud_rate_7d"][after] = 1 - data["terminal_fraud_rate_7d"][after]
    arguments = given(data, old_ap_loss_max=1)
    drift = [] if drift_day is None else ["--drift-from", str(np.datetime64(drift_day, "D"))]
    # The champion finds nothing in the changed weeks, so their labels look wrong.
    assert main([*arguments, *drift, "--trust-weeks"]) == 0
    line = (output := capsys.readouterr().out).strip().splitlines()[-1]
    figures = dict(pair.split("=") for pair in line.split() if "=" in pair)
    assert line.startswith("retrain: registered=challenger")
    lineage = (manifest := registry.resolve(tmp_path / "registry", "fraud", "challenger").manifest)["lineage"]
    is_same = registry.sha256_hex(measure.call_args.args[0]) == manifest["files"]["scorecard.json"]
    assert is_same == (drift_day is None)
    if drift_day is None:
        assert figures["learnt_to"] == "1970-02-26T00:00:00.000Z"
        assert lineage["data_to"] < figures["learnt_to"]
        assert "drift" not in lineage["params"]
        return
    tried = [float(text.split()[0]) for text in output.split("weight_before_drift=")[1:]]
    assert tried[:2] == [1, BEFORE_DRIFT_WEIGHT] and len(tried) == 3
    # Old days are misleading in this case.
    assert lineage["params"]["drift"] == {"from": "1970-01-31T00:00:00.000Z", "weight_before": BEFORE_DRIFT_WEIGHT}
    assert figures["learnt_to"] == "1970-03-19T00:00:00.000Z"
    assert "1970-03-18" < lineage["data_to"] < figures["learnt_to"]
    assert lineage["known_by"] == "1970-03-26T00:00:00.000Z"
    # No model is trained on the old week, which stays the same.
    assert lineage["params"]["fixed_windows"] == [["1970-01-22T00:00:00.000Z", "1970-01-29T00:00:00.000Z"]]
    assert manifest["metrics"]["train"]["rows"] == (70 - 7) * PER_DAY
    assert manifest["metrics"]["retrain"]["newest"]["rows"] == 14 * PER_DAY


def test_registers_the_evaluated_model_if_the_newest_weeks_make_it_worse(
    given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """regression #17: a better model was discarded together with one that had also learned the newest weeks."""
    data = history()
    fraud = np.array(data["fraud"], dtype=object)
    # Payments like the new frauds of the newest weeks are genuine on all other days, so the log loss rises.
    fraud[[payment for payment in in_days(data, 63, 77) if data["card_count_1d"][payment] == 8]] = 1
    data["fraud"] = list(fraud)
    changed = given(data, ap_gain_min=0, old_ap_loss_max=0.02, log_loss_rise_max=1)
    arguments = [*changed, "--drift-from", "1970-02-10", "--trust-weeks"]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    line = output.strip().splitlines()[-1]
    assert "newest weeks: not used for training, because the candidate is worse on the fixed old weeks" in output
    assert line.startswith("retrain: registered=challenger")
    figures = dict(pair.split("=") for pair in line.split() if "=" in pair)
    assert figures["learnt_to"] == "1970-02-26T00:00:00.000Z"
    assert float(figures["old_ap_new"]) > float(figures["old_ap_champion"]) - 0.02
    # The model is no better than a champion trained on post-drift days, and its training days are no newer.
    registry.set_alias(tmp_path / "registry", "fraud", "champion", figures["version"])
    assert main(arguments) == 0
    assert "Without the newest weeks " in last_line(capsys)


def test_keeps_a_champion_trained_on_the_newest_weeks(given: Given, capsys: pytest.CaptureFixture[str]) -> None:
    # With a cut-off on day 31, the newest weeks are days 10 to 24; the champion was trained on days 7 to 14.
    arguments = given(train_days_min=3, warm_up_days=0)
    arguments[arguments.index("--cutoff") + 1] = "1970-02-01"
    assert main(arguments) == 0
    assert "kept champion because it was trained on payments up to 1970-01-14" in last_line(capsys)


def test_a_model_must_beat_a_constant_score_if_there_is_no_champion(
    given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = given()
    empty = [*arguments, "--registry", f"file://{tmp_path}/empty"]
    data = history()
    fraud = np.array(data["fraud"], dtype=object)
    shuffled = fraud.copy()
    known = in_days(data, 0, 77)
    shuffled[known] = np.random.default_rng(2).permutation(shuffled[known])
    changed = write_parquet(tmp_path / "shuffled.parquet", {**data, "fraud": list(shuffled)})
    assert main([*empty, "--features", str(changed)]) == 0
    assert "champion=none" in (line := last_line(capsys)) and "kept champion because" in line
    assert main(empty) == 0
    assert "registered=challenger" in last_line(capsys)
    # It is not served until a user promotes it.
    with pytest.raises(TrainingError, match='no alias "champion"'):
        registry.alias_target(tmp_path / "empty", "fraud", "champion")


def test_a_short_archive_is_reported_with_the_required_length(given: Given, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = given()
    arguments[arguments.index("--cutoff") + 1] = "1970-02-01"
    assert main(arguments) == TOO_EARLY_EXIT_CODE
    line = last_line(capsys)
    assert "too early: The archive leaves" in line
    assert "it must reach back 49 days from the cut-off 1970-02-01" in line


def killed_after(arguments: list[str], sign: str) -> str:
    """Runs a retraining and kills it with SIGKILL at the first line with this start; returns its output up to then."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tripline_training.retrain", *arguments],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    seen = ""
    for line in child.stdout:
        seen += line
        if line.startswith(sign):
            child.send_signal(signal.SIGKILL)
            break
    child.stdout.close()
    assert child.wait(timeout=60) == -signal.SIGKILL, seen
    return seen


@pytest.mark.parametrize("memory_rows_max", ["2000000", "6000"])
def test_repeated_kills_lead_to_the_same_model(
    given: Given, tmp_path: Path, lake: Path, capsys: Capture, memory_rows_max: str
) -> None:
    arguments = [*given(), "--memory-rows-max", memory_rows_max]
    uninterrupted = [*arguments, "--registry", f"file://{tmp_path}/other", "--work", str(tmp_path / "elsewhere")]
    subprocess.run(["cp", "-r", str(lake / "registry"), str(tmp_path / "other")], check=True)
    assert main(uninterrupted) == 0
    expected = last_line(capsys)
    assert "registered=challenger" in expected
    for sign in ("fit: trees=50/60", "fit: trees=25/60", "compare:"):
        killed_after(arguments, sign)
        assert "challenger" not in aliases(tmp_path)
    parts = list((tmp_path / "work").glob("fit-*.ubj"))
    assert len(parts) == 2
    # Half a checkpoint is invalid: that fit is repeated, and gives the same trees.
    parts[0].write_bytes(parts[0].read_bytes()[:-1_000])
    assert main(arguments) == 0
    captured = capsys.readouterr().out
    # Both fits were finished before the last kill, so only the damaged one is repeated.
    assert captured.count("fit: trees=25/60") == 1
    assert f"warning: the checkpoint {parts[0].name} is damaged" in captured
    assert captured.strip().splitlines()[-1] == expected
    assert {path.name for path in (tmp_path / "work").iterdir()} == {"lock", "result.json"}


def test_the_second_alias_move_follows_after_a_kill_between_two_moves(
    given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(given()) == 0
    expected = last_line(capsys)
    # Simulates a kill between the moves: no result yet, and one alias still names another version.
    (tmp_path / "work" / "result.json").unlink()
    (tmp_path / "registry" / "models" / "fraud" / "aliases" / "shadow").unlink()
    assert main(given()) == 0
    assert last_line(capsys) == expected
    assert aliases(tmp_path)["shadow"] == aliases(tmp_path)["challenger"]


def test_concurrent_retrainings_run_in_turn(given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = given()
    outcomes: list[int] = []
    threads = [threading.Thread(target=lambda: outcomes.append(main(arguments))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert outcomes == [0, 0]
    out = capsys.readouterr().out
    assert out.count("retrain: a result for the same data already exists") == 1
    assert len([line for line in out.splitlines() if line.startswith("retrain: registered=")]) == 2
    assert [move.alias for move in registry.history(tmp_path / "registry", "fraud")].count("challenger") == 1
