"""Planted drift is found on its day, ordinary days raise no alarm, and other programs can parse the output."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import DAY_MS, columns, write_parquet, write_settled
from tripline_training.detect_drift import DRIFT_EXIT_CODE, main
from tripline_training.drift.judge_days import DayVerdict, Judgement, Limits, judge_day
from tripline_training.drift.judge_weeks import judge_labels
from tripline_training.drift.measure_distance import (
    bin_edges,
    count_bins,
    log_odds_difference,
    population_stability_index,
)
from tripline_training.drift.read_days import Column, Days, newest_whole_day, read_days, watched_features
from tripline_training.drift.write_results import event_of, prometheus_text
from tripline_training.errors import TrainingError

DAYS = 56
ROWS_PER_DAY = 300
NEWEST = DAYS - 1


def usual_days(seed: int = 1) -> Days:
    """Eight weeks with different weekends, 100 cards with different habits, and a feature that is mostly 0."""
    random = np.random.default_rng(seed)
    day = np.repeat(np.arange(DAYS), ROWS_PER_DAY)
    card = random.integers(0, 100, len(day))
    habit = random.normal(0, 0.5, 100)[card]
    weekend = np.where(day % 7 >= 5, 0.15, 0.0)
    amount = np.exp(3 + habit + weekend + random.normal(0, 0.7, len(day)))
    wobble = np.clip(random.normal(0.05, 0.02, DAYS), 0.005, 1)[day]
    rare = np.where(random.random(len(day)) < wobble, random.integers(1, 4, len(day)), 0).astype(float)
    score = 1 / (1 + np.exp(4 - 0.01 * amount - rare))
    watched = [Column("amount", "feature", amount), Column("rare", "feature", rare), Column("score", "score", score)]
    frauds = random.binomial(300, np.clip(random.normal(0.02, 0.004, DAYS), 0.001, 1))
    return Days(day, watched, {at: (300, int(count)) for at, count in enumerate(frauds)})


def changed(days: Days, name: str, change: Any) -> Days:  # noqa: ANN401 -- a function on an array
    """Applies `change` to one column's values on the newest day."""
    newest = days.day == NEWEST
    columns_now = [
        Column(c.name, c.kind, np.where(newest, change(c.values), c.values)) if c.name == name else c
        for c in days.columns
    ]
    return replace(days, columns=columns_now)


@pytest.mark.parametrize("seed", range(1, 6))
def test_four_normal_weeks_raise_no_alarm(seed: int) -> None:
    days = usual_days(seed)
    alarms = [(day, [j.column for j in judge_day(days, day).drifted]) for day in range(28, DAYS)]
    assert [alarm for alarm in alarms if alarm[1]] == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("amount", lambda v: v * 1.6),
        ("amount", lambda v: v * 0 + 20),
        ("rare", lambda v: v + 1),
        ("rare", lambda v: v * 0 + 7),
        ("score", np.sqrt),
    ],
    ids=["scaled", "constant", "shifted", "never seen", "recalibrated"],
)
def test_an_injected_shift_is_detected_on_its_day(name: str, change: Any) -> None:  # noqa: ANN401
    days = changed(usual_days(), name, change)
    assert [j.column for j in judge_day(days, NEWEST).drifted] == [name]
    assert judge_day(days, NEWEST - 1).drifted == []


@pytest.mark.parametrize(("frauds", "drifted"), [(66, False), (200, True), (0, True)])
def test_outcomes_drift_in_both_directions(frauds: int, drifted: bool) -> None:
    days = usual_days()
    # Each day, 55 to 65 of 3,000 labels are frauds.
    outcomes = {at: (3000, 55 + at * 7 % 11) for at in days.outcomes}
    verdict = judge_day(replace(days, outcomes={**outcomes, NEWEST: (3000, frauds)}), NEWEST)
    assert [j.column for j in verdict.drifted] == (["fraud_share"] if drifted else [])
    assert (verdict.judgements[-1].p_value < 1e-6) == drifted


def test_outcomes_are_not_judged_if_a_day_has_no_labels() -> None:
    days = usual_days()
    outcomes = {at: known for at, known in days.outcomes.items() if at != NEWEST - 3}
    assert "fraud_share" not in [j.column for j in judge_day(replace(days, outcomes=outcomes), NEWEST).judgements]


def test_a_day_is_compared_only_with_the_previous_two_weeks() -> None:
    days = usual_days()
    amounts = days.columns[0].values
    edges = bin_edges(amounts[(days.day >= NEWEST - 28) & (days.day < NEWEST)])
    before = count_bins(amounts[(days.day >= NEWEST - 14) & (days.day < NEWEST)], edges)
    expected = population_stability_index(before, count_bins(amounts[days.day == NEWEST], edges))
    assert judge_day(days, NEWEST).judgements[0].distance == pytest.approx(expected, rel=1e-12)


def test_more_columns_require_more_certainty_per_column() -> None:
    """Bonferroni: with more columns, the same distance is further from the threshold."""
    limits = Limits(distance_min=0)
    days = usual_days()
    many = replace(days, columns=[replace(days.columns[0], name=f"c{i}") for i in range(60)])
    alone = judge_day(replace(days, columns=days.columns[:1]), NEWEST, limits).judgements[0]
    among = judge_day(many, NEWEST, limits).judgements[0]
    assert (alone.distance, alone.p_value) == (among.distance, among.p_value)
    assert among.threshold > alone.threshold
    strict = judge_day(many, NEWEST, replace(limits, false_alarms_per_day=1e-6)).judgements[0]
    assert strict.threshold > among.threshold


def test_too_few_payments_are_not_judged() -> None:
    days = usual_days()
    with pytest.raises(TrainingError, match=r"Day 1970-02-26 has 0 payments .* fewer than the 100"):
        judge_day(days, NEWEST + 28)
    with pytest.raises(TrainingError, match="has 0 payments"):
        judge_day(days, 27)


def test_the_stability_index_equals_a_manual_calculation() -> None:
    before, now = np.array([50, 50]), np.array([80, 20])
    p, q = np.array([50.5, 50.5]) / 101, np.array([80.5, 20.5]) / 101
    assert population_stability_index(before, now) == pytest.approx(float(((q - p) * np.log(q / p)).sum()))
    assert population_stability_index(before, before * 3) == pytest.approx(0, abs=1e-4)
    assert log_odds_difference((1000, 10), (1000, 20)) == pytest.approx(math.log(2), abs=0.05)
    assert log_odds_difference((1000, 20), (1000, 10)) < 0


def test_few_values_and_defaults_have_separate_bins() -> None:
    few = np.array([0.0, 1, 1, 5])
    assert count_bins(few, bin_edges(few)).tolist() == [0, 1, 2, 1]
    # There are bins below and between the known values as well, so unseen values are noticed.
    assert count_bins(np.array([-1.0, 0.5, 9]), bin_edges(few)).tolist() == [1, 1, 0, 1]
    values = np.concatenate([np.full(500, -1.0), np.linspace(0, 1, 500)])
    counts = count_bins(values, bin_edges(values))
    assert 500 in counts and counts.sum() == 1000 and len(counts) >= 6


def drift_columns(shift: float = 1.0) -> dict[str, Any]:
    """conftest's 40 days, with amounts multiplied on the last complete day."""
    data = columns()
    day = np.arange(len(data["fraud"])) // 100
    return {**data, "amount": np.where(day == 38, data["amount"] * shift, data["amount"])}


@pytest.fixture
def judged(tmp_path: Path, spec_path: Path) -> list[str]:
    write_parquet(tmp_path / "usual.parquet", drift_columns())
    write_parquet(tmp_path / "shifted.parquet", drift_columns(3.0))
    return ["--feature-spec", str(spec_path), "--name", "fraud", "--metrics", str(tmp_path / "drift.prom")]


def test_the_command_writes_metrics_and_events(
    judged: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = tmp_path / "events.ndjson"
    judged += ["--events", str(events), "--fail-on-drift"]
    assert main(["--features", str(tmp_path / "usual.parquet"), *judged]) == 0
    assert not events.exists()
    assert "day=1970-02-08 rows=100 drifted=none" in capsys.readouterr().err
    for _ in range(2):
        assert main(["--features", str(tmp_path / "shifted.parquet"), *judged]) == DRIFT_EXIT_CODE
    first, second = (json.loads(line) for line in events.read_text().splitlines())
    assert (first["type"], first["day"], first["model"]) == ("drift-detected", "1970-02-08", "fraud")
    assert [column["column"] for column in first["columns"]] == ["amount"]
    assert first["compared_with"] == {"from": "1970-01-25", "to": "1970-02-07"}
    assert "1 of 4 columns drifted on 1970-02-08, most strongly amount" in first["sentence"]
    # A repeated finding is recognised as such.
    assert first["event_id"] == second["event_id"]

    lines = (tmp_path / "drift.prom").read_text().splitlines()
    assert 'tripline_drift_drifted{model="fraud",column="amount",kind="feature"} 1.0' in lines
    assert 'tripline_drift_columns_drifted{model="fraud"} 1' in lines
    sample = re.compile(r'[a-z_]+\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\} [-+0-9.e]+')
    assert all(line.startswith(("# HELP ", "# TYPE ")) or sample.fullmatch(line) for line in lines), lines
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names)) == 8
    assert list(tmp_path.glob(".*tmp")) == []


def test_served_scores_are_monitored(judged: list[str], tmp_path: Path) -> None:
    ids = columns()["client_transaction_id"]
    served = tmp_path / "scores.csv"
    # Scores are larger on the last complete day only.
    lines = [f"{name},{0.9 if i // 100 == 38 else (i * 7 % 100) / 1000}" for i, name in enumerate(ids)]
    served.write_text("\n".join(["client_transaction_id,score", *lines]))
    events = tmp_path / "e.ndjson"
    arguments = ["--features", str(tmp_path / "usual.parquet"), *judged, "--scores", str(served)]
    assert main([*arguments, "--events", str(events)]) == 0
    assert [c["kind"] for c in json.loads(events.read_text())["columns"]] == ["score"]


# The check is on day 76. Its newest labelled week is days 63 to 69.
LOOK = 76


def labelled_weeks(folder: Path, seed: int, *, found: float = 0.9, mature_days: int = 84) -> list[str]:
    """120 payments per day for 12 weeks. Scores find 90 % of frauds, but the share `found` in the newest labelled week.

    Genuine payments after `mature_days` have no label.
    """
    random = np.random.default_rng(seed)
    rows = 84 * 120
    at = np.arange(rows) * DAY_MS // 120
    fraud = random.random(rows) < 0.06
    newest = (at // DAY_MS >= LOOK - 13) & (at // DAY_MS <= LOOK - 7)
    is_found = random.random(rows) < np.where(newest, found, 0.9)
    # Each day has the same number of high scores, whether they belong to frauds or not.
    scores = np.where(fraud & is_found, 0.9, 0.1) * random.random(rows)
    swapped = random.permutation(np.flatnonzero(newest & ~fraud))[: int((newest & fraud & ~is_found).sum())]
    scores[swapped] = 0.9 * random.random(len(swapped))
    ids = [f"t{i:06d}" for i in range(rows)]
    known = fraud | (at < mature_days * DAY_MS)
    write_settled(
        folder / "weeks.parquet",
        {
            "client_transaction_id": ids,
            "card_token": [f"ct_{i % 50}" for i in range(rows)],
            "terminal_id": [f"term-{i % 20}" for i in range(rows)],
            "occurred_at_ms": at,
            "labelled_at_ms": [ms + 7 * DAY_MS if label else None for ms, label in zip(at, known, strict=True)],
            "fraud": [int(yes) if label else None for yes, label in zip(fraud, known, strict=True)],
            **{name: random.random(rows) for name in ("amount", "card_count_1d", "terminal_fraud_rate_7d")},
        },
        delay_days=7,
        mature_before_ms=mature_days * DAY_MS,
    )
    served = folder / "served.csv"
    lines = [f"{name},{score}" for name, score in zip(ids, scores, strict=True)]
    served.write_text("\n".join(["client_transaction_id,score", *lines]))
    given = ["--features", str(folder / "weeks.parquet"), "--scores", str(served)]
    return [*given, "--events", str(folder / "looks.ndjson"), "--metrics", str(folder / "looks.prom")]


def days(first: int, last: int) -> list[str]:
    return ["--from", str(np.datetime64(first, "D")), "--to", str(np.datetime64(last, "D"))]


def test_labels_reveal_scores_that_find_fewer_frauds(tmp_path: Path, spec_path: Path) -> None:
    arguments = [*labelled_weeks(tmp_path, 1, found=0.2), "--feature-spec", str(spec_path)]
    # Runs one check per week.
    assert main([*arguments, *days(LOOK - 6, LOOK - 1)]) == 0
    assert not (tmp_path / "looks.ndjson").exists()
    assert main([*arguments, *days(LOOK, LOOK)]) == 0
    event = json.loads((tmp_path / "looks.ndjson").read_text())
    assert [(column["column"], column["kind"]) for column in event["columns"]] == [("average_precision", "performance")]
    assert "most strongly average_precision: its distance from the weeks before is" in event["sentence"]
    metric = 'tripline_drift_drifted{model="fraud",column="average_precision",kind="performance"} 1.0'
    assert metric in (tmp_path / "looks.prom").read_text()


@pytest.mark.parametrize("seed", range(2, 5))
def test_labels_of_normal_weeks_raise_no_alarm(seed: int, tmp_path: Path, spec_path: Path) -> None:
    arguments = [*labelled_weeks(tmp_path, seed), "--feature-spec", str(spec_path)]
    assert main([*arguments, *days(LOOK - 13, LOOK + 7)]) == 0
    assert not (tmp_path / "looks.ndjson").exists()
    assert 'kind="performance"} 0.0' in (tmp_path / "looks.prom").read_text()


def test_a_week_is_measured_on_payments_with_a_verdict(tmp_path: Path) -> None:
    """regression #31: among the newest payments of a week, only the frauds had labels, which hid a decrease."""
    recent = LOOK - 11
    falls = []
    for mature_days in (84, recent):
        labelled_weeks(tmp_path, 1, found=0.5, mature_days=mature_days)
        scores = tmp_path / "served.csv"
        if mature_days > recent:
            # All verdicts are known, but the recent payments have no scores.
            scores.write_text("\n".join(scores.read_text().splitlines()[: 1 + recent * 120]))
        judged = judge_labels(tmp_path / "weeks.parquet", scores, LOOK)
        assert judged is not None
        falls.append(judged.distance)
    assert falls[0] == falls[1]


def test_a_slow_drift_is_detected_with_a_reference_but_not_from_day_to_day(
    tmp_path: Path, spec_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = columns()
    many = {name: np.concatenate([np.asarray(values)] * 3) for name, values in data.items()}
    rows = len(many["fraud"])
    # 120 days on which amounts grow by 1 % a day.
    at = np.arange(rows) * DAY_MS // 100
    growing = {
        **many,
        "client_transaction_id": [f"t{i:06d}" for i in range(rows)],
        "occurred_at_ms": at,
        "labelled_at_ms": at + 7 * DAY_MS,
        "amount": many["amount"] * 1.01 ** (at // DAY_MS),
    }
    features = write_parquet(tmp_path / "growing.parquet", growing)
    events = tmp_path / "events.ndjson"
    given = ["--features", str(features), "--feature-spec", str(spec_path), "--events", str(events)]
    assert main(given) == 0
    assert not events.exists()
    assert main([*given, "--reference", "1970-01-01..1970-01-31", "--fail-on-drift"]) == DRIFT_EXIT_CODE
    (event,) = (json.loads(line) for line in events.read_text().splitlines())
    assert event["day"] == "1970-04-29"
    assert [column["column"] for column in event["columns"]] == ["amount"]
    assert event["compared_with"] == {"from": "1970-01-18", "to": "1970-01-31"}
    assert "its distance from 1970-01-18 to 1970-01-31 is" in event["sentence"]
    # A day within the reference's spread has not drifted.
    usual = [*given, "--from", "1970-02-01", "--to", "1970-02-01", "--reference", "1970-01-01..1970-01-31"]
    assert main([*usual, "--fail-on-drift"]) == 0


def test_reads_days_and_their_outcomes(judged: list[str], tmp_path: Path) -> None:
    path = tmp_path / "usual.parquet"
    data = columns()
    assert newest_whole_day(path) == 38
    days = read_days(path, ["amount"], 10, 11)
    assert days.day.tolist() == [10] * 100 + [11] * 100
    assert days.columns[0].values.tolist() == pytest.approx(data["amount"][1000:1200].tolist())
    # Labels take seven days, so labels that arrive on day 10 are for payments of day 3.
    assert days.outcomes[10] == (100, int(data["fraud"][300:400].sum()))


def test_calendar_features_are_not_monitored(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    kinds = ["hour_of_day", "day_of_week", "is_weekend", "is_night", "amount"]
    path.write_text("version: 1\nfeatures:\n" + "".join(f"  - {{ name: {k}, kind: {k} }}\n" for k in kinds))
    assert watched_features(path) == ["amount"]


def test_only_features_used_by_a_model_are_monitored(judged: list[str], tmp_path: Path) -> None:
    given = [*judged, "--features", str(tmp_path / "shifted.parquet"), "--fail-on-drift"]
    assert main(given) == DRIFT_EXIT_CODE
    assert main([*given, "--watch", "card_count_1d,terminal_fraud_rate_7d"]) == 0
    text = (tmp_path / "drift.prom").read_text()
    assert 'column="card_count_1d"' in text
    assert 'column="amount"' not in text


def test_labels_are_escaped_for_prometheus() -> None:
    verdict = DayVerdict(5, 100, [Judgement('a"b\\c\n', "feature", 0.5, 0.1, 1e-9, drifted=True)])
    text = prometheus_text(verdict, Limits(), "m", 0)
    assert '{model="m",column="a\\"b\\\\c\\n",kind="feature"} 0.5' in text
    assert event_of(verdict, Limits(), "m", 0)["detected_at"] == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--scores", "x", "--registry", "file:///r"], "--scores and --registry cannot be combined"),
        (["--false-alarms-per-day", "0"], "--false-alarms-per-day must be between 0 and 1"),
        (["--from", "2026-01-01"], "Specify both --from and --to, or neither"),
        (["--reference", "1970-01-01"], "--reference must be first..last"),
        (["--reference", "1970-01-01..1970-01-20"], "with at least 28 days"),
        (
            ["--reference", "1970-01-01..1970-02-05", "--from", "1970-02-05", "--to", "1970-02-05"],
            "1970-02-05 is a day of the reference itself",
        ),
        (["--from", "1970-01-05", "--to", "1970-01-05"], "has 0 payments with every watched value"),
    ],
)
def test_reports_invalid_options(judged: list[str], tmp_path: Path, more: list[str], sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        main(["--features", str(tmp_path / "usual.parquet"), *judged, *more])
