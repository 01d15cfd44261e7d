from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import DAY_MS, columns, write_parquet, write_settled
from tripline_training.data.dataset import Span, open_dataset, parse_span
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.errors import TrainingError


def setting(name: str, value: Any) -> Callable[[dict[str, Any]], None]:  # noqa: ANN401
    def change(data: dict[str, Any]) -> None:
        values = list(data[name])
        values[5] = value
        data[name] = values

    return change


def without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda data: data.pop(name)


def swap_features(data: dict[str, Any]) -> None:
    amount = data.pop("amount")
    data["amount"] = amount


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (setting("labelled_at_ms", 1), "1 rows have a label older than the payment"),
        (setting("amount", float("nan")), "1 rows have no finite value in amount"),
        (setting("amount", float("inf")), "1 rows have no finite value in amount"),
        (setting("amount", 1e39), "1 rows have no finite value in amount"),
        (setting("card_count_1d", None), "1 rows have no finite value in card_count_1d"),
        (setting("fraud", 2), "1 rows have a value other than 0 or 1 in fraud"),
        (setting("fraud", None), "1 rows have a label time without a label"),
        (setting("card_token", None), "1 rows have no card_token"),
        (setting("client_transaction_id", "t000001"), "1 rows repeat a client_transaction_id"),
        (swap_features, "column 7 is card_count_1d, but should be amount"),
        (without("terminal_fraud_rate_7d"), "column 9 is missing, but should be terminal_fraud_rate_7d"),
    ],
)
def test_rejects_unsuitable_data(
    tmp_path: Path, spec_path: Path, change: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    data = columns()
    change(data)
    path = write_parquet(tmp_path / "bad.parquet", data)
    with pytest.raises(TrainingError, match=sentence):
        open_dataset(path, read_feature_spec(spec_path))


def test_rejects_columns_that_are_not_in_the_spec(tmp_path: Path, spec_path: Path) -> None:
    path = write_parquet(tmp_path / "bad.parquet", {**columns(), "truth": columns()["amount"]})
    with pytest.raises(TrainingError, match="column 10 is truth, but should be absent"):
        open_dataset(path, read_feature_spec(spec_path))


def test_uses_only_labels_that_were_known(features_path: Path, spec_path: Path) -> None:
    dataset = open_dataset(features_path, read_feature_spec(spec_path))
    rows, left_out = dataset.known_rows(Span(0, 20 * DAY_MS), known_by_ms=20 * DAY_MS)
    # 100 payments per day with labels after 7 days: 13 days are known, including the payment of the last moment.
    assert (len(rows), left_out) == (1301, 699)
    assert rows.occurred_at_ms.max() == 13 * DAY_MS


def test_omits_payments_that_were_never_labelled(tmp_path: Path, spec_path: Path) -> None:
    data = columns()
    data["labelled_at_ms"] = [None, *data["labelled_at_ms"][1:]]
    dataset = open_dataset(write_parquet(tmp_path / "f.parquet", data), read_feature_spec(spec_path))
    rows, left_out = dataset.known_rows(Span(0, DAY_MS), known_by_ms=90 * DAY_MS)
    assert (len(rows), left_out) == (99, 1)
    assert "t000000" not in rows.ids


def test_returns_float32_in_event_order(features_path: Path, spec_path: Path) -> None:
    rows = open_dataset(features_path, read_feature_spec(spec_path)).rows_with_truth(Span(0, 40 * DAY_MS))
    expected = columns()
    assert rows.features.dtype == np.float32
    np.testing.assert_array_equal(rows.features[:, 0], expected["amount"].astype(np.float32))
    np.testing.assert_array_equal(rows.features[:, 2], expected["terminal_fraud_rate_7d"].astype(np.float32))
    assert bool(np.all(np.diff(rows.occurred_at_ms) >= 0))


def test_uses_only_the_given_ids(tmp_path: Path, features_path: Path, spec_path: Path) -> None:
    dataset = open_dataset(features_path, read_feature_spec(spec_path))
    ids = tmp_path / "ids.csv"
    ids.write_text("client_transaction_id\nt000003\nt000007\n", encoding="utf-8")
    rows, _ = dataset.known_rows(Span(0, DAY_MS), 90 * DAY_MS, ids)
    assert list(rows.ids) == ["t000003", "t000007"]
    ids.write_text("client_transaction_id\nt000003\nother\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="1 ids"):
        dataset.known_rows(Span(0, DAY_MS), 90 * DAY_MS, ids)


@pytest.mark.parametrize(
    ("first", "last", "span"),
    [
        ("1970-01-02", "1970-01-03", Span(DAY_MS, 3 * DAY_MS)),
        ("1970-01-02T00:00:00Z", "1970-01-03T00:00:00Z", Span(DAY_MS, 2 * DAY_MS)),
        ("1970-01-02T01:00:00+01:00", "1970-01-02", Span(DAY_MS, 2 * DAY_MS)),
    ],
)
def test_parses_spans(first: str, last: str, span: Span) -> None:
    assert parse_span(first, last) == span


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        ("1970-01-02", "1970-01-01", "is an empty time span"),
        ("1970-01-02T00:00:00", "1970-01-05", "must have a time zone"),
        ("yesterday", "1970-01-05", "neither a date"),
    ],
)
def test_rejects_invalid_spans(first: str, last: str, sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence):
        parse_span(first, last)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("version: 1\nfeatures: [{name: a}, {name: a}]\n", "occurs twice"),
        ("features: [{name: a}]\n", "cannot be read as a feature spec"),
        ("version: 0\nfeatures: [{name: a}]\n", "whole number"),
        ("version: 1\nfeatures: [", "cannot be read as a feature spec"),
    ],
)
def test_rejects_an_unreadable_spec(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TrainingError, match=sentence):
        read_feature_spec(path)


def test_a_recent_payment_has_no_verdict_even_with_a_report(tmp_path: Path, spec_path: Path) -> None:
    """regression #31: so far, only its fraud could have been reported."""
    data = columns()
    data["labelled_at_ms"] = data["occurred_at_ms"] + np.where(data["fraud"] == 1, 2, 10) * DAY_MS
    path = write_settled(tmp_path / "settled.parquet", data, delay_days=10, mature_before_ms=25 * DAY_MS)
    dataset = open_dataset(path, read_feature_spec(spec_path))
    for known_by, days in ((20, 10), (40, 25)):
        rows, left_out = dataset.known_rows(Span(0, 40 * DAY_MS), known_by * DAY_MS)
        # The rows of whole days. For the first pair, also the payment exactly at the cut-off.
        assert len(rows) in (100 * days, 100 * days + 1)
        assert len(rows) + left_out == 4_000
        assert rows.fraud.sum() == data["fraud"][: len(rows)].sum()
    assert len(dataset.rows_with_truth(Span(0, 40 * DAY_MS))) == 2_500
