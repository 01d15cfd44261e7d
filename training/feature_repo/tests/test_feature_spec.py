import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from errors import FeatureRepositoryError
from feature_spec import ENTITY_KINDS, PAYMENT_KINDS, FeatureSpec, read_feature_spec
from tests.conftest import ROOT

AMOUNT = {"name": "amount", "kind": "amount", "default": 0, "sentence": "The amount is {value}."}
COUNT = {**AMOUNT, "name": "card_count_1d", "kind": "count", "entity": "card", "window": "1d"}


def written(folder: Path, **parts: object) -> Path:
    spec = {
        "version": 3,
        "windows": {"1d": {"width": "1d", "tile": "1h"}, "36h": {"width": "36h", "tile": "1h"}},
        "entities": {"card": {"key": "card_token"}},
        "features": [AMOUNT, COUNT],
        **parts,
    }
    path = folder / "feature-spec.yaml"
    path.write_text(yaml.safe_dump(spec))
    return path


def test_reads_the_definitions_that_feast_needs(tmp_path: Path) -> None:
    spec = read_feature_spec(written(tmp_path))
    assert (spec.version, spec.names, dict(spec.entity_keys)) == (
        3,
        ("amount", "card_count_1d"),
        {"card": "card_token"},
    )
    assert spec.key_fields == {"card_token": ("card_token",)}
    assert spec.horizon.total_seconds() == 36 * 3_600
    assert [feature.name for feature in spec.of_entity("card")] == ["card_count_1d"]
    assert [feature.name for feature in spec.of_payment] == ["amount"]


def test_reads_features_over_payment_updates() -> None:
    spec = read_feature_spec(ROOT / "docs" / "examples" / "ten-rules" / "feature-spec.yaml")
    names = [feature.name for feature in spec.of_entity("merchant_bin")]
    assert names == ["merchant_bin_declines_1h", "merchant_bin_declined_share_1d"]


def test_splits_the_spec_of_this_checkout(spec: FeatureSpec) -> None:
    parts = [spec.of_payment, *(spec.of_entity(entity) for entity in spec.entity_keys)]
    assert all(parts)
    assert sorted(item.name for part in parts for item in part) == sorted(spec.names)
    assert not ENTITY_KINDS & PAYMENT_KINDS
    assert spec.key_fields[spec.entity_keys["terminal_bin"]] == ("terminal_id", "bin")


def test_splits_like_the_engine(spec: FeatureSpec) -> None:
    """Reads the contracts of this checkout, which must be built."""
    module = (ROOT / "packages" / "contracts" / "dist" / "feature-spec.js").as_uri()
    script = (
        f"import {{ currentFeatureSpec, needsPayment }} from {json.dumps(module)};"
        "process.stdout.write(JSON.stringify(currentFeatureSpec().features.map((f) => [f.name, needsPayment(f)])));"
    )
    node = str(ROOT / "node_modules" / ".bin" / "node")
    done = subprocess.run([node, "--input-type=module", "--eval", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[item.name, item.needs_payment] for item in spec.features]


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"version": "2"}, "version must be a whole number of at least 1, not '2'"),
        ({"features": [AMOUNT, AMOUNT]}, "the feature amount occurs twice"),
        ({"features": [{**COUNT, "kind": "median"}]}, "card_count_1d has the unknown kind median"),
        ({"features": [{**COUNT, "entity": "shop"}]}, "has the unknown entity shop; the entities are card"),
        ({"features": [{**AMOUNT, "kind": "count"}]}, "the feature amount must have an entity"),
        ({"features": [{"name": "amount"}]}, "cannot be read as a feature spec: KeyError"),
        ({"windows": {"1d": {"width": "1 day"}}}, "'1 day' is not a duration such as 30m, 6h or 7d"),
        ({"entities": ["card"]}, "cannot be read as a feature spec"),
    ],
)
def test_rejects_an_invalid_spec(tmp_path: Path, parts: dict[str, Any], fault: str) -> None:
    with pytest.raises(FeatureRepositoryError) as error:
        read_feature_spec(written(tmp_path, **parts))
    assert str(error.value).startswith(str(tmp_path / "feature-spec.yaml"))
    assert fault in str(error.value)


def test_rejects_a_missing_spec(tmp_path: Path) -> None:
    with pytest.raises(FeatureRepositoryError, match="FileNotFoundError"):
        read_feature_spec(tmp_path / "feature-spec.yaml")
