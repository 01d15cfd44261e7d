"""Compares the job with `tripline backfill`: the same rows and columns, bit for bit."""

import csv
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from backfill_features import COLUMNS, OPTIONAL_COLUMNS, ROOT, BackfillError
from tests.conftest import COMMAND_SECONDS_MAX, SETTINGS, run_tripline

START_MS = 1_740_700_800_000
"""2025-02-28T00:00:00Z."""
HOUR_MS = 3_600_000
ALL_COLUMNS = [*COLUMNS, *OPTIONAL_COLUMNS]


def assert_same_bits(actual: Path, expected: Path) -> None:
    ours, theirs = (pq.read_table(path).sort_by("client_transaction_id") for path in (actual, expected))
    assert ours.column_names == theirs.column_names
    assert len(ours) == len(theirs) > 0
    different = [name for name in ours.column_names if _bits(ours[name]) != _bits(theirs[name])]
    assert different == []


def _bits(column: pa.ChunkedArray) -> tuple[Any, ...]:
    if not pa.types.is_floating(column.type):
        return (str(column.type), column.to_pylist())
    assert column.null_count == 0
    return (str(column.type), np.asarray(column, dtype="<f8").tobytes())


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ALL_COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def payment(number: int, **more: object) -> dict[str, Any]:
    return {
        "client_transaction_id": f"c-{number}",
        "card_token": "ct_1",
        "terminal_id": "t-1",
        "amount_minor": 1_000 + number,
        "currency": "EUR",
        "occurred_at_ms": START_MS + number * HOUR_MS,
        **more,
    }


def test_equals_a_backfill_on_one_machine_bit_for_bit(
    history: Path, tmp_path: Path, backfill_to: Callable[..., Path]
) -> None:
    run_tripline("backfill", "--input", str(history), "--output", str(tmp_path / "expected.parquet"))
    assert_same_bits(backfill_to(input=str(history)), tmp_path / "expected.parquet")


def test_orders_simultaneous_events_like_a_backfill(tmp_path: Path, backfill_to: Callable[..., Path]) -> None:
    """Labels come before payments, and IDs are ordered by their bytes. Names contain commas, quotes and letters of
    every length."""
    rows = [
        payment(
            0,
            client_transaction_id=f"{letter}-{number}",
            card_token=f'ct "{letter}", {number % 2}',
            terminal_id="" if number % 7 == 6 else f"t-{number % 3}",
            amount_minor=700 * number + 3,
            currency=["EUR", "JPY", "KWD"][number % 3],
            occurred_at_ms=START_MS + number // 4 * HOUR_MS,
            **({"labelled_at_ms": START_MS + number // 2 * HOUR_MS, "fraud": number // 3 % 2} if number % 5 else {}),
            **(
                {"device_token": f"dt_{number % 4}", "latitude": 1 / (number + 3), "longitude": -0.0}
                | {"bin": f"41111{number % 2}", "email_token": f"et_{number % 5}", "merchant_country": "BE"}
                if number % 3
                else {}
            ),
        )
        for letter in ("z", "é", "\ufffd", "\U0001f600")
        for number in range(40)
    ]
    path = write_csv(tmp_path / "payments.csv", rows)
    run_tripline("backfill", "--input", str(path), "--output", str(tmp_path / "expected.parquet"))
    assert_same_bits(backfill_to(input=str(path)), tmp_path / "expected.parquet")


def test_reads_the_archived_topics(history: Path, tmp_path: Path, backfill_to: Callable[..., Path]) -> None:
    """A topic may contain duplicates and messages of other tenants; unfinished files do not count."""
    write_lake(tmp_path / "lake", pq.read_table(history))
    run_tripline("backfill", "--input", str(history), "--output", str(tmp_path / "expected.parquet"))
    assert_same_bits(backfill_to(lake=str(tmp_path / "lake")), tmp_path / "expected.parquet")


def write_lake(lake: Path, payments: pa.Table) -> None:
    """Topics as `apps/archive` writes them; missing texts are empty."""
    size = len(payments)
    shared = {name: payments[name] for name in ("client_transaction_id", "card_token", "terminal_id", "occurred_at_ms")}
    optional = [name for name, kind in OPTIONAL_COLUMNS.items() if kind == "string"]
    texts = {name: pc.fill_null(payments[name], "") for name in optional}
    others = {name: payments[name] for name in ("amount_minor", "currency", "latitude", "longitude")}
    is_fraud = payments["fraud"].cast(pa.bool_())
    # Another tenant used the same ids earlier, with different labels. Each label replaces two labels with the opposite
    # verdict: one that is an hour older, and one with the same time.
    for partition, tenant in enumerate(("other", "demo")):
        own = {"tenant": pa.array([tenant] * size), **shared}
        ids = pc.binary_join_element_wise(tenant, payments["client_transaction_id"], "_")
        transactions = pa.table({**_record(partition, 0, size), "transaction_id": ids, **own, **texts, **others})
        labelled = {"labelled_at_ms": payments["labelled_at_ms"]}
        last = is_fraud if tenant == "demo" else pc.invert(is_fraud)
        # The earlier label has the highest offset, because it arrived late.
        early = {"labelled_at_ms": pc.subtract(payments["labelled_at_ms"], HOUR_MS)}
        labels = pa.table({**_record(partition, size, size), **own, **labelled, "fraud": last})
        replaced = pa.concat_tables(
            [
                pa.table({**_record(partition, 0, size), **own, **labelled, "fraud": pc.invert(last)}),
                pa.table({**_record(partition, 2 * size, size), **own, **early, "fraud": pc.invert(last)}),
            ]
        )
        for day, start, end in (("2025-01-01", 0, size // 2), ("2025-01-02", size // 2 - 5, size)):
            _write(lake / "transactions" / f"day={day}" / f"{tenant}.parquet", transactions.slice(start, end - start))
            _write(lake / "labels" / f"day={day}" / f"{tenant}.parquet", labels.slice(start, end - start))
        _write(lake / "labels" / "day=2025-01-02" / f"{tenant}-replaced.parquet", replaced)
    staged = lake / "transactions" / "_staging" / "1.staged"
    staged.parent.mkdir()
    staged.write_text("half a file")


def _record(partition: int, first: int, size: int) -> dict[str, pa.Array]:
    offsets = pa.array(range(first, first + size), pa.int64())
    return {"kafka_partition": pa.array([partition] * size, pa.int32()), "kafka_offset": offsets}


def _write(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def test_stops_with_one_sentence_if_the_engine_rejects_a_row(tmp_path: Path) -> None:
    """Runs the job as users do, as a separate program."""
    rows = [payment(1), payment(2, latitude=91, longitude=0), payment(3)]
    path = write_csv(tmp_path / "payments.csv", rows)
    output = tmp_path / "features"
    settings = shlex.join(part for name, value in SETTINGS.items() for part in ("--conf", f"{name}={value}"))
    run = subprocess.run(
        [sys.executable, "backfill_features.py", "--input", str(path), "--output", str(output), "--partitions", "1"],
        cwd=ROOT / "training" / "spark",
        env={**os.environ, "PYSPARK_SUBMIT_ARGS": f"--master local[2] {settings} pyspark-shell"},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )
    assert run.returncode == 1
    last = run.stderr.strip().split("\n")[-1]
    assert last.startswith(
        'error: The engine stopped: line 2 (client_transaction_id "c-2"): /latitude must be a number'
    )
    assert not list(output.glob("*.parquet"))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([payment(1), payment(1)], "client_transaction_id c-1 occurs more than once"),
        ([payment(1, card_token="")], r"line 1 \(client_transaction_id \"c-1\"\): card_token: "),
        ([payment(1, amount_minor="12.5")], "The value '12.5' .* cannot be cast to \"BIGINT\""),
    ],
)
def test_rejects_unusable_input(
    rows: Sequence[Mapping[str, Any]], sentence: str, tmp_path: Path, backfill_to: Callable[..., Path]
) -> None:
    with pytest.raises(BackfillError, match=sentence):
        backfill_to(input=str(write_csv(tmp_path / "payments.csv", rows)))


def test_names_a_missing_column(tmp_path: Path, backfill_to: Callable[..., Path]) -> None:
    (tmp_path / "payments.csv").write_text("client_transaction_id,card_token\nc-1,ct_1\n")
    with pytest.raises(BackfillError, match=r"payments\.csv lacks the column amount_minor"):
        backfill_to(input=str(tmp_path / "payments.csv"))
    with pytest.raises(BackfillError, match="Specify either --input or --lake"):
        backfill_to()
