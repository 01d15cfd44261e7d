"""The check finds every kind of fault in a features file, and its message names the column."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import DAY_MS, columns, write_parquet
from tripline_training import retrain
from tripline_training.check_data import check_before_training, check_data, main
from tripline_training.data.dataset import KEY_COLUMNS
from tripline_training.data_checks.check_time_and_leakage import LIVE_RULES, Rules, single_feature_auc
from tripline_training.data_checks.feature_kinds import LABEL_KINDS, RANGES, read_spec_features
from tripline_training.data_checks.findings import DataReport
from tripline_training.errors import TOO_EARLY_EXIT_CODE, TrainingError
from tripline_training.retraining.challenge import DATA_EXIT_CODE

SPEC = """version: 7
entities:
  card: { key: card_token }
  terminal: { key: terminal_id, optional: true }
  email: { key: email_token, optional: true }
  card_country: { key: card_token/merchant_country, optional: true }
features:
  - { name: amount, kind: amount, default: 0 }
  - { name: card_count_1d, entity: card, kind: count, window: 1d, default: 0 }
  - { name: card_seconds_since_last, entity: card, kind: seconds_since_last, default: 2592000 }
  - { name: terminal_fraud_count_7d, entity: terminal, kind: fraud_count, window: 7d, default: 0 }
"""


def checked_columns() -> dict[str, Any]:
    """Every fourth row of conftest, with the features of a backfill without earlier state: terminals count known
    frauds."""
    data = {name: values[::4] for name, values in columns().items()}
    cards, terminals = data["card_token"], data["terminal_id"]
    at, labelled, fraud = data["occurred_at_ms"], data["labelled_at_ms"], data["fraud"]
    last: dict[str, int] = {}
    since = []
    for card, time in zip(cards, at.tolist(), strict=True):
        since.append((time - last[card]) / 1000 if card in last else 2_592_000.0)
        last[card] = time
    frauds_at = {t: np.sort(labelled[(np.array(terminals) == t) & (fraud == 1)]) for t in set(terminals)}
    known = [float(np.searchsorted(frauds_at[t], time, side="right")) for t, time in zip(terminals, at, strict=True)]
    kept = [name for name in data if name not in ("card_count_1d", "terminal_fraud_rate_7d")]
    return {
        **{name: data[name] for name in kept},
        "card_count_1d": data["card_count_1d"],
        "card_seconds_since_last": np.array(since),
        "terminal_fraud_count_7d": np.array(known),
    }


@pytest.fixture
def checked_spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


Change = Callable[[dict[str, Any]], None]


def put(name: str, value: object, row: int = 17) -> Change:
    """Sets one cell."""

    def change(data: dict[str, Any]) -> None:
        values = list(data[name])
        values[row] = value
        data[name] = values

    return change


def leak_own_label(data: dict[str, Any]) -> None:
    data["terminal_fraud_count_7d"] = data["terminal_fraud_count_7d"] + data["fraud"]


def leak_label_scaled(data: dict[str, Any]) -> None:
    data["amount"] = data["fraud"] * 1000.0 + np.arange(len(data["fraud"])) / 1000


def drop_day(data: dict[str, Any]) -> None:
    keep = data["occurred_at_ms"] // DAY_MS != 5
    for name, values in data.items():
        data[name] = [value for value, kept in zip(values, keep, strict=True) if kept]


def all_genuine(data: dict[str, Any]) -> None:
    data["fraud"] = np.zeros(len(data["fraud"]), dtype=int)
    data["terminal_fraud_count_7d"] = np.zeros(len(data["fraud"]))


def rename(old: str, new: str) -> Change:
    def change(data: dict[str, Any]) -> None:
        for name in list(data):
            data[new if name == old else name] = data.pop(name)

    return change


def swap(data: dict[str, Any]) -> None:
    data["amount"] = data.pop("amount")


def backwards(data: dict[str, Any]) -> None:
    for name, values in data.items():
        data[name] = list(values)[::-1]


# Files and the changes made to each. Faults that do not hide each other share a file.
FILES: dict[str, list[Change]] = {
    "renamed": [rename("amount", "sum")],
    "swapped": [swap],
    "cells": [
        put("card_token", None, 30),
        put("amount", None, 31),
        put("fraud", None, 32),
        put("labelled_at_ms", None, 33),
        put("fraud", 2, 34),
        put("amount", "nan", 35),
        put("amount", 1e39, 36),
        put("amount", -0.01, 37),
        put("card_count_1d", 1.5, 38),
        put("client_transaction_id", "t000000", 39),
        put("occurred_at_ms", 41 * DAY_MS, -1),
        put("labelled_at_ms", 0, 40),
        put("labelled_at_ms", 59_999, 0),
    ],
    "feature knows the label": [leak_label_scaled],
    "feature knows labels early": [leak_own_label],
    "no fraud": [all_genuine],
}
FAULTS: list[tuple[str, str, str, str]] = [
    ("renamed", "schema", "amount", "amount: the column is missing"),
    ("renamed", "schema", "sum", "sum: the feature spec has no such column"),
    ("swapped", "schema", "amount", "amount: its position contains card_count_1d"),
    ("cells", "nulls", "card_token", "card_token: 1 rows have no value"),
    ("cells", "nulls", "amount", "amount: 1 rows have no value"),
    ("cells", "nulls", "fraud", "fraud: 1 rows have a label time without a label"),
    ("cells", "nulls", "labelled_at_ms", "labelled_at_ms: 1 rows have a label without a time"),
    ("cells", "range", "fraud", "fraud: 1 rows have a value other than 0 or 1"),
    ("cells", "range", "amount", "amount: 2 rows have a value that is not finite"),
    ("cells", "range", "amount", "amount: 1 rows have a value that is not a number of at least 0"),
    ("cells", "range", "card_count_1d", "card_count_1d: 1 rows have a value that is not a whole number of at least 0"),
    ("cells", "duplicates", "client_transaction_id", "1 rows repeat the id of another row"),
    ("cells", "time-order", "occurred_at_ms", "1 rows are in the future"),
    ("cells", "leakage", "labelled_at_ms", "1 rows have a label older than the payment"),
    ("cells", "leakage", "labelled_at_ms", "1 rows have a label within 60 s"),
    ("feature knows the label", "leakage", "amount", "amount: alone it separates fraud with an AUC of 1.0000"),
    (
        "feature knows labels early",
        "leakage",
        "terminal_fraud_count_7d",
        "rows reflect labels before the first label of their terminal",
    ),
    ("no fraud", "class-balance", "fraud", "fraud: no labelled row is fraud, so there is nothing to learn"),
]
NOW_MS = 40 * DAY_MS


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DataReport]:
    folder = tmp_path_factory.mktemp("faulty")
    spec = folder / "spec.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    made = {}
    for name, changes in FILES.items():
        data = checked_columns()
        for change in changes:
            change(data)
        made[name] = check_data(write_parquet(folder / f"{name}.parquet", data), spec, now_ms=NOW_MS)
    return made


@pytest.mark.parametrize(("file", "check", "column", "sentence"), FAULTS, ids=[fault[3][:60] for fault in FAULTS])
def test_finds_the_fault(reports: dict[str, DataReport], file: str, check: str, column: str, sentence: str) -> None:
    report = reports[file]
    found = [f.sentence for f in report.faults if (f.check, f.column) == (check, column)]
    assert any(sentence in text and text.startswith(f"{column}: ") for text in found), report.faults


@pytest.mark.parametrize("file", FILES)
def test_reports_no_other_fault(reports: dict[str, DataReport], file: str) -> None:
    expected = [fault for fault in FAULTS if fault[0] == file]
    assert len(reports[file].faults) == len(expected), reports[file].faults


def test_regression_28_a_limit_of_1_accepts_every_feature_and_only_some_programs_name_the_option(
    reports: dict[str, DataReport], checked_spec: Path, tmp_path: Path
) -> None:
    assert "--feature-auc-max" not in str(reports["feature knows the label"].faults)
    data = checked_columns()
    leak_label_scaled(data)
    features = write_parquet(tmp_path / "f.parquet", data)
    asked = check_data(features, checked_spec, Rules(has_auc_option=True), NOW_MS)
    assert "raise --feature-auc-max, which is 0.98" in asked.faults[0].sentence
    accepted = check_data(features, checked_spec, Rules(feature_auc_max=1), NOW_MS)
    assert accepted.faults == []
    assert "AUC of 1.0000" in accepted.warnings[0].sentence


def test_regression_28_a_retraining_can_raise_the_limit_for_a_single_feature(
    checked_spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = checked_columns()
    leak_label_scaled(data)
    features = write_parquet(tmp_path / "f.parquet", data)
    arguments = ["--features", str(features), "--feature-spec", str(checked_spec), "--cutoff", "1970-01-15"]
    arguments += ["--registry", f"file://{tmp_path}/registry", "--work", str(tmp_path / "work")]
    assert retrain.main(arguments) == DATA_EXIT_CODE
    assert "raise --feature-auc-max, which is 0.98" in capsys.readouterr().out
    # The outcome in the work folder is for another limit, so the data is checked again.
    assert retrain.main([*arguments, "--feature-auc-max", "1"]) == TOO_EARLY_EXIT_CODE


def test_a_wrong_type_names_its_column(checked_spec: Path, tmp_path: Path) -> None:
    data = checked_columns()
    path = tmp_path / "f.csv"
    path.write_text("\n".join([",".join(data), ",".join("x" for _ in data)]))
    sentences = [finding.sentence for finding in check_data(path, checked_spec, now_ms=NOW_MS).faults]
    assert "amount: the type is VARCHAR, but should be DOUBLE or FLOAT." in sentences


def test_a_valid_file_has_no_findings(checked_spec: Path, tmp_path: Path) -> None:
    report = check_data(write_parquet(tmp_path / "f.parquet", checked_columns()), checked_spec, now_ms=NOW_MS)
    assert (report.findings, report.notes) == ([], [])
    assert (report.rows, report.spec_version) == (1_000, 7)
    assert [profile.name for profile in report.profiles][:2] == ["amount", "card_count_1d"]
    assert report.profiles[0].high > report.profiles[0].mean > report.profiles[0].low


def test_an_empty_file_cannot_be_used_for_training(checked_spec: Path, tmp_path: Path) -> None:
    empty = {name: values[:0] for name, values in checked_columns().items()}
    report = check_data(write_parquet(tmp_path / "f.parquet", empty), checked_spec, now_ms=NOW_MS)
    assert [f.sentence for f in report.faults] == ["fraud: none of 0 rows is labelled, so there is nothing to learn."]


def test_a_label_exactly_at_the_minimum_delay_is_allowed(checked_spec: Path, tmp_path: Path) -> None:
    data = checked_columns()
    put("labelled_at_ms", 60_000, 0)(data)
    report = check_data(write_parquet(tmp_path / "f.parquet", data), checked_spec, now_ms=NOW_MS)
    assert [f.sentence for f in report.faults if f.column == "labelled_at_ms"] == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (drop_day, "occurred_at_ms: 1 days between the first and the last day have no payment"),
        (backwards, "occurred_at_ms: 999 rows come after a later payment"),
    ],
)
def test_warns_without_rejecting(checked_spec: Path, tmp_path: Path, change: Change, sentence: str) -> None:
    data = checked_columns()
    change(data)
    report = check_data(write_parquet(tmp_path / "f.parquet", data), checked_spec, now_ms=NOW_MS)
    assert any(sentence in finding.sentence for finding in report.warnings), report.warnings
    assert not any(finding.column == "occurred_at_ms" for finding in report.faults)


def test_does_not_judge_early_labels_if_earlier_payments_are_unknown(checked_spec: Path, tmp_path: Path) -> None:
    data = checked_columns()
    leak_own_label(data)
    # The first card had a payment before the start of this file, so labels of older payments may arrive at any time.
    put("card_seconds_since_last", 5.0, 0)(data)
    report = check_data(write_parquet(tmp_path / "f.parquet", data), checked_spec, now_ms=NOW_MS)
    assert report.faults == []
    assert "1 cards had payments before this file begins" in report.notes[0]


@pytest.mark.parametrize(
    ("entity", "of"),
    [("card_country", "of their card"), ("email", "in the file")],
)
def test_regression_28_finds_early_labels_of_every_entity(tmp_path: Path, entity: str, of: str) -> None:
    """regression #28: only the features of cards and terminals were checked."""
    spec = tmp_path / "spec.yaml"
    name = f"{entity}_fraud_count_7d"
    spec.write_text(f"{SPEC}  - {{ name: {name}, entity: {entity}, kind: fraud_count, window: 7d, default: 0 }}\n")
    data = {**checked_columns(), name: np.zeros(1_000)}
    assert check_data(write_parquet(tmp_path / "valid.parquet", data), spec, now_ms=NOW_MS).faults == []
    data[name][0] = 1
    faults = check_data(write_parquet(tmp_path / "f.parquet", data), spec, now_ms=NOW_MS).faults
    assert [f.sentence for f in faults] == [
        f"{name}: 1 rows reflect labels before the first label {of} arrived; compute the feature from labels by the "
        "time they arrived."
    ]


def test_one_label_cannot_stop_retraining_in_a_running_system(checked_spec: Path, tmp_path: Path) -> None:
    data = checked_columns()
    put("labelled_at_ms", 10_000, 0)(data)
    # The labels of a terminal were reported again after a payment that had counted the first ones.
    terminals, at = data["terminal_id"], data["occurred_at_ms"].tolist()
    counts = zip(terminals, data["terminal_fraud_count_7d"], strict=True)
    seen = next(row for row, (terminal, frauds) in enumerate(counts) if terminal != terminals[0] and frauds > 0)
    for row in range(seen):
        if terminals[row] == terminals[seen]:
            put("labelled_at_ms", at[seen] + DAY_MS, row)(data)
    path = write_parquet(tmp_path / "f.parquet", data)
    assert [f.column for f in check_data(path, checked_spec, now_ms=NOW_MS).faults] == [
        "labelled_at_ms",
        "terminal_fraud_count_7d",
    ]
    report = check_data(path, checked_spec, LIVE_RULES, now_ms=NOW_MS)
    assert (report.faults, [f.column for f in report.warnings]) == ([], ["terminal_fraud_count_7d"])


SPEC_IN_USE = Path(__file__).parents[3] / "packages" / "contracts" / "feature-spec.yaml"


def test_every_used_kind_has_a_range_or_accepts_any_number() -> None:
    kinds = {feature.kind for feature in read_spec_features(SPEC_IN_USE)}
    # The owner of a profile decides what its column contains.
    assert kinds - set(RANGES) == {"z_score", "profile"}
    labels = {kind for kind in kinds if kind.startswith(("fraud_", "days_since_", "run_"))}
    assert labels <= LABEL_KINDS


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        ("ratio_to_usual", -0.5, "a number of at least 0"),
        ("unusual_count", 1.5, "a whole number of at least 0"),
        ("unusual_max", -1.0, "a number of at least 0"),
        ("days_since_last_genuine", -0.1, "a number of at least 0"),
        ("days_since_run_began", -0.1, "a number of at least 0"),
        ("run_count", 0.5, "a whole number of at least 0"),
    ],
)
def test_rejects_values_outside_a_kind_s_range(tmp_path: Path, kind: str, value: float, sentence: str) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"version: 7\nfeatures:\n  - {{ name: amount, entity: terminal, kind: {kind}, default: 0 }}\n")
    data = {name: values for name, values in checked_columns().items() if name in (*KEY_COLUMNS, "amount")}
    data["amount"] = np.zeros(len(data["fraud"]))
    put("amount", value)(data)
    faults = check_data(write_parquet(tmp_path / "f.parquet", data), spec, now_ms=NOW_MS).faults
    assert [f.sentence for f in faults if f.check == "range"] == [
        f"amount: 1 rows have a value that is not {sentence}, as the kind {kind} must be."
    ]


def test_auc_of_a_feature_counts_ties_as_one_half() -> None:
    fraud = np.repeat([0, 1], 20)
    assert single_feature_auc(np.zeros(40), fraud) == 0.5
    assert single_feature_auc(1.0 - fraud, fraud) == 1.0
    # Half of the frauds are above every genuine payment, and half are equal to all of them.
    assert single_feature_auc(np.where(np.arange(40) >= 30, 1.0, 0.0), fraud) == 0.75
    assert single_feature_auc(np.zeros(30), np.repeat([0, 1], [20, 10])) is None


def test_the_command_writes_both_reports_and_fails(
    checked_spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = checked_columns()
    put("amount", -1.0)(data)
    path = write_parquet(tmp_path / "f.parquet", data)
    outputs = {"--output": tmp_path / "r.md", "--json": tmp_path / "r.json"}
    given = [part for pair in outputs.items() for part in (pair[0], str(pair[1]))]
    with pytest.raises(TrainingError, match=r"f\.parquet is not suitable for training: amount: 1 rows have a value"):
        main(["--features", str(path), "--feature-spec", str(checked_spec), *given])
    assert capsys.readouterr().out.endswith(f"check-data: rows=1000 frauds={data['fraud'].sum()} faults=1 warnings=0\n")
    written = json.loads(outputs["--json"].read_text())
    assert (written["fit_for_training"], written["findings"][0]["column"]) == (False, "amount")
    text = outputs["--output"].read_text()
    assert "**NOT fit for training: 1 faults**" in text
    assert "- amount: 1 rows have a value that is not a number of at least 0, as the kind amount must be." in text


def test_the_check_before_training_lists_the_first_faults_and_counts_the_others(
    checked_spec: Path, tmp_path: Path
) -> None:
    data = {f"x{i}": np.zeros(3) for i in range(4)}
    with pytest.raises(TrainingError, match="And 4 more"):
        check_before_training(write_parquet(tmp_path / "f.parquet", data), checked_spec)


@pytest.mark.parametrize("text", ["entities:\nfeatures: []\n", "- features\n"])
def test_an_invalid_feature_spec_is_reported(tmp_path: Path, text: str) -> None:
    path = tmp_path / "features.yaml"
    path.write_text(text)
    with pytest.raises(TrainingError, match="cannot be read as a feature spec"):
        read_spec_features(path)
