"""The objects that `feast apply` creates from the spec and the models in service."""

import json
import re
import runpy
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from feast import FeatureStore

from build_views import build_repository
from errors import FeatureRepositoryError
from feature_spec import FeatureSpec
from served_models import ServedModel, check_model_features, parse_manifest, read_served_models
from tests.conftest import REPOSITORY


def test_apply_registers_the_features_of_the_spec(store: FeatureStore, spec: FeatureSpec) -> None:
    views = {view.name: view for view in store.list_batch_feature_views()}
    windows = {f"{entity}_windows" for entity in spec.entity_keys}
    assert set(views) == windows | {"payment_features", "card_profile", "terminal_profile"}
    described = {field.name: field.description for view in views.values() for field in view.features}
    assert {name: described[name] for name in spec.names} == {item.name: item.sentence for item in spec.features}
    for entity, key in spec.entity_keys.items():
        view = views[f"{entity}_windows"]
        assert [field.name for field in view.features] == [item.name for item in spec.of_entity(entity)]
        assert {str(field.dtype) for field in view.features} == {"Float64"}
        assert (view.join_keys, view.ttl, view.online) == ([key], timedelta(days=30), True)
        assert view.tags == {"spec_version": str(spec.version)}
        assert view.stream_source is not None
        assert view.stream_source.name == f"{entity}_windows_push"
    for name in ("card_profile", "terminal_profile"):
        source = views[name].stream_source
        assert source is not None
        assert source.name == f"{name}_push"
    assert not views["payment_features"].online
    ratio = next(field for field in views["payment_features"].features if field.name == "card_ratio_30d")
    assert ratio.tags == {"kind": "ratio_to_mean", "window": "30d", "default": "1.0"}
    assert {service.name for service in store.list_feature_services()} == {"fraud", "fraud_features", "profiles"}


def test_each_feature_of_the_spec_is_in_one_view(store: FeatureStore, spec: FeatureSpec) -> None:
    views = [view for view in store.list_batch_feature_views() if not view.name.endswith("_profile")]
    assert sorted(field.name for view in views for field in view.features) == sorted(spec.names)


def test_a_second_apply_changes_nothing(store: FeatureStore, feast_command: Callable[..., str]) -> None:
    assert store.list_feature_services()
    feast_command("apply")
    assert "No changes to registry" in feast_command("plan")


MANIFEST = {"name": "fraud", "version": "0123456789ab", "feature_spec_version": 2}


def publish(root: Path, name: str, features: list[str], version: str = "0123456789ab") -> None:
    """As `tripline_training.registry.registry` writes it."""
    folder = root / "models" / name / "versions" / version
    folder.mkdir(parents=True)
    text = json.dumps({**MANIFEST, "name": name, "version": version, "features": features})
    (folder / "model.json").write_text(text)
    (root / "models" / name / "aliases").mkdir()
    (root / "models" / name / "aliases" / "champion").write_text(f"{version}\n")


def test_each_served_model_gets_its_feature_services(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, "fraud", ["amount", "card_count_1d", "terminal_risk_7d"])
    publish(tmp_path, "takeover", ["card_count_1d"], version="ba9876543210")
    monkeypatch.setenv("REGISTRY_URL", tmp_path.as_uri())
    assert environment
    defined = runpy.run_path(str(REPOSITORY / "definitions.py"))
    inputs = {
        name: [feature.name for part in defined[name].feature_view_projections for feature in part.features]
        for name in ("fraud", "fraud_features", "takeover", "takeover_features")
    }
    assert inputs == {
        "fraud": ["amount", "card_count_1d", "terminal_risk_7d"],
        "fraud_features": ["card_count_1d", "terminal_risk_7d"],
        "takeover": ["card_count_1d"],
        "takeover_features": ["card_count_1d"],
    }
    assert defined["takeover"].tags == {"model_version": "ba9876543210", "spec_version": "2"}


def test_a_renamed_feature_of_a_served_model_stops_apply(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, spec: FeatureSpec
) -> None:
    publish(tmp_path, "fraud", ["amount", "card_count_1d"])
    text = (REPOSITORY.parents[1] / "packages" / "contracts" / "feature-spec.yaml").read_text()
    renamed = tmp_path / "feature-spec.yaml"
    renamed.write_text(re.sub(r"\bcard_count_1d\b", "card_payments_1d", text))
    monkeypatch.setenv("REGISTRY_URL", tmp_path.as_uri())
    monkeypatch.setenv("FEATURE_SPEC", str(renamed))
    assert environment
    with pytest.raises(FeatureRepositoryError) as error:
        runpy.run_path(str(REPOSITORY / "definitions.py"))
    assert str(error.value) == (
        f"The feature spec of version {spec.version} does not define card_count_1d, which the served model fraud "
        "0123456789ab of spec version 2 uses. Keep the old name in the spec until a model that was trained for the new "
        "one is published as champion."
    )


def test_a_model_with_fewer_features_is_accepted(spec: FeatureSpec) -> None:
    check_model_features(ServedModel("fraud", "0123456789ab", 1, spec.names[:3]), spec)


@pytest.mark.parametrize(
    ("variable", "named"), [("FEAST_DATA", "FEAST_DATA"), ("FEAST_REDIS", "FEAST_REDIS or FEAST_ONLINE_URL")]
)
def test_names_an_unset_variable(
    variable: str, named: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert environment
    monkeypatch.delenv(variable)
    with pytest.raises(FeatureRepositoryError, match=f"^{named} is not set"):
        runpy.run_path(str(REPOSITORY / "definitions.py"))


def test_a_client_of_the_running_system_needs_no_redis(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert environment
    monkeypatch.delenv("FEAST_REDIS")
    monkeypatch.setenv("FEAST_ONLINE_URL", "http://127.0.0.1:7402")
    assert "card_windows" in runpy.run_path(str(REPOSITORY / "definitions.py"))


def test_a_registry_without_models_defines_no_service_for_a_model(tmp_path: Path, spec: FeatureSpec) -> None:
    assert read_served_models(tmp_path.as_uri()) == ()
    objects = build_repository(spec, tmp_path, [])
    assert "profiles" in objects
    assert "fraud" not in objects


@pytest.mark.parametrize("name", ["card", "ip_windows", "profiles", "card_profile_push"])
def test_a_model_cannot_have_the_name_of_another_object(tmp_path: Path, spec: FeatureSpec, name: str) -> None:
    with pytest.raises(FeatureRepositoryError, match=f"^{name}: an entity, view or model has the same name as another"):
        build_repository(spec, tmp_path, [ServedModel(name, "0123456789ab", 2, ("amount",))])


@pytest.mark.parametrize("url", ["http://localhost/models", "/var/lib/models", "file://host/models"])
def test_rejects_a_folder_that_is_not_a_registry(url: str) -> None:
    with pytest.raises(FeatureRepositoryError, match="REGISTRY_URL"):
        read_served_models(url)


def test_names_an_unreadable_champion(tmp_path: Path) -> None:
    publish(tmp_path, "fraud", ["amount"])
    (tmp_path / "models" / "fraud" / "versions" / "0123456789ab" / "model.json").write_text("{")
    with pytest.raises(FeatureRepositoryError, match=r"The champion of .*/models/fraud cannot be read"):
        read_served_models(tmp_path.as_uri())


@pytest.mark.parametrize(
    "manifest",
    [MANIFEST, {**MANIFEST, "features": []}, {**MANIFEST, "features": [1]}, {**MANIFEST, "name": 1, "features": ["a"]}],
)
def test_rejects_a_file_that_is_not_a_manifest(manifest: dict[str, Any]) -> None:
    with pytest.raises(FeatureRepositoryError, match=r"model\.json is not a model manifest"):
        parse_manifest(manifest, "model.json")
