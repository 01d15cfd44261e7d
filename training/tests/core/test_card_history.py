"""What a sequence model sees of a card's past: the payments before, in order, and nothing later."""

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import FEATURES, ROWS, columns, write_parquet
from tripline_training import make_sequences as command
from tripline_training.data.dataset import Span, open_dataset
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.data.tables import arrays, sql_name, table_at
from tripline_training.errors import TrainingError
from tripline_training.networks.card_history import (
    earlier_payments,
    read_payments,
    select,
    sequence_names,
    sequence_rows,
)
from tripline_training.networks.scaler import fit_scaler
from tripline_training.networks.sequence_params import DEFAULT_SEQUENCE_PARAMS, read_sequence_params


def test_a_payment_sees_those_of_its_card_before_it() -> None:
    cards = np.array(["a", "b", "a", "a", "b", "a"])
    assert earlier_payments(cards, 3).tolist() == [[-1, -1], [-1, -1], [0, -1], [2, 0], [1, -1], [3, 2]]
    with pytest.raises(TrainingError, match="no history"):
        earlier_payments(cards, 1)


def test_columns_are_the_payment_s_own_then_each_earlier_one_s() -> None:
    features = np.arange(1, 13, dtype=np.float32).reshape(6, 2)
    history = earlier_payments(np.array(["a", "b", "a", "a", "b", "a"]), 3)
    rows = sequence_rows(features, history, np.array([3, 1, 5]))
    assert sequence_names(("x", "y"), 3) == ("x", "y", "x@-1", "y@-1", "present@-1", "x@-2", "y@-2", "present@-2")
    assert rows.tolist() == [
        [7, 8, 5, 6, 1, 1, 2, 1],
        [3, 4, 0, 0, 0, 0, 0, 0],
        [11, 12, 7, 8, 1, 5, 6, 1],
    ]
    with pytest.raises(TrainingError, match="present"):
        sequence_names(("present",), 3)


def test_payments_without_a_label_are_history_and_never_learnt_from(tmp_path: Path, spec_path: Path) -> None:
    data = columns()
    data["labelled_at_ms"] = [None if row % 3 == 0 else at for row, at in enumerate(data["labelled_at_ms"])]
    data["fraud"] = [None if row % 3 == 0 else fraud for row, fraud in enumerate(data["fraud"])]
    dataset = open_dataset(write_parquet(tmp_path / "some.parquet", data), read_feature_spec(spec_path))
    payments = read_payments(dataset)
    assert len(payments.rows) == ROWS
    span = Span(0, int(data["occurred_at_ms"][1_000]))
    known_by = int(data["occurred_at_ms"][1_500])
    learn = payments.known(span, known_by)
    expected, _ = dataset.known_rows(span, known_by)
    assert select(payments.rows, learn).ids.tolist() == expected.ids.tolist()
    np.testing.assert_array_equal(payments.rows.features[learn], expected.features)
    assert payments.with_truth(span).tolist() == [row for row in range(1_000) if row % 3]
    # Card 0 has rows 0, 50, 100 and so on; row 150 has no label and stands in the history of row 200.
    assert earlier_payments(payments.rows.cards, 3)[200].tolist() == [150, 100]


def test_the_command_writes_what_the_model_takes(
    tmp_path: Path, features_path: Path, spec_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "sequences.parquet"
    given = ["--features", str(features_path), "--feature-spec", str(spec_path), "--output", str(output)]
    command.main([*given, "--length", "4", "--from", "1970-01-11"])
    assert capsys.readouterr().out.startswith("sequences: rows=3000 length=4 ")
    names = sequence_names(tuple(FEATURES), 4)
    written = arrays(
        f"SELECT {', '.join(f'{sql_name(name)}::FLOAT AS {sql_name(name)}' for name in names)} FROM {table_at(output)}"
    )
    payments = read_payments(open_dataset(features_path, read_feature_spec(spec_path)))
    history = earlier_payments(payments.rows.cards, 4)
    expected = sequence_rows(payments.rows.features, history, np.arange(1_000, ROWS))
    np.testing.assert_array_equal(np.column_stack([written[name] for name in names]), expected)
    # Without --from the first payments of a card have no history.
    command.main([*given, "--length", "2"])
    first = arrays(f"SELECT {sql_name('present@-1')} AS present FROM {table_at(output)}")["present"]
    assert first[:51].tolist() == [0.0] * 50 + [1.0]
    with pytest.raises(TrainingError, match="from 2 to 64"):
        command.main([*given, "--length", "1"])


def test_the_scaler_takes_logarithms_of_what_is_lopsided() -> None:
    random = np.random.default_rng(1)
    features = np.column_stack([random.lognormal(3, 1.5, 5_000), random.normal(5, 2, 5_000), np.full(5_000, 7.0)])
    scaler = fit_scaler(features.astype(np.float32))
    assert scaler.logarithm.tolist() == [1, 0, 0]
    np.testing.assert_allclose(scaler.mean, [np.log1p(features[:, 0]).mean(), features[:, 1].mean(), 7], rtol=1e-5)
    np.testing.assert_allclose(1 / scaler.factor[:2], [np.log1p(features[:, 0]).std(), features[:, 1].std()], rtol=1e-5)
    # What never changed tells nothing, whatever it is later.
    assert scaler.factor[2] == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [('"length": 1', "length must be a number from 2 to 64"), ('"heads": 5', "width must be a multiple of heads")],
)
def test_parameters_out_of_their_limits_are_refused(tmp_path: Path, change: str, sentence: str) -> None:
    text = DEFAULT_SEQUENCE_PARAMS.read_text(encoding="utf-8")
    name = change.split(":", maxsplit=1)[0]
    lines = [f"  {change}," if line.strip().startswith(name) else line for line in text.splitlines()]
    path = tmp_path / "params.json"
    path.write_text("\n".join(lines), encoding="utf-8")
    assert read_sequence_params(DEFAULT_SEQUENCE_PARAMS).length >= 2
    with pytest.raises(TrainingError, match=sentence):
        read_sequence_params(path)
