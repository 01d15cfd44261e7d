"""The definitions that `feast apply` reads for `bench features`: fifty features of a card in one view.

Feast reads a single view fastest. Its guide recommends one view for features that are requested together:
https://docs.feast.dev/how-to-guides/online-server-performance-tuning
"""

from datetime import timedelta

from feast import Entity, FeatureView, Field, FileSource, PushSource, ValueType
from feast.types import Float64, Int64

FEATURES = 50
# Every fifth feature is an integer, as counts are.
schema = [Field(name=f"f{index:02}", dtype=Int64 if index % 5 == 0 else Float64) for index in range(FEATURES)]

card = Entity(name="card", join_keys=["card_token"], value_type=ValueType.STRING)

card_profile = FeatureView(
    name="card_profile",
    entities=[card],
    ttl=timedelta(days=30),
    schema=schema,
    source=PushSource(
        name="card_profile_push",
        # The view is filled only by pushes, so the file never exists.
        batch_source=FileSource(name="card_profile_batch", path="none.parquet", timestamp_field="event_timestamp"),
    ),
)
