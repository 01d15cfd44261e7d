"""The sequence model learns from history, is the same again for the same seed, and its ONNX file is the trained one."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from sklearn.metrics import average_precision_score

from tests.conftest import FEATURES
from tests.deep.conftest import DAYS
from tripline_training import compare_sequence, train_sequence
from tripline_training.data.dataset import Span, open_dataset
from tripline_training.data.days import DAY_MS
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.errors import TrainingError
from tripline_training.networks.card_history import (
    Payments,
    earlier_payments,
    read_payments,
    sequence_names,
    sequence_rows,
)
from tripline_training.networks.export_torch import network_to_onnx, predict_network
from tripline_training.networks.fit_calibrated_network import FittedNetwork, fit_calibrated_network
from tripline_training.networks.fit_network import Setting, Source, fit_network, margins_of_network, prepare_torch
from tripline_training.networks.onnx_network import check_network, odd_rows
from tripline_training.networks.sequence_params import read_sequence_params
from tripline_training.registry import registry
from tripline_training.trees.calibration import Platt
from tripline_training.trees.export_onnx import predict_onnx

LENGTH = 4
NAMES = sequence_names(tuple(FEATURES), LENGTH)


@pytest.fixture(scope="module")
def payments(history_path: Path, history_spec: Path) -> Payments:
    return read_payments(open_dataset(history_path, read_feature_spec(history_spec)))


@pytest.fixture(scope="module")
def source(payments: Payments) -> Source:
    return Source(payments, earlier_payments(payments.rows.cards, LENGTH))


@pytest.fixture(scope="module")
def setting(params_path: Path) -> Setting:
    return Setting(read_sequence_params(params_path), 1, prepare_torch(1))


@pytest.fixture(scope="module")
def learn(payments: Payments) -> "np.ndarray":
    return payments.known(Span(0, 26 * DAY_MS), 33 * DAY_MS)


@pytest.fixture(scope="module")
def fitted(source: Source, setting: Setting, learn: "np.ndarray") -> FittedNetwork:
    return fit_calibrated_network(source, learn, setting, 7 * DAY_MS)


def columns_of(source: Source, positions: "np.ndarray") -> "np.ndarray":
    return sequence_rows(source.payments.rows.features, source.history, positions)


def test_it_learns_what_only_the_history_tells(source: Source, fitted: FittedNetwork) -> None:
    # A third of the large payments are fraud, those after a large one: who knows the amount alone comes to about 0.2.
    assert fitted.held_ap is not None and fitted.held_ap > 0.3
    assert fitted.calibration.kind == "platt" and fitted.calibration.days == 6
    later = np.arange(3_300, 4_000)
    columns = columns_of(source, later)
    scores = predict_network(fitted.network)(columns)
    blind = columns.copy()
    blind[:, len(FEATURES) :] = 0
    fraud = source.payments.rows.fraud[later]
    without = average_precision_score(fraud, predict_network(fitted.network)(blind))
    assert average_precision_score(fraud, scores) > without + 0.1


def test_the_onnx_file_is_the_trained_network(source: Source, fitted: FittedNetwork) -> None:
    columns = columns_of(source, np.arange(0, 4_000))
    # All lengths of history are among them.
    assert set(columns[:, [NAMES.index(f"present@-{back}") for back in (1, 2, 3)]].sum(axis=1).tolist()) == {0, 1, 2, 3}
    model = network_to_onnx(fitted.network, len(NAMES))
    rows, difference = check_network(predict_network(fitted.network), model, columns, seed=1)
    assert rows >= 5_000
    assert difference <= 1e-5
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (given,), (result,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("features", "tensor(float)", ["rows", len(NAMES)])
    assert (result.name, result.type, result.shape) == ("probability", "tensor(float)", ["rows", 1])
    assert predict_onnx(model, columns[:1]).shape == (1,)
    assert predict_onnx(model, columns[:0]).shape == (0,)
    # A row's score does not depend on the rows beside it.
    alone = np.concatenate([predict_onnx(model, columns[row : row + 1]) for row in range(50)])
    np.testing.assert_allclose(alone, predict_onnx(model, columns)[:50], rtol=0, atol=1e-6)
    assert bool(np.isfinite(predict_onnx(model, odd_rows(columns, 2_000, 7))).all())
    fitted.network.calibrate(Platt(fitted.platt.slope, fitted.platt.intercept + 0.01))
    try:
        with pytest.raises(TrainingError, match="differs from the trained one"):
            check_network(predict_network(fitted.network), model, columns, seed=1)
    finally:
        fitted.network.calibrate(fitted.platt)


def test_nothing_in_the_file_tells_where_it_was_made(fitted: FittedNetwork) -> None:
    content = network_to_onnx(fitted.network, len(NAMES))
    for trace in (b"site-packages", b"tripline_training", str(Path.home()).encode(), b"pkg.torch"):
        assert trace not in content
    model = onnx.load_model_from_string(content)
    assert (model.producer_name, model.producer_version) == ("tripline", "")


def test_a_payment_that_is_not_there_does_not_count(source: Source, fitted: FittedNetwork) -> None:
    columns = columns_of(source, np.arange(1_000, 1_200))
    gone, other = columns.copy(), columns.copy()
    for back in (1, 2, 3):
        gone[:, NAMES.index(f"present@-{back}")] = other[:, NAMES.index(f"present@-{back}")] = 0
        for name in FEATURES:
            gone[:, NAMES.index(f"{name}@-{back}")] = 0
            other[:, NAMES.index(f"{name}@-{back}")] = 123
    predict = predict_network(fitted.network)
    np.testing.assert_array_equal(predict(gone), predict(other))
    assert np.abs(predict(gone) - predict(columns)).max() > 0.05


def test_the_same_seed_gives_the_same_bytes(
    source: Source, setting: Setting, learn: "np.ndarray", fitted: FittedNetwork
) -> None:
    again = fit_calibrated_network(source, learn, setting, 7 * DAY_MS)
    content = network_to_onnx(fitted.network, len(NAMES))
    assert network_to_onnx(again.network, len(NAMES)) == content
    other = fit_calibrated_network(source, learn, Setting(setting.params, 2, setting.device), 7 * DAY_MS)
    assert network_to_onnx(other.network, len(NAMES)) != content


def test_labels_of_held_out_days_only_say_when_to_stop(source: Source, setting: Setting, learn: "np.ndarray") -> None:
    """What is measured on may not be learnt: with other labels there, each epoch's weights are the same."""
    rows = source.payments.rows
    earlier, held = learn[:1_500], learn[2_000:]
    plain = fit_network(source, earlier, held, setting)
    turned = rows.fraud.copy()
    turned[held] = 1 - turned[held]
    other_rows = type(rows)(rows.ids, rows.cards, rows.occurred_at_ms, turned, rows.features)
    other = Source(Payments(other_rows, source.payments.labelled_at_ms), source.history)
    stopped = fit_network(other, earlier, held, setting)
    assert stopped.epochs != plain.epochs
    alone = fit_network(source, earlier, None, setting, epochs=plain.epochs)
    np.testing.assert_array_equal(
        margins_of_network(alone.network, source, held), margins_of_network(plain.network, source, held)
    )
    for name, value in fit_network(other, earlier, None, setting, epochs=plain.epochs).network.state_dict().items():
        assert torch.equal(value, alone.network.state_dict()[name]), name


def test_the_command_publishes_what_scoring_serves(
    tmp_path: Path, history_path: Path, history_spec: Path, params_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--features", str(history_path), "--feature-spec", str(history_spec), "--params", str(params_path)]
    where = ["--registry", f"file://{tmp_path}/registry", "--name", "fraud-sequence", "--alias", "candidate"]
    train_sequence.main([*given, *where, *DAYS, "--variants", str(tmp_path / "variants")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("published: ")
    version = registry.resolve(tmp_path / "registry", "fraud-sequence", "candidate")
    manifest = version.manifest
    assert manifest["features"] == list(NAMES)
    assert manifest["input"] == {"name": "features", "datatype": "FP32", "shape": [-1, len(NAMES)]}
    assert manifest["metrics"]["export"]["opsets"] == {"ai.onnx": 18}
    assert (
        "MatMul" in manifest["metrics"]["export"]["operators"] or "Gemm" in manifest["metrics"]["export"]["operators"]
    )
    assert manifest["metrics"]["valid"]["average_precision"] > 0.5
    assert set(manifest["metrics"]["variants"]) == {"float32", "int8", "int8-dynamic", "float16"}
    assert sorted(path.name for path in (tmp_path / "variants").iterdir()) == [
        "float16.onnx",
        "float32.onnx",
        "int8-dynamic.onnx",
        "int8.onnx",
    ]
    golden = version.golden
    assert len(golden["inputs"]) == len(golden["outputs"]) == 256
    outputs = predict_onnx(version.model, np.array(golden["inputs"], dtype=np.float32))
    assert np.abs(outputs - np.array(golden["outputs"])).max() <= 1e-5
    with pytest.raises(TrainingError, match="must be later"):
        train_sequence.main([*given, *where, *DAYS, "--valid-from", "1970-01-20"])


def test_the_comparison_says_what_history_is_worth(
    tmp_path: Path, history_path: Path, history_spec: Path, params_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trees = tmp_path / "trees.json"
    trees.write_text(
        json.dumps(
            {
                **{"trees": 40, "max_depth": 4, "max_leaves": 7, "learning_rate": 0.1, "min_child_weight": 1},
                **{"subsample": 0.8, "colsample_bytree": 0.7, "max_bin": 256, "reg_lambda": 1, "genuine_share": 1},
            }
        ),
        encoding="utf-8",
    )
    given = ["--features", str(history_path), "--feature-spec", str(history_spec), "--params", str(params_path)]
    compare_sequence.main([*given, "--tree-params", str(trees), *DAYS])
    lines = capsys.readouterr().out.splitlines()
    precision = {line[11:34].strip(): float(line[34:].split()[0]) for line in lines if line.startswith("later days ")}
    assert set(precision) == {"xgboost", "sequence", "mean of both"}
    assert precision["sequence"] > precision["xgboost"] + 0.1
    with pytest.raises(TrainingError, match="Either --folds or"):
        compare_sequence.main([*given, "--train-from", "1970-01-01"])
