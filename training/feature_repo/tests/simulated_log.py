"""A simulated feature log as in the lake, and the simple join that Feast's is compared with."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from feature_spec import FeatureSpec

DAY_MS = 86_400_000
START_MS = 1_780_272_000_000
"""2026-06-01T00:00:00Z."""
DAYS = 50


@dataclass(frozen=True)
class Vector:
    """A row of the topic `features`."""

    client_transaction_id: str
    card_token: str
    terminal_id: str
    device_token: str
    ip_token: str
    occurred_at_ms: int
    computed_at_ms: int
    sequences: tuple[int, ...]
    """By entity, in the order of the spec; 0 if the payment does not name it."""
    values: tuple[float, ...]
    tenant: str = "demo"
    spec_version: int = 2
    too_late: bool = False
    incomplete: bool = False
    bin: str = ""
    email_token: str = ""
    merchant_country: str = ""
    latitude: float | None = None
    longitude: float | None = None

    def key(self, name: str) -> str:
        """The id of an entity by its id column; empty if the payment has none."""
        parts = [str(getattr(self, field)) for field in KEY_FIELDS.get(name, (name,))]
        return "" if "" in parts else "/".join(parts)


KEY_FIELDS = {
    "terminal_id_bin": ("terminal_id", "bin"),
    "card_token_merchant_country": ("card_token", "merchant_country"),
}
KEYS = ("card_token", "terminal_id", "device_token", "ip_token", "email_token", *KEY_FIELDS)
"""Id columns, in the order of the spec's entities."""


def simulate(spec: FeatureSpec, seed: int = 1, payments: int = 1_500) -> list[Vector]:
    """Payments of 12 cards at 5 terminals in the order in which they were counted; every seventh is late.

    Many share their millisecond with others of the same card or terminal. Values are arbitrary doubles: the join must
    return them bit for bit, and their meaning does not matter.
    """
    draw = random.Random(seed)
    sequences: dict[tuple[str, Any], int] = {}
    rows: list[Vector] = []
    for number in range(payments):
        at_ms = START_MS + number * DAYS * DAY_MS // payments // 3 * 3
        at_ms -= draw.randrange(2 * DAY_MS) if number % 7 == 3 else 0
        if number % 5 == 4:
            at_ms = rows[-1].occurred_at_ms
        keys: dict[str, Any] = {
            "card_token": f"card-{draw.randrange(12)}" if number % 10 != 4 else rows[-1].card_token,
            "terminal_id": f"terminal-{draw.randrange(5)}",
            "device_token": f"device-{draw.randrange(6)}" if draw.random() < 0.6 else "",
            "ip_token": f"ip-{draw.randrange(9)}" if draw.random() < 0.5 else "",
            "bin": f"40000{draw.randrange(3)}" if draw.random() < 0.7 else "",
            "email_token": f"email-{draw.randrange(7)}" if draw.random() < 0.5 else "",
            "merchant_country": draw.choice(["BE", "FR", ""]),
            **dict(zip(("latitude", "longitude"), _place(number), strict=True)),
        }
        named = Vector(
            client_transaction_id=f"t{number:05d}",
            **keys,
            occurred_at_ms=at_ms,
            computed_at_ms=0,
            sequences=(),
            values=(),
        )
        items = [(name, named.key(name)) for name in KEYS]
        for item in items:
            sequences[item] = sequences.get(item, 0) + 1
        rows.append(
            replace(
                named,
                # Batches of 20 share a clock reading, and the clock goes back at every third batch.
                computed_at_ms=START_MS + number // 20 * 20 * DAYS * DAY_MS // payments - number // 60 % 2 * 500,
                sequences=tuple(sequences[item] if item[1] else 0 for item in items),
                values=tuple(draw.uniform(-1, 1) * 10 ** draw.randrange(-12, 13) for _ in spec.names),
                spec_version=spec.version,
            )
        )
    return [with_amount(spec, row, draw.randrange(1, 500_000) / 100) for row in rows]


def _place(number: int) -> tuple[float | None, float | None]:
    """Some payments have no location, and some only half of one."""
    known = (50 + number % 17 / 8, 4 - number % 13 / 4)
    return (known, known, (None, None), (known[0], None))[number % 4]


def with_amount(spec: FeatureSpec, row: Vector, amount: float) -> Vector:
    index = spec.names.index("amount")
    return replace(row, values=(*row.values[:index], amount, *row.values[index + 1 :]))


def write_lake(folder: Path, vectors: Sequence[Vector], labels: Sequence[Mapping[str, Any]] = ()) -> Path:
    """`<folder>/<topic>/day=YYYY-MM-DD/part.parquet`, by the day of event time."""
    rows = [{name: getattr(row, name) for name in Vector.__dataclass_fields__} for row in vectors]
    _write_topic(folder / "features", rows, "occurred_at_ms", _FEATURES)
    recorded = [{**row, "kafka_partition": 0, "kafka_offset": offset} for offset, row in enumerate(labels)]
    _write_topic(folder / "labels", recorded, "labelled_at_ms", _LABELS)
    return folder


def label(row: Vector, labelled_at_ms: int, fraud: bool) -> dict[str, Any]:
    """A row of the topic `labels`."""
    names = ("tenant", "client_transaction_id", "card_token", "terminal_id")
    return {name: getattr(row, name) for name in names} | {"labelled_at_ms": labelled_at_ms, "fraud": fraud}


def write_erasures(folder: Path, erased_at_ms: Mapping[str, int]) -> None:
    """The archive's copy of the topic `erasures`: tokens of cards and e-mail addresses."""
    rows = [{"tenant": "demo", "subject": subject, "erased_at_ms": at_ms} for subject, at_ms in erased_at_ms.items()]
    _write_topic(folder / "erasures", rows, "erased_at_ms", _ERASURES)


def latest(
    vectors: Sequence[Vector], key: str, value: str | None, at_ms: int, horizon_ms: int | None = None
) -> Vector | None:
    """The simple point-in-time join: an entity's newest row by `at_ms` or, if there are several, the one that was
    counted last."""
    # A payment's own row is ordered by its card.
    position = KEYS.index(key) if key in KEYS else 0
    found: Vector | None = None
    for row in vectors:
        if value is None or row.key(key) != value or row.occurred_at_ms > at_ms:
            continue
        if horizon_ms is not None and row.occurred_at_ms < at_ms - horizon_ms:
            continue
        order = (row.occurred_at_ms, row.sequences[position])
        if found is None or order > (found.occurred_at_ms, found.sequences[position]):
            found = row
    return found


_TEXT = pa.string()
_FEATURES = pa.schema(
    [
        *((name, _TEXT) for name in ("tenant", "client_transaction_id", "card_token", "terminal_id")),
        *((name, _TEXT) for name in ("device_token", "ip_token", "bin", "email_token", "merchant_country")),
        *((name, pa.int64()) for name in ("occurred_at_ms", "computed_at_ms")),
        *((name, pa.float64()) for name in ("latitude", "longitude")),
        ("spec_version", pa.int32()),
        ("values", pa.list_(pa.float64())),
        ("sequences", pa.list_(pa.int64())),
        ("too_late", pa.bool_()),
        ("incomplete", pa.bool_()),
    ]
)
_LABELS = pa.schema(
    [
        *((name, _TEXT) for name in ("tenant", "client_transaction_id", "card_token", "terminal_id")),
        ("labelled_at_ms", pa.int64()),
        ("fraud", pa.bool_()),
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
    ]
)


_ERASURES = pa.schema([("tenant", _TEXT), ("subject", _TEXT), ("erased_at_ms", pa.int64())])


def _write_topic(folder: Path, rows: Sequence[Mapping[str, Any]], time: str, schema: pa.Schema) -> None:
    days: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        days.setdefault(row[time] // DAY_MS, []).append(row)
    for day, of_day in days.items():
        path = folder / f"day={_day_name(day)}" / "part.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(list(of_day), schema), path)


def _day_name(day: int) -> str:
    return str(pa.scalar(day, pa.date32()).as_py())
