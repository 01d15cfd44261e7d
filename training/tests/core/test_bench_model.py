"""The benchmark on a small history, split into folds like the published one."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import DAY_MS, ROWS, columns, write_parquet
from tripline_training.bench_model import main, rows_to_assess, training_rows
from tripline_training.data.dataset import Dataset, open_dataset
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.data.published import read_folds
from tripline_training.errors import TrainingError

DAYS = 80
# Days of 1970: training ends on 3 March, which is day 62, and 11 to 17 March are assessed.
FOLD = {"train_from": "1970-02-25", "train_to": "1970-03-03", "assess_from": "1970-03-11", "assess_to": "1970-03-17"}
TRAIN_END_DAY = 62
ASSESS_DAYS = (69, 76)


def history() -> dict[str, Any]:
    data = columns()
    at = np.arange(ROWS) * (DAYS * DAY_MS // ROWS)
    ids = [f"hb-{number}" for number in range(ROWS)]
    return {**data, "client_transaction_id": ids, "occurred_at_ms": at, "labelled_at_ms": at + 7 * DAY_MS}


def assessed(data: dict[str, Any]) -> list[int]:
    """Numbers of the assessed payments: all on the assessed days, except every seventh."""
    days = data["occurred_at_ms"] // DAY_MS
    return [int(row) for row in np.flatnonzero((days >= ASSESS_DAYS[0]) & (days < ASSESS_DAYS[1])) if row % 7]


@pytest.fixture
def folds(tmp_path: Path) -> Path:
    folder = tmp_path / "folds"
    folder.mkdir()
    lines = ["TRANSACTION_ID,PART", "3,train", *(f"{number},assess" for number in assessed(history()))]
    for part in ("test", "validation"):
        with gzip.open(folder / f"{part}-fold0.csv.gz", "wt") as file:
            file.write("\n".join(lines) + "\n")
    entries = [{"file": f"{part}-fold0.csv.gz", **FOLD} for part in ("test", "validation")]
    (folder / "folds.json").write_text(json.dumps(entries))
    return folder


def dataset_of(tmp_path: Path, spec_path: Path, data: dict[str, Any]) -> Dataset:
    return open_dataset(write_parquet(tmp_path / "features.parquet", data), read_feature_spec(spec_path))


def test_ends_with_a_line_of_metrics(
    tmp_path: Path, spec_path: Path, folds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features = write_parquet(tmp_path / "features.parquet", history())
    params = tmp_path / "params.json"
    defaults = json.loads((Path(__file__).parents[2] / "params.json").read_text())
    params.write_text(json.dumps({**defaults, "trees": 30}))
    places = ["--features", str(features), "--feature-spec", str(spec_path), "--folds", str(folds)]
    main([*places, "--params", str(params)])
    lines = capsys.readouterr().out.strip().split("\n")
    found = re.fullmatch(r"model: ap=(\S+) auc=(\S+) cp100=(\S+) ece=(\S+)", lines[-1])
    assert found is not None
    ap, auc, _, ece = map(float, found.groups())
    assert auc > 0.75
    assert ap > 0.2
    assert ece < 0.1
    assert sum(line.startswith("published") for line in lines) == 7
    assert any(line.startswith("test-fold0: trained_rows=") for line in lines)


def test_trains_on_data_known_before_the_evaluated_days(tmp_path: Path, spec_path: Path, folds: Path) -> None:
    data = history()
    days = data["occurred_at_ms"] // DAY_MS
    late = int(np.flatnonzero(days == TRAIN_END_DAY - 1)[0])
    data["labelled_at_ms"][late] = ASSESS_DAYS[0] * DAY_MS + 1
    (fold,) = read_folds(folds, "test")
    rows = training_rows(dataset_of(tmp_path, spec_path, data), fold)
    expected = np.flatnonzero((days >= 21) & (days < TRAIN_END_DAY))
    assert list(rows.ids) == [f"hb-{number}" for number in expected if number != late]
    assert fold.delay_days == 7


def test_evaluates_exactly_the_published_rows(tmp_path: Path, spec_path: Path, folds: Path) -> None:
    (fold,) = read_folds(folds, "validation")
    rows = rows_to_assess(dataset_of(tmp_path, spec_path, history()), fold)
    assert sorted(rows.ids) == sorted(f"hb-{number}" for number in assessed(history()))


def test_names_a_missing_row(tmp_path: Path, spec_path: Path, folds: Path) -> None:
    data = history()
    data["client_transaction_id"][assessed(data)[0]] = "hb-999999"
    (fold,) = read_folds(folds, "test")
    with pytest.raises(TrainingError, match=r"1 of the \d+ rows to assess in test-fold0 are missing"):
        rows_to_assess(dataset_of(tmp_path, spec_path, data), fold)


def test_a_model_of_a_short_period_cannot_be_calibrated(tmp_path: Path, spec_path: Path, folds: Path) -> None:
    data = history()
    data["occurred_at_ms"] = data["occurred_at_ms"] // 2 + 40 * DAY_MS
    data["labelled_at_ms"] = data["occurred_at_ms"] + 7 * DAY_MS
    (folds / "folds.json").write_text(json.dumps([{"file": "test-fold0.csv.gz", **FOLD}]))
    write_parquet(tmp_path / "features.parquet", data)
    places = ["--features", str(tmp_path / "features.parquet"), "--feature-spec", str(spec_path)]
    with pytest.raises(TrainingError, match="train on a longer period"):
        main([*places, "--folds", str(folds)])


def test_rejects_unreadable_folds(tmp_path: Path, folds: Path) -> None:
    with pytest.raises(TrainingError, match="cannot be read as a list of folds"):
        read_folds(tmp_path, "test")
    (folds / "folds.json").write_text("[]")
    with pytest.raises(TrainingError, match="lists no test fold"):
        read_folds(folds, "test")
