"""The parts of the feature spec that Feast needs. The TypeScript build checks it fully; here, only these parts are
checked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from errors import FeatureRepositoryError

# Kinds that can be computed from an entity's state alone, and kinds that also need the payment: its amount, time,
# location or partner, or its time and location together with a profile. The same as `needsPayment` in
# packages/contracts.
_AMOUNT_KINDS = ("count", "sum", "mean", "max", "std", "unusual_count", "unusual_max")
_LABEL_KINDS = ("label_count", "fraud_count", "fraud_rate", "fraud_risk", "days_since_first_fraud")
_RUN_KINDS = ("days_since_last_genuine", "days_since_run_began", "run_count")
_CLOCK_KINDS = ("hour_of_day", "day_of_week", "is_weekend", "is_night")
_PAIR_KINDS = ("pair_is_new", "pair_count", "pair_seconds_since_last")
_UPDATE_KINDS = ("update_count", "update_sum", "declined_share")
ENTITY_KINDS = frozenset(
    {*_AMOUNT_KINDS, *_LABEL_KINDS, *_RUN_KINDS, *_UPDATE_KINDS, "distinct", "neighbours", "seconds_since_last"}
)
_COMPARED_KINDS = ("z_score", "ratio_to_mean", "ratio_to_usual", "distance_from_home", "distance_from_last", "profile")
PAYMENT_KINDS = frozenset({"amount", "category", *_CLOCK_KINDS, *_PAIR_KINDS, *_COMPARED_KINDS})

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True)
class Feature:
    name: str
    kind: str
    entity: str | None
    """None for a feature of the payment itself."""
    window: str | None
    default: float
    sentence: str

    @property
    def needs_payment(self) -> bool:
        """Whether it describes a payment and therefore cannot be computed from an entity alone."""
        return self.kind in PAYMENT_KINDS


@dataclass(frozen=True)
class FeatureSpec:
    version: int
    entity_keys: Mapping[str, str]
    """Each entity's id column by the entity's name, in the order of the spec."""
    key_fields: Mapping[str, tuple[str, ...]]
    """The event fields that identify the entity, by id column. An id is one field or several joined with `/`."""
    features: tuple[Feature, ...]
    """The features in the order of the vector."""
    horizon: timedelta
    """The widest window: older events do not count."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    def of_entity(self, entity: str) -> tuple[Feature, ...]:
        """The features that can be computed from an entity's state alone."""
        return tuple(item for item in self.features if item.entity == entity and not item.needs_payment)

    @property
    def of_payment(self) -> tuple[Feature, ...]:
        return tuple(item for item in self.features if item.needs_payment)


def read_feature_spec(path: Path) -> FeatureSpec:
    """Raises FeatureRepositoryError if the file is not a feature spec or uses something that is unknown here."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        spec = FeatureSpec(
            version=document["version"],
            entity_keys={name: _column(entity["key"]) for name, entity in document["entities"].items()},
            key_fields={
                _column(entity["key"]): tuple(entity["key"].split("/")) for entity in document["entities"].values()
            },
            features=tuple(_feature(item) for item in document["features"]),
            horizon=max(_duration(window["width"]) for window in document["windows"].values()),
        )
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise FeatureRepositoryError(f"{path} cannot be read as a feature spec: {error!r}.") from error
    fault = _fault(spec)
    if fault is not None:
        raise FeatureRepositoryError(f"{path}: {fault}.")
    return spec


def _column(key: str) -> str:
    return key.replace("/", "_")


def _feature(item: Mapping[str, Any]) -> Feature:
    return Feature(
        name=item["name"],
        kind=item["kind"],
        entity=item.get("entity"),
        window=item.get("window"),
        default=float(item["default"]),
        sentence=item["sentence"],
    )


def _duration(text: str) -> timedelta:
    if re.fullmatch(r"[1-9]\d*[mhd]", text) is None:
        raise ValueError(f"{text!r} is not a duration such as 30m, 6h or 7d")
    return int(text[:-1]) * _UNITS[text[-1]]


def _fault(spec: FeatureSpec) -> str | None:
    if not isinstance(spec.version, int) or spec.version < 1:
        return f"version must be a whole number of at least 1, not {spec.version!r}"
    seen: set[str] = set()
    for feature in spec.features:
        if feature.name in seen:
            return f"the feature {feature.name} occurs twice"
        seen.add(feature.name)
        if feature.kind not in ENTITY_KINDS | PAYMENT_KINDS:
            known = ", ".join(sorted(ENTITY_KINDS | PAYMENT_KINDS))
            return f"the feature {feature.name} has the unknown kind {feature.kind}; the kinds are {known}"
        if feature.entity is not None and feature.entity not in spec.entity_keys:
            entities = ", ".join(spec.entity_keys)
            return f"the feature {feature.name} has the unknown entity {feature.entity}; the entities are {entities}"
        if feature.entity is None and not feature.needs_payment:
            return f"the feature {feature.name} must have an entity"
    return None
