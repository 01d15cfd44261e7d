"""The average precision of each week, computed from that week's payments."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from tests.conftest import MakeOptions
from tripline_training.data.dataset import open_dataset, parse_span
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.errors import TrainingError
from tripline_training.evaluation.measure_weeks import main
from tripline_training.registry import registry
from tripline_training.train import Outcome, train
from tripline_training.trees.export_onnx import predict_onnx


def test_evaluates_each_week_of_each_version_against_another_model(
    options: MakeOptions,
    outcome: Outcome,
    features_path: Path,
    spec_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = registry.resolve(tmp_path / "registry", "fraud", "champion")
    dataset = open_dataset(features_path, read_feature_spec(spec_path))
    weeks = [
        dataset.rows_with_truth(parse_span(*span))
        for span in (("1970-01-20", "1970-01-26"), ("1970-01-27", "1970-02-02"))
    ]
    expected = [average_precision_score(rows.fraud, predict_onnx(found.model, rows.features)) for rows in weeks]
    other = ["--registry", f"file://{tmp_path}/other", "--alias", "champion", "--seed", "2"]
    train(options(*other))
    capsys.readouterr()
    given = ["--features", str(features_path), "--feature-spec", str(spec_path), "--name", "fraud"]
    given += ["--registry", f"file://{tmp_path}/registry", "--from", "1970-01-20"]
    measure = [*given, "--versions", f"champion,{outcome.version}", "--weeks", "2", "--beside"]
    main([*measure, f"file://{tmp_path}/other"])
    measured = json.loads(capsys.readouterr().out)
    assert measured["frauds"] == [int(rows.fraud.sum()) for rows in weeks]
    ratio = np.mean(expected) / np.mean(measured["beside"])
    assert measured["beside"] != pytest.approx(expected)
    for name in ("champion", outcome.version):
        assert measured["versions"][name]["weeks"] == pytest.approx(expected)
        assert measured["versions"][name]["ratio"] == pytest.approx(ratio)
        assert measured["versions"][name]["low"] < ratio < measured["versions"][name]["high"]
    # Compared with itself, a model has a ratio of 1, whichever cards are drawn.
    main([*measure, f"file://{tmp_path}/registry"])
    same = json.loads(capsys.readouterr().out)["versions"]["champion"]
    assert (same["ratio"], same["low"], same["high"]) == (1, 1, 1)
    with pytest.raises(TrainingError, match="requires both fraud and genuine payments"):
        main([*measure, f"file://{tmp_path}/registry", "--weeks", "9"])
