"""Further contents of the feature spec: a feature's kind, entity and default, and the values its kind can have."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from tripline_training.errors import TrainingError


@dataclass(frozen=True)
class ValueRange:
    """Both ends are inclusive; None means unbounded."""

    low: float | None
    high: float | None
    whole: bool = False
    """Whether only integers are possible."""


@dataclass(frozen=True)
class SpecFeature:
    name: str
    kind: str
    entity: str | None
    default: float
    """Used without history; always a possible value."""
    key_fields: tuple[str, ...] = ()
    """The payment fields that identify the entity."""


COUNT = ValueRange(0, None, whole=True)
NOT_NEGATIVE = ValueRange(0, None)
SHARE = ValueRange(0, 1)
FLAG = ValueRange(0, 1, whole=True)

# docs/features.md defines the kinds. A kind that is not listed may have any finite value.
RANGES: dict[str, ValueRange] = {
    "amount": NOT_NEGATIVE,
    "hour_of_day": ValueRange(0, 23, whole=True),
    "day_of_week": ValueRange(1, 7, whole=True),
    "is_weekend": FLAG,
    "is_night": FLAG,
    "count": COUNT,
    "sum": NOT_NEGATIVE,
    "mean": NOT_NEGATIVE,
    "max": NOT_NEGATIVE,
    "std": NOT_NEGATIVE,
    "ratio_to_mean": NOT_NEGATIVE,
    "ratio_to_usual": NOT_NEGATIVE,
    "unusual_count": COUNT,
    "unusual_max": NOT_NEGATIVE,
    "seconds_since_last": NOT_NEGATIVE,
    # Half the earth's circumference is 20,015 km on the sphere of radius 6,371 km.
    "distance_from_home": ValueRange(0, 20_050),
    "distance_from_last": ValueRange(0, 20_050),
    "distinct": COUNT,
    "neighbours": COUNT,
    "pair_is_new": FLAG,
    "pair_count": COUNT,
    "pair_seconds_since_last": NOT_NEGATIVE,
    "label_count": COUNT,
    "fraud_count": COUNT,
    "fraud_rate": SHARE,
    "fraud_risk": SHARE,
    "days_since_first_fraud": NOT_NEGATIVE,
    "days_since_last_genuine": NOT_NEGATIVE,
    "days_since_run_began": NOT_NEGATIVE,
    "run_count": COUNT,
    "update_count": COUNT,
    "update_sum": NOT_NEGATIVE,
    "declined_share": SHARE,
    "category": ValueRange(0, 2**24 - 1, whole=True),
}
CALENDAR_KINDS = frozenset({"hour_of_day", "day_of_week", "is_weekend", "is_night"})
# These features have their default until the first label of their entity arrives.
LABEL_KINDS = frozenset(
    {
        "label_count",
        "fraud_count",
        "fraud_rate",
        "fraud_risk",
        "days_since_first_fraud",
        "days_since_last_genuine",
        "days_since_run_began",
        "run_count",
    }
)
KEYS_IN_FILE = ("card_token", "terminal_id")
"""The fields of entity keys that a features file contains."""


def read_spec_features(path: Path) -> list[SpecFeature]:
    """In the order of the vector. Raises TrainingError if the file cannot be read or a feature has no kind."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        entities = document.get("entities", {})
        keys = {name: tuple(str(entity["key"]).split("/")) for name, entity in entities.items()}
        return [
            SpecFeature(
                name=str(feature["name"]),
                kind=str(feature["kind"]),
                entity=feature.get("entity"),
                default=float(feature.get("default", 0)),
                key_fields=keys.get(feature.get("entity"), ()),
            )
            for feature in document["features"]
        ]
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read as a feature spec: {error!r}.") from error
