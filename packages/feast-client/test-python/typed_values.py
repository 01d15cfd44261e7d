"""Converts values of every-type.json to Python values and back. A type's JSON form is the same in both directions."""

import base64
import json
import math
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from feast import types

NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

TYPES = {
    "BYTES": types.Bytes,
    "STRING": types.String,
    "INT32": types.Int32,
    "INT64": types.Int64,
    "DOUBLE": types.Float64,
    "FLOAT": types.Float32,
    "BOOL": types.Bool,
    "UNIX_TIMESTAMP": types.UnixTimestamp,
    "MAP": types.Map,
    "JSON": types.Json,
    "UUID": types.Uuid,
    "TIME_UUID": types.TimeUuid,
    "DECIMAL": types.Decimal,
    "SCALAR_MAP": types.ScalarMap,
    "ZONED_TIMESTAMP": types.ZonedTimestamp,
    "STRUCT": types.Struct({"a": types.Int64, "b": types.String}),
    "VALUE_LIST": types.Array(types.Array(types.Int64)),
    "VALUE_SET": types.Set(types.Array(types.Int64)),
}

# Types whose JSON form needs no conversion.
AS_IT_IS = {"VALUE_LIST", "VALUE_SET", "MAP", "STRUCT", "MAP_LIST", "STRUCT_LIST"}


def to_float(value: float | str) -> float:
    return NOT_FINITE[value] if isinstance(value, str) else value


def from_float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


TO_PYTHON: dict[str, Callable[[Any], Any]] = {
    "BYTES": base64.b64decode,
    "INT64": int,
    "DOUBLE": to_float,
    "FLOAT": to_float,
    "UNIX_TIMESTAMP": lambda value: datetime.fromtimestamp(value, tz=UTC),
    "UUID": uuid.UUID,
    "TIME_UUID": uuid.UUID,
    "DECIMAL": Decimal,
    "SCALAR_MAP": dict,
    "ZONED_TIMESTAMP": lambda value: datetime.fromtimestamp(value["unixTimestamp"], tz=ZoneInfo(value["zone"])),
}

FROM_PYTHON: dict[str, Callable[[Any], Any]] = {
    "BYTES": lambda value: base64.b64encode(value).decode(),
    "INT64": str,
    "DOUBLE": from_float,
    "FLOAT": from_float,
    "UNIX_TIMESTAMP": lambda value: int(value.timestamp()),
    "JSON": json.dumps,
    "UUID": str,
    "TIME_UUID": str,
    "DECIMAL": str,
    "SCALAR_MAP": lambda value: [[key, item] for key, item in value.items()],
    "ZONED_TIMESTAMP": lambda value: {"unixTimestamp": int(value.timestamp()), "zone": str(value.tzinfo)},
}


def feast_type(name: str) -> Any:  # noqa: ANN401
    """The dtype of a Field for the name of a value type."""
    if name in TYPES:
        return TYPES[name]
    if name.endswith("_LIST"):
        return types.Array(feast_type(name.removesuffix("_LIST")))
    return types.Set(feast_type(name.removesuffix("_SET")))


def to_python(name: str, value: Any) -> Any:  # noqa: ANN401
    """The value that a user of Feast's SDK would pass for a feature of this type."""
    if name in AS_IT_IS:
        return value
    if name.endswith("_LIST"):
        return [to_python(name.removesuffix("_LIST"), item) for item in value]
    if name.endswith("_SET"):
        return {to_python(name.removesuffix("_SET"), item) for item in value}
    return TO_PYTHON[name](value) if name in TO_PYTHON else value


def from_python(name: str, value: Any) -> Any:  # noqa: ANN401
    """Converts a value returned by Feast's SDK to the form of every-type.json. Sets are sorted."""
    if value is None or name in AS_IT_IS:
        return value
    if name.endswith("_LIST"):
        return [from_python(name.removesuffix("_LIST"), item) for item in value]
    if name.endswith("_SET"):
        return sorted(from_python(name.removesuffix("_SET"), item) for item in value)
    return FROM_PYTHON[name](value) if name in FROM_PYTHON else value
