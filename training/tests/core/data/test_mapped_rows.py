"""Training on rows in temporary files: the same rows as in memory, and a model of the same quality."""

import json
import os
import resource
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from tests.conftest import DAY_MS, MakeOptions
from tripline_training.data import dataset, mapped_rows
from tripline_training.data.dataset import Rows, Span, open_dataset
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.data.mapped_rows import mapped_array
from tripline_training.errors import TrainingError
from tripline_training.selection.choose_features import only_features
from tripline_training.train import train
from tripline_training.trees import external_matrix
from tripline_training.trees.calibration import margins_of
from tripline_training.trees.fit_calibrated import select_rows
from tripline_training.trees.fit_trees import fit
from tripline_training.trees.params import DEFAULT_PARAMS, read_params

SPAN = Span(0, 26 * DAY_MS)


@pytest.fixture(autouse=True)
def several_batches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mapped_rows, "CHUNK_ROWS", 300)
    monkeypatch.setattr(dataset, "CHUNK_ROWS", 300)
    monkeypatch.setattr(external_matrix, "BATCH_ROWS", 500)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def rows_of(features: Path, spec: Path, memory_rows_max: int | None) -> Rows:
    return open_dataset(features, read_feature_spec(spec), memory_rows_max).known_rows(SPAN, 33 * DAY_MS)[0]


def test_rows_in_files_equal_those_in_memory(features_path: Path, spec_path: Path) -> None:
    rows, mapped = (rows_of(features_path, spec_path, most) for most in (None, 2_599))
    assert (len(rows), rows.mapped, mapped.mapped) == (2_600, False, True)
    assert not rows_of(features_path, spec_path, 2_600).mapped
    for name in ("occurred_at_ms", "fraud", "features"):
        np.testing.assert_array_equal(getattr(mapped, name), getattr(rows, name))
    for name in ("ids", "cards"):
        # The same payments have the same key, and different payments have different keys.
        numbers = [np.unique(getattr(one, name), return_inverse=True)[1] for one in (rows, mapped)]
        assert len(np.unique(np.stack(numbers), axis=1)[0]) == len(np.unique(numbers[0])), name
    some = np.arange(len(rows)) % 3 == 0
    for which in (some, np.flatnonzero(some)[::-1], rows.occurred_at_ms < 9 * DAY_MS, np.zeros(len(rows), bool)):
        np.testing.assert_array_equal(select_rows(mapped, which).features, select_rows(rows, which).features)
    changed = only_features(mapped, read_feature_spec(spec_path), ["amount"])
    assert not changed.features[:, 1:].any()


def test_several_weeks_are_also_rows_in_files(features_path: Path, spec_path: Path) -> None:
    """regression #31: a retraining always kept the fixed old weeks in memory."""
    weeks = [Span(day * DAY_MS, (day + 7) * DAY_MS) for day in (3, 16)]
    rows, mapped = (
        open_dataset(features_path, read_feature_spec(spec_path), most).compared_rows(weeks, 33 * DAY_MS)[0]
        for most in (None, 1_000)
    )
    assert (len(rows), rows.mapped, mapped.mapped) == (1_400, False, True)
    np.testing.assert_array_equal(mapped.features, rows.features)
    none, _ = open_dataset(features_path, read_feature_spec(spec_path)).compared_rows([], 33 * DAY_MS)
    assert none.features.shape == (0, 3)


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS cannot reserve disk space")
def test_reserves_disk_space_before_rows_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """regression #31: on a full disk, training ended with SIGBUS."""
    opened: list[int] = []
    open_file = tempfile.TemporaryFile

    def remember(**options: str) -> object:
        file = open_file(**options)
        opened.append(os.dup(file.fileno()))
        return file

    monkeypatch.setattr(tempfile, "TemporaryFile", remember)
    mapped_array((1_000, 100), np.float32)
    assert os.fstat(opened[0]).st_blocks * 512 >= 400_000
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        with pytest.raises(TrainingError, match=r"no space for 0\.0 GB of rows .*set TMPDIR"):
            mapped_array((1_000, 100), np.float32)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        for file in opened:
            os.close(file)


def test_a_model_trained_on_rows_in_files_is_as_good(features_path: Path, spec_path: Path, tmp_path: Path) -> None:
    params = replace(read_params(DEFAULT_PARAMS), trees=60, learning_rate=0.2, max_bin=64)
    precision: list[list[float]] = []
    for most in (None, 1_000):
        rows = rows_of(features_path, spec_path, most)
        # The model is trained on the first half and evaluated on the second.
        learn, later = (select_rows(rows, (np.arange(len(rows)) < 1_300) == first) for first in (True, False))
        scores = [margins_of(fit(learn, params, seed, jobs=1), later.features) for seed in range(5)]
        precision.append([float(average_precision_score(later.fraud, one)) for one in scores])
        # The same seed gives the same model.
        np.testing.assert_array_equal(margins_of(fit(learn, params, 0, jobs=1), later.features), scores[0])
    in_memory, in_files = precision
    assert min(in_memory) > 2 * 0.1
    assert abs(np.mean(in_files) - np.mean(in_memory)) <= 2 * np.std(in_memory, ddof=1)
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith("tripline-")]


def test_publishes_a_model_trained_on_rows_in_files(options: MakeOptions, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = train(options("--memory-rows-max", "1000"))
    manifest = json.loads((Path(outcome.folder) / "model.json").read_text())
    assert "on_disk=True" in capsys.readouterr().out
    assert manifest["lineage"]["params"]["on_disk"] is True
    assert manifest["metrics"]["train"]["rows"] == 2000
    assert manifest["metrics"]["valid"]["auc_roc"] > 0.8
