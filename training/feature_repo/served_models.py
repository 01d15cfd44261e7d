"""The models in service, as `packages/model-registry` stores them, and whether they match the feature spec.

    <root>/models/<name>/aliases/champion                      a text file that holds the version
    <root>/models/<name>/versions/<version>/model.json         the manifest, with the names of the model's inputs

The same layout as in `tripline_training.registry.registry`, which lives in another Python environment.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from errors import FeatureRepositoryError
from feature_spec import FeatureSpec

SERVED_ALIAS = "champion"


@dataclass(frozen=True)
class ServedModel:
    name: str
    version: str
    spec_version: int
    """The feature spec version that it was trained for."""
    features: tuple[str, ...]
    """The model's inputs, in order."""


def read_served_models(registry_url: str) -> tuple[ServedModel, ...]:
    """The champions of a `file://` registry, by name. None if nothing has been published.

    Raises FeatureRepositoryError for another kind of URL or an unreadable file.
    """
    parts = urlsplit(registry_url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise FeatureRepositoryError(
            f"REGISTRY_URL is {registry_url}: it must be a URL such as file:///var/lib/models."
        )
    models = Path(url2pathname(parts.path)) / "models"
    return tuple(_read_champion(alias) for alias in sorted(models.glob(f"*/aliases/{SERVED_ALIAS}")))


def _read_champion(alias: Path) -> ServedModel:
    model = alias.parent.parent
    try:
        path = model / "versions" / alias.read_text(encoding="utf-8").strip() / "model.json"
        return parse_manifest(json.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, ValueError) as error:
        raise FeatureRepositoryError(f"The {SERVED_ALIAS} of {model} cannot be read: {error}.") from error


def parse_manifest(manifest: Mapping[str, Any], source: str) -> ServedModel:
    """Raises FeatureRepositoryError if an entry is missing or has another type."""
    try:
        model = ServedModel(
            name=manifest["name"],
            version=manifest["version"],
            spec_version=manifest["feature_spec_version"],
            features=tuple(manifest["features"]),
        )
    except (KeyError, TypeError) as error:
        raise FeatureRepositoryError(f"{source} is not a model manifest: {error!r}.") from error
    if not model.features or not all(isinstance(text, str) for text in (model.name, model.version, *model.features)):
        raise FeatureRepositoryError(
            f"{source} is not a model manifest: name, version and features must be text."
        )
    return model


def check_model_features(model: ServedModel, spec: FeatureSpec) -> None:
    """Raises FeatureRepositoryError if the model uses features that the spec does not define."""
    missing = [name for name in model.features if name not in spec.names]
    if not missing:
        return
    raise FeatureRepositoryError(
        f"The feature spec of version {spec.version} does not define {', '.join(missing)}, which the served model "
        f"{model.name} {model.version} of spec version {model.spec_version} uses. Keep the old name in the spec until "
        "a model that was trained for the new one is published as champion."
    )
