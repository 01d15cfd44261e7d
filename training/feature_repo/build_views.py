"""The objects of the Feast repository, built from the feature spec and the profiles."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from feast import Entity, FeatureService, FeatureView, Field, FileSource, Project, PushSource, ValueType
from feast.data_format import ParquetFormat
from feast.types import Float64, Int64

from convert_log import PAYMENT_VIEW, source_path, windows_view_name
from errors import FeatureRepositoryError
from feature_log import PAYMENT_KEY
from feature_spec import Feature, FeatureSpec
from profiles import PROFILES, Profile
from served_models import ServedModel, check_model_features

PROJECT = "tripline"
PAYMENT_ENTITY = "payment"
EVENT_TIMESTAMP = "event_timestamp"
CREATED = "created"

FeastObject = Project | Entity | FeatureView | PushSource | FeatureService


def build_repository(
    spec: FeatureSpec, data_folder: Path, models: Sequence[ServedModel] | None
) -> dict[str, FeastObject]:
    """Every object of the repository, by name.

    Args:
        spec: determines entities, views and their features.
        data_folder: absolute; contains a Parquet file per view.
        models: each gets two services. None without a registry, for a model `fraud` with all features.

    Raises:
        FeatureRepositoryError: a model uses a feature that the spec does not define, or two objects have the same name.
    """
    entities = {
        name: Entity(name=name, join_keys=[key], value_type=ValueType.STRING)
        for name, key in [*spec.entity_keys.items(), (PAYMENT_ENTITY, PAYMENT_KEY)]
    }
    windows = [_windows_view(spec, entities[name], data_folder) for name in spec.entity_keys if spec.of_entity(name)]
    profiles = [_profile_view(item, entities[item.entity], data_folder) for item in PROFILES if item.entity in entities]
    payment = _payment_view(spec, entities[PAYMENT_ENTITY], data_folder)
    if models is None:
        models = [ServedModel("fraud", "", spec.version, spec.names)]
    for model in models:
        check_model_features(model, spec)
    services = [service for model in models for service in _model_services(model, [payment, *windows])]
    services.append(FeatureService(name="profiles", features=list(profiles), description="The batch profiles."))
    everything: list[FeastObject] = [Project(name=PROJECT), *entities.values(), *windows, payment, *profiles, *services]
    views = (*windows, *profiles)
    everything.extend(view.stream_source for view in views if isinstance(view.stream_source, PushSource))
    named = {item.name: item for item in everything}
    if len(named) < len(everything):
        twice = sorted({item.name for item in everything if named[item.name] is not item})
        raise FeatureRepositoryError(f"{', '.join(twice)}: an entity, view or model has the same name as another.")
    return named


def _windows_view(spec: FeatureSpec, entity: Entity, data_folder: Path) -> FeatureView:
    """The state of an entity after its last payment. It is pushed as payments arrive, and read from the log offline."""
    name = windows_view_name(entity.name)
    return FeatureView(
        name=name,
        entities=[entity],
        ttl=spec.horizon,
        schema=_fields(spec.of_entity(entity.name)),
        source=_pushed(name, _source(data_folder, name)),
        online=True,
        description=f"Features from the window state of a {entity.name} at its last payment.",
        tags=_tags(spec),
    )


def _payment_view(spec: FeatureSpec, entity: Entity, data_folder: Path) -> FeatureView:
    """Features that need the payment itself. A payment requests them once, so nothing is stored online."""
    return FeatureView(
        name=PAYMENT_VIEW,
        entities=[entity],
        ttl=timedelta(0),
        schema=_fields(spec.of_payment),
        source=_source(data_folder, PAYMENT_VIEW),
        online=False,
        description="Features of the payment itself, and compared with the history of its card or terminal.",
        tags=_tags(spec),
    )


def _profile_view(profile: Profile, entity: Entity, data_folder: Path) -> FeatureView:
    types = {"BIGINT": Int64, "DOUBLE": Float64}
    return FeatureView(
        name=profile.view,
        entities=[entity],
        # A row is valid until the next one, because every day on which a profile changes has a new row.
        ttl=timedelta(0),
        schema=[
            Field(name=column.name, dtype=types[column.type], description=column.sentence) for column in profile.columns
        ],
        source=_pushed(profile.view, _source(data_folder, profile.view, created=None)),
        online=True,
        description=f"Slow aggregates over the whole history of a {entity.name}, as of the end of a day (UTC).",
    )


def _model_services(model: ServedModel, views: Sequence[FeatureView]) -> Iterable[FeatureService]:
    """The whole signature for training, and the part of it that can be computed online from entities alone."""
    tags = {"model_version": model.version, "spec_version": str(model.spec_version)}
    tags = {name: value for name, value in tags.items() if value}
    parts = {view.name: view[wanted] for view in views if (wanted := _wanted(view, model))}
    yield FeatureService(
        name=model.name,
        features=list(parts.values()),
        description=f"All inputs of model {model.name}, for training. Requests name the payment and its entities.",
        tags=tags,
    )
    yield FeatureService(
        name=f"{model.name}_features",
        features=[part for name, part in parts.items() if name != PAYMENT_VIEW],
        description=f"The inputs of the model {model.name} that depend only on entities.",
        tags=tags,
    )


def _wanted(view: FeatureView, model: ServedModel) -> list[str]:
    return [field.name for field in view.features if field.name in model.features]


def _fields(features: Iterable[Feature]) -> list[Field]:
    return [
        Field(name=item.name, dtype=Float64, description=item.sentence, tags=_field_tags(item)) for item in features
    ]


def _field_tags(feature: Feature) -> dict[str, str]:
    tags = {"kind": feature.kind, "window": feature.window, "default": repr(feature.default)}
    return {name: value for name, value in tags.items() if value is not None}


def _pushed(view: str, batch_source: FileSource) -> PushSource:
    """`apps/features` uses the same names, so that Feast's clients can also push to it."""
    return PushSource(name=f"{view}_push", batch_source=batch_source)


def _source(data_folder: Path, view: str, created: str | None = CREATED) -> FileSource:
    return FileSource(
        name=f"{view}_table",
        path=str(source_path(data_folder, view)),
        file_format=ParquetFormat(),
        timestamp_field=EVENT_TIMESTAMP,
        created_timestamp_column=created,
    )


def _tags(spec: FeatureSpec) -> dict[str, str]:
    return {"spec_version": str(spec.version)}
