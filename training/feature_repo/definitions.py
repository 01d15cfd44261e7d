"""What `feast apply` reads. Everything in it comes from packages/contracts/feature-spec.yaml and profiles.py.

FEAST_DATA        folder of the source tables and of Feast's registry
FEAST_REDIS       online store of feature_store.yaml as Feast writes it, for instance localhost:7407,db=0
FEAST_ONLINE_URL  online store of remote.yaml: address of apps/features, for instance http://127.0.0.1:7402
REGISTRY_URL      model registry whose champions get a service each; without it there is `fraud` with all features
"""

import os
from pathlib import Path

from build_views import build_repository
from errors import FeatureRepositoryError
from feature_spec import read_feature_spec
from served_models import read_served_models

FEATURE_SPEC = Path(__file__).resolve().parents[2] / "packages" / "contracts" / "feature-spec.yaml"

# One variable of each line must be set.
_NEEDED = (("FEAST_DATA",), ("FEAST_REDIS", "FEAST_ONLINE_URL"))

for _variables in _NEEDED:
    if not any(os.environ.get(name) for name in _variables):
        _names = " or ".join(_variables)
        raise FeatureRepositoryError(f"{_names} is not set; see the README of the feature repository.")

_registry_url = os.environ.get("REGISTRY_URL")

# Feast collects the objects that are attributes of this module.
globals().update(
    build_repository(
        read_feature_spec(Path(os.environ.get("FEATURE_SPEC", FEATURE_SPEC))),
        Path(os.environ["FEAST_DATA"]).absolute(),
        None if _registry_url is None else read_served_models(_registry_url),
    )
)
