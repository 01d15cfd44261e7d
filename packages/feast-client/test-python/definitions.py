"""The feature repository of the tests."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from feast import Entity, FeatureService, FeatureView, Field, FileSource, PushSource, ValueType
from feast.data_source import DataSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Bytes, Float32, Float64, Int32, Int64, String, UnixTimestamp
from typed_values import feast_type

EVERY_TYPE = json.loads((Path(__file__).parent / "every-type.json").read_text())

card = Entity(name="card", join_keys=["card_id"], value_type=ValueType.STRING)
terminal = Entity(name="terminal", join_keys=["terminal_id"], value_type=ValueType.INT64)
shop = Entity(name="shop", join_keys=["shop_id"], value_type=ValueType.INT32)
device = Entity(name="device", join_keys=["device_hash"], value_type=ValueType.BYTES)
hour = Entity(name="hour", join_keys=["hour_at"], value_type=ValueType.UNIX_TIMESTAMP)

source = FileSource(name="batch", path="data/batch.parquet", timestamp_field="event_timestamp")
card_push = PushSource(name="card_push", batch_source=source)


def view(
    name: str,
    entities: list[Entity],
    fields: dict[str, Any],
    ttl: timedelta | None = None,
    view_source: DataSource = source,
) -> FeatureView:
    return FeatureView(
        name=name,
        entities=entities,
        schema=[Field(name=field, dtype=dtype) for field, dtype in fields.items()],
        source=view_source,
        ttl=ttl or timedelta(0),
    )


card_stats = view(
    "card_stats",
    [card],
    {"card_id": String, "amount_mean": Float64, "payment_count": Int64, "last_merchant": String, "risk": Float32},
    ttl=timedelta(hours=24),
    view_source=card_push,
)
terminal_stats = view("terminal_stats", [terminal], {"terminal_id": Int64, "amount_mean": Float64})
terminal_risk = view("terminal_risk", [terminal], {"terminal_id": Int64, "risk": Float32, "frauds": Int64})
card_shop = view("card_shop", [shop, card], {"card_id": String, "shop_id": Int32, "visits": Int64})
device_stats = view("device_stats", [device], {"device_hash": Bytes, "cards": Int64})
hour_stats = view("hour_stats", [hour], {"hour_at": UnixTimestamp, "payments": Int64})
global_stats = view("global_stats", [], {"fraud_rate": Float64})
every_type = view(
    "every_type",
    [card],
    {"card_id": String, **{f"f_{entry['type'].lower()}": feast_type(entry["type"]) for entry in EVERY_TYPE}},
)


@on_demand_feature_view(
    sources=[card_stats],
    schema=[Field(name="amount_mean_doubled", dtype=Float64)],
    mode="python",
)
def doubled(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"amount_mean_doubled": [None if value is None else value * 2 for value in inputs["amount_mean"]]}


def all_objects() -> list[Any]:
    return [
        *(card, terminal, shop, device, hour),
        *(card_stats, terminal_stats, terminal_risk, card_shop, device_stats, hour_stats, global_stats, every_type, doubled),
        FeatureService(
            name="scoring",
            features=[
                card_stats[["payment_count", "risk"]],
                terminal_stats.with_name("home_terminal").with_join_key_map({"terminal_id": "home_terminal_id"}),
            ],
        ),
        FeatureService(
            name="kept",
            features=[terminal_stats, terminal_risk[["frauds", "risk"]].with_name("danger")],
            precompute_online=True,
        ),
    ]
