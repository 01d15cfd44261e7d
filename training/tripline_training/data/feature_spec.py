"""The names and the version in the feature spec. The TypeScript engine checks it fully; here, it is only read."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from tripline_training.errors import TrainingError


@dataclass(frozen=True)
class FeatureGroup:
    """Features that a model uses only if validation shows that they help."""

    name: str
    features: tuple[str, ...]


@dataclass(frozen=True)
class FeatureSpec:
    version: int
    names: tuple[str, ...]
    """Names of the features, in the order of the vector."""
    groups: tuple[FeatureGroup, ...] = ()
    """The profiles: one group per Feast view."""
    categories: tuple[str, ...] = ()
    """Features whose values are codes of texts, without order or distance."""

    @property
    def category_positions(self) -> tuple[int, ...]:
        return tuple(self.names.index(name) for name in self.categories)


def read_feature_spec(path: Path) -> FeatureSpec:
    """Raises TrainingError if the file cannot be read or lacks a version or names."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        version = document["version"]
        names = tuple(feature["name"] for feature in document["features"])
        categories = tuple(feature["name"] for feature in document["features"] if feature.get("kind") == "category")
        profiles: dict[str, list[str]] = {}
        for feature in document["features"]:
            if feature.get("kind") == "profile":
                profiles.setdefault(f"{feature['entity']}_profile", []).append(feature["name"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(f"{path} cannot be read as a feature spec: {error!r}.") from error
    if not isinstance(version, int) or version < 1:
        raise TrainingError(f"{path}: version must be a whole number of at least 1, not {version!r}.")
    if not names or not all(isinstance(name, str) for name in names):
        raise TrainingError(f"{path}: every feature must have a name.")
    if len(set(names)) != len(names):
        raise TrainingError(f"{path}: a feature name occurs twice.")
    groups = tuple(FeatureGroup(view, tuple(features)) for view, features in profiles.items())
    return FeatureSpec(version, names, groups, categories)
