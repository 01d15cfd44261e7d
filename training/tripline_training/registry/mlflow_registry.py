"""A registry in an MLflow tracking server of version 3 or later, over MLflow's own client.

The README of packages/model-registry, which calls the same server from TypeScript, says where everything is stored.
MLflow takes seconds to import, so this module is imported only when a registry is in MLflow.
"""

import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

# MLflow reads these at import. Calls are attempted three times. Values set by the user are kept.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}.items():
    os.environ.setdefault(_name, _value)

# ruff: noqa: E402
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run
from mlflow.entities.model_registry import ModelVersion as MlflowVersion
from mlflow.exceptions import MlflowException
from requests import RequestException

from tripline_training.errors import TrainingError
from tripline_training.registry.mlflow_model_files import input_schema, mlflow_model_files
from tripline_training.registry.names import (
    MANIFEST_FILE,
    MOVES_KEPT,
    VERSION_PATTERN,
    ModelVersion,
    Move,
    MoveOptions,
    NoVersionError,
    RegistryCallError,
    check_alias,
    check_name,
    check_same_meaning,
    compose_manifest,
    compose_move,
    parse_move,
    read_files,
    user_name,
    verified_version,
)

T = TypeVar("T")

VERSION_TAG = "tripline.version"
MANIFEST_TAG = "tripline.manifest"
MOVE_TAG = "tripline.move."
LINEAGE_TAGS = ("data_sha256", "commit", "data_from", "data_to")
ARTIFACT_FOLDER = "model"
# MLflow's own limits.
TAG_CHARACTERS_MAX = 100_000
DIGEST_CHARACTERS_MAX = 36
SCHEMA_CHARACTERS_MAX = 65_535
PARAMS_MAX = 100
METRICS_MAX = 800
SAME_VERSIONS_MAX = 200
"""Maximum number of publishers that upload the same model simultaneously."""
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""MLflow's error codes for a missing model or alias."""
REFUSED = ("UNAUTHENTICATED", "PERMISSION_DENIED")


class MlflowRegistry:
    """Models in the MLflow server at an `mlflow+http://` or `mlflow+https://` URL.

    Reads the same credentials as MLflow's own clients: MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and
    MLFLOW_TRACKING_PASSWORD, or the credentials in the URL.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url.removeprefix("mlflow+"))
        port = "" if parts.port is None else f":{parts.port}"
        self.url = f"{parts.scheme}://{parts.hostname}{port}{parts.path.rstrip('/')}"
        if parts.username and not any(os.environ.get(f"MLFLOW_TRACKING_{name}") for name in ("TOKEN", "USERNAME")):
            # The client reads credentials only from here, and would print credentials from a URL in each error.
            os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username)
            os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password or "")
        self._client = MlflowClient(self.url, self.url)

    def publish(self, name: str, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> tuple[str, str]:
        """Publishes a model. Returns its version and where MLflow shows it. Readers see the whole model or nothing."""
        manifest, text = compose_manifest(name, files, facts)
        version = manifest["version"]
        with self._asking():
            there = self._published(name, version)
            if there is None:
                number = self._add_version(manifest, {**files, MANIFEST_FILE: text})
                there = self._find(name, version)
                # If several processes publish the same model at the same time, the first version is kept.
                if there.version != number:
                    self._client.delete_model_version(name, number)
        check_same_meaning(_manifest_of(there), manifest, f"Version {there.version} of {name} in MLflow")
        return version, f"{self.url}/#/models/{quote(name)}/versions/{there.version}"

    def resolve(self, name: str, alias_or_version: str) -> ModelVersion:
        """Downloads one version and verifies all of its files."""
        check_name(name, "model")
        is_version = VERSION_PATTERN.fullmatch(alias_or_version)
        version = alias_or_version if is_version else self.alias_target(name, alias_or_version)
        with self._asking(), tempfile.TemporaryDirectory() as folder:
            found = self._find(name, version)
            files = read_files(Path(download_artifacts(found.source, dst_path=folder, tracking_uri=self.url)))
        return verified_version(name, version, {**files, MANIFEST_FILE: json.dumps(_manifest_of(found)).encode()})

    def set_alias(self, name: str, alias: str, version: str, options: MoveOptions | None = None) -> Move:
        """Points an alias at a published version, and records who did it, when and why."""
        check_name(name, "model")
        check_alias(alias)
        with self._asking():
            number = self._find(name, version).version
            move = compose_move(name, alias, version, self._current_target(name, alias), options or MoveOptions())
            self._client.set_registered_model_alias(name, alias, number)
            if self._current_target(name, alias) != version:
                raise TrainingError(
                    f'Another user moved the alias "{alias}" of model {name} at the same time. Check it and try again.'
                )
            key = f"{MOVE_TAG}{move.at}.{secrets.token_hex(4)}"
            self._client.set_registered_model_tag(name, key, json.dumps(move.as_json()))
            for old in sorted(self._move_tags(name))[:-MOVES_KEPT]:
                self._client.delete_registered_model_tag(name, old)
        return move

    def alias_target(self, name: str, alias: str) -> str:
        """The version to which an alias points. Raises TrainingError if there is none."""
        check_name(name, "model")
        check_alias(alias)
        with self._asking():
            version = self._current_target(name, alias)
        if version is None:
            raise TrainingError(f'Model {name} has no alias "{alias}".')
        return version

    def history(self, name: str) -> list[Move]:
        """Moves of all aliases of a model, oldest first."""
        check_name(name, "model")
        with self._asking():
            tags = self._move_tags(name)
        return [parse_move(json.loads(value), f"The tag {key}") for key, value in sorted(tags.items())]

    def _add_version(self, manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
        """Creates a run with parameters, metrics and files, and finally the version that points to it; returns its
        number.
        """
        name, version, lineage = manifest["name"], manifest["version"], manifest.get("lineage", {})
        tags = {VERSION_TAG: version, MANIFEST_TAG: json.dumps(manifest, separators=(",", ":"))}
        if len(tags[MANIFEST_TAG]) > TAG_CHARACTERS_MAX:
            raise TrainingError(f"The manifest of model {name} {version} is longer than MLflow allows.")
        run = self._start_run(manifest)
        run_id = run.info.run_id
        with tempfile.TemporaryDirectory() as folder:
            for file, content in {**mlflow_model_files(manifest, files, run_id), **files}.items():
                Path(folder, file).write_bytes(content)
            self._client.log_artifacts(run_id, folder, ARTIFACT_FOLDER)
        self._client.set_terminated(run_id)
        _unless_there(lambda: self._client.create_registered_model(name))
        tags["tripline.feature_spec_version"] = str(manifest.get("feature_spec_version"))
        tags |= {f"tripline.{key}": lineage[key] for key in LINEAGE_TAGS if lineage.get(key) is not None}
        source = f"{run.info.artifact_uri}/{ARTIFACT_FOLDER}"
        made = self._client.create_model_version(name, source, run_id, tags, description=f"Tripline {version}")
        return str(made.version)

    def _start_run(self, manifest: Mapping[str, Any]) -> Run:
        name, lineage, now_ms = manifest["name"], manifest.get("lineage", {}), round(time.time() * 1000)
        experiment = f"tripline/{name}"
        experiment_id = _unless_there(lambda: self._client.create_experiment(experiment))
        if experiment_id is None:
            experiment_id = self._client.get_experiment_by_name(experiment).experiment_id
        commit = lineage.get("commit")
        tags = {"mlflow.user": user_name(), **({} if commit is None else {"mlflow.source.git.commit": commit})}
        run = self._client.create_run(experiment_id, tags=tags, run_name=f"{name} {manifest['version']}")
        params = [Param(key, str(value)) for key, value in _leaves(lineage.get("params", {})).items()]
        metrics = [
            Metric(key, value, now_ms, step=0)
            for key, value in _leaves(manifest.get("metrics", {})).items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        ]
        self._client.log_batch(run.info.run_id, params=params[:PARAMS_MAX], metrics=metrics[:METRICS_MAX])
        data = [_training_data(manifest)]
        try:
            self._client.log_inputs(run.info.run_id, data)
        except MlflowException:
            # If several processes name the same data at the same time, MLflow accepts only one call; on a retry, it
            # knows the data.
            self._client.log_inputs(run.info.run_id, data)
        return run

    def _published(self, name: str, version: str) -> MlflowVersion | None:
        """MLflow's entry for a version; if there are several, the first one."""
        wanted = f"name='{name}' and tags.`{VERSION_TAG}`='{version}'"
        found = self._client.search_model_versions(wanted, SAME_VERSIONS_MAX)
        return min(found, key=lambda one: int(one.version), default=None)

    def _find(self, name: str, version: str) -> MlflowVersion:
        found = self._published(name, version)
        if found is None:
            raise NoVersionError(f"Model {name} has no version {version}.")
        return found

    def _current_target(self, name: str, alias: str) -> str | None:
        try:
            found = self._client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code in ABSENT:
                return None
            raise
        version: str | None = found.tags.get(VERSION_TAG)
        if version is None:
            what = f'The alias "{alias}" of model {name}'
            raise TrainingError(f"{what} points to a version that Tripline did not publish.")
        return version

    def _move_tags(self, name: str) -> dict[str, str]:
        tags = self._client.get_registered_model(name).tags
        return {key: value for key, value in tags.items() if key.startswith(MOVE_TAG)}

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Converts errors of the client to one sentence."""
        try:
            yield
        except (MlflowException, RequestException, OSError) as error:
            if getattr(error, "error_code", None) in REFUSED:
                how = "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
                raise RegistryCallError(f"MLflow at {self.url} rejects these credentials: {how}.") from error
            if isinstance(error.__context__, RequestException):
                raise RegistryCallError(f"MLflow at {self.url} cannot be reached: {_first_cause(error)}.") from error
            raise RegistryCallError(f"MLflow at {self.url}: {str(error).partition(chr(10))[0]}") from error


def _first_cause(error: BaseException) -> BaseException:
    while error.__context__ is not None:
        error = error.__context__
    return error


def _unless_there(create: Callable[[], T]) -> T | None:
    """The result; None if the object already exists."""
    try:
        return create()
    except MlflowException as error:
        if error.error_code == "RESOURCE_ALREADY_EXISTS":
            return None
        raise


def _training_data(manifest: Mapping[str, Any]) -> DatasetInput:
    """The training data, as MLflow's pages show it."""
    lineage = manifest.get("lineage", {})
    sha256 = str(lineage.get("data_sha256", ""))
    period = {"from": lineage.get("data_from"), "to": lineage.get("data_to"), "known_by": lineage.get("known_by")}
    known = {key: value for key, value in period.items() if value is not None}
    schema = json.dumps({"mlflow_colspec": input_schema(manifest).to_dict()})
    dataset = Dataset(
        name=f"{manifest['name']} features",
        digest=sha256[:DIGEST_CHARACTERS_MAX],
        source_type="tripline",
        source=json.dumps({"sha256": sha256, **known}),
        schema=None if len(schema) > SCHEMA_CHARACTERS_MAX else schema,
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _manifest_of(found: MlflowVersion) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(found.tags.get(MANIFEST_TAG, ""))
    except ValueError as error:
        raise TrainingError(f"The tag {MANIFEST_TAG} of version {found.version} in MLflow cannot be read.") from error
    return manifest


def _leaves(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested entries as `outer.inner`."""
    leaves: dict[str, Any] = {}
    for key, value in values.items():
        leaves |= _leaves(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return leaves
