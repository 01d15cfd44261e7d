"""A registry in an MLflow tracking server of version 3 or later, over its REST API.

The Python twin of packages/model-registry's MlflowRegistry, whose README says how the two fit together. It speaks HTTP
and needs no package of MLflow's. https://mlflow.org/docs/latest/rest-api.html
"""

import base64
import json
import os
import secrets
import time
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlencode, urlsplit
from urllib.request import Request, urlopen

from tripline_training.errors import TrainingError
from tripline_training.mlflow_model_files import input_columns, mlflow_model_files
from tripline_training.registry_names import (
    GOLDEN_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    MOVES_KEPT,
    VERSION_PATTERN,
    ModelVersion,
    Move,
    MoveOptions,
    check_alias,
    check_name,
    check_same_meaning,
    compose_manifest,
    compose_move,
    parse_move,
    user_name,
    verified_version,
)

VERSION_TAG = "tripline.version"
MANIFEST_TAG = "tripline.manifest"
MOVE_TAG = "tripline.move."
TAG_CHARACTERS_MAX = 100_000
CALL_SECONDS_MAX = 10.0
FILE_SECONDS_MAX = 120.0
FILE_BYTES_MAX = 1_073_741_824
ATTEMPTS_MAX = 3
RETRY_SECONDS = 0.2
RETRIED_STATUSES = (429, 500, 502, 503, 504)
PAGE_SIZE = 200
PAGES_MAX = 50
DIGEST_CHARACTERS_MAX = 36
SCHEMA_CHARACTERS_MAX = 65_535
"""Of a data set."""
PARAMS_MAX = 100
METRICS_MAX = 800
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""Codes by which MLflow says that a model or an alias is not there."""


class MlflowError(TrainingError):
    """The server's refusal, with its own code; `unreachable` where it gave no answer that can be used."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class MlflowRegistry:
    """Models in the MLflow server at an `mlflow+http://` or `mlflow+https://` URL.

    Credentials are those of MLflow's own clients: MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and
    MLFLOW_TRACKING_PASSWORD, or what stands in the URL.
    """

    def __init__(self, url: str, environment: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url.removeprefix("mlflow+"))
        port = "" if parts.port is None else f":{parts.port}"
        self.url = f"{parts.scheme}://{parts.hostname}{port}{parts.path.rstrip('/')}"
        given = os.environ if environment is None else environment
        user, password = given.get("MLFLOW_TRACKING_USERNAME"), given.get("MLFLOW_TRACKING_PASSWORD", "")
        if not user:
            user, password = unquote(parts.username or ""), unquote(parts.password or "")
        self._headers: dict[str, str] = {}
        if token := given.get("MLFLOW_TRACKING_TOKEN"):
            self._headers["Authorization"] = f"Bearer {token}"
        elif user:
            pair = base64.b64encode(f"{user}:{password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {pair}"

    def publish(self, name: str, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> tuple[str, str]:
        """Publishes a model; returns its version and where MLflow shows it. Readers see it whole or not at all."""
        manifest, text = compose_manifest(name, files, facts)
        version = manifest["version"]
        there = self._published(name, version).get(version)
        if there is None:
            number = self._add_version(manifest, {**files, MANIFEST_FILE: text})
            there = self._find(name, version)
            # Of several that published the same at once, the first one stays.
            if there["version"] != number:
                self._call("DELETE", "model-versions/delete", {"name": name, "version": number})
        check_same_meaning(_manifest_of(there), manifest, f"Version {there['version']} of {name} in MLflow")
        return version, f"{self.url}/#/models/{quote(name)}/versions/{there['version']}"

    def resolve(self, name: str, alias_or_version: str) -> ModelVersion:
        """Downloads one version and verifies all of its files."""
        check_name(name, "model")
        is_version = VERSION_PATTERN.fullmatch(alias_or_version)
        version = alias_or_version if is_version else self.alias_target(name, alias_or_version)
        found = self._find(name, version)
        files = {MANIFEST_FILE: json.dumps(_manifest_of(found)).encode()}
        for file in (MODEL_FILE, GOLDEN_FILE):
            files[file] = self._send("GET", self._artifact(found["source"], file), None, FILE_SECONDS_MAX)
        return verified_version(name, version, files)

    def set_alias(self, name: str, alias: str, version: str, options: MoveOptions | None = None) -> Move:
        """Points an alias at a published version, and remembers who did it, when and why."""
        check_name(name, "model")
        check_alias(alias)
        number = self._find(name, version)["version"]
        move = compose_move(name, alias, version, self._current_target(name, alias), options or MoveOptions())
        self._call("POST", "registered-models/alias", {"name": name, "alias": alias, "version": number})
        if self._current_target(name, alias) != version:
            raise TrainingError(
                f'Somebody else moved the alias "{alias}" of model {name} at the same time: look again.'
            )
        key = f"{MOVE_TAG}{move.at}.{secrets.token_hex(4)}"
        entry = {"name": name, "key": key, "value": json.dumps(move.as_json())}
        self._call("POST", "registered-models/set-tag", entry)
        for old in self._move_tags(name)[:-MOVES_KEPT]:
            self._call("DELETE", "registered-models/delete-tag", {"name": name, "key": old["key"]})
        return move

    def alias_target(self, name: str, alias: str) -> str:
        """The version that an alias names. Raises TrainingError when there is none."""
        check_name(name, "model")
        check_alias(alias)
        version = self._current_target(name, alias)
        if version is None:
            raise TrainingError(f'Model {name} has no alias "{alias}".')
        return version

    def history(self, name: str) -> list[Move]:
        """Moves of all aliases of a model, oldest first."""
        check_name(name, "model")
        return [parse_move(json.loads(tag["value"]), f"The tag {tag['key']}") for tag in self._move_tags(name)]

    def _add_version(self, manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
        """A run with parameters, metrics and files, and at last the version that points to it; returns its number."""
        name, version = manifest["name"], manifest["version"]
        tags = {VERSION_TAG: version, MANIFEST_TAG: json.dumps(manifest, separators=(",", ":"))}
        if len(tags[MANIFEST_TAG]) > TAG_CHARACTERS_MAX:
            raise TrainingError(f"The manifest of model {name} {version} is longer than MLflow takes.")
        run = self._start_run(manifest)
        source = f"{run['artifact_uri']}/model"
        for file, content in {**mlflow_model_files(manifest, files, run["run_id"]), **files}.items():
            self._send("PUT", self._artifact(source, file), content, FILE_SECONDS_MAX)
        ended = {"run_id": run["run_id"], "status": "FINISHED", "end_time": _now_ms()}
        self._call("POST", "runs/update", ended)
        self._create("registered-models/create", {"name": name})
        lineage = manifest.get("lineage", {})
        tags["tripline.feature_spec_version"] = str(manifest.get("feature_spec_version"))
        tags |= {f"tripline.{key}": lineage[key] for key in LINEAGE_TAGS if lineage.get(key) is not None}
        entry = {
            "name": name,
            "source": source,
            "run_id": run["run_id"],
            "description": f"Tripline {version}",
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        number: str = self._call("POST", "model-versions/create", entry)["model_version"]["version"]
        return number

    def _start_run(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        name, lineage = manifest["name"], manifest.get("lineage", {})
        experiment = f"tripline/{name}"
        made = self._create("experiments/create", {"name": experiment})
        if made is None:
            query = urlencode({"experiment_name": experiment})
            made = self._call("GET", f"experiments/get-by-name?{query}")["experiment"]
        commit = lineage.get("commit")
        run_tags = {"mlflow.user": user_name(), **({} if commit is None else {"mlflow.source.git.commit": commit})}
        begun = {
            "experiment_id": made["experiment_id"],
            "run_name": f"{name} {manifest['version']}",
            "start_time": _now_ms(),
            # Both, as MLflow's own clients send them.
            "user_id": run_tags["mlflow.user"],
            "tags": [{"key": key, "value": value} for key, value in run_tags.items()],
        }
        run: dict[str, Any] = self._call("POST", "runs/create", begun)["run"]["info"]
        params = [{"key": key, "value": str(value)} for key, value in _leaves(lineage.get("params", {})).items()]
        figures = _leaves(manifest.get("metrics", {})).items()
        metrics = [
            {"key": key, "value": value, "timestamp": _now_ms(), "step": 0}
            for key, value in figures
            if isinstance(value, int | float) and not isinstance(value, bool)
        ]
        batch = {"run_id": run["run_id"], "params": params[:PARAMS_MAX], "metrics": metrics[:METRICS_MAX]}
        self._call("POST", "runs/log-batch", batch)
        self._log_training_data(run["run_id"], manifest)
        return run

    def _log_training_data(self, run_id: str, manifest: Mapping[str, Any]) -> None:
        """Of several that name the same data at once, MLflow takes one; asked again, it knows the data."""
        body = {"run_id": run_id, "datasets": [_training_data(manifest)]}
        try:
            self._call("POST", "runs/log-inputs", body)
        except MlflowError as error:
            if error.code in ("credentials", "unreachable"):
                raise
            self._call("POST", "runs/log-inputs", body)

    def _published(self, name: str, version: str) -> dict[str, dict[str, Any]]:
        """Entries of MLflow for a version, by version; of several the first one."""
        query = {"filter": f"name='{name}' and tags.`{VERSION_TAG}`='{version}'", "max_results": str(PAGE_SIZE)}
        found: list[dict[str, Any]] = []
        for _ in range(PAGES_MAX):
            answer = self._call("GET", f"model-versions/search?{urlencode(query)}")
            found += [one for one in answer.get("model_versions", []) if one.get("status", "READY") == "READY"]
            if not answer.get("next_page_token"):
                break
            query["page_token"] = answer["next_page_token"]
        return {version: min(found, key=lambda one: int(one["version"]))} if found else {}

    def _find(self, name: str, version: str) -> dict[str, Any]:
        found = self._published(name, version).get(version)
        if found is None:
            raise TrainingError(f"Model {name} has no version {version}.")
        return found

    def _current_target(self, name: str, alias: str) -> str | None:
        try:
            answer = self._call("GET", f"registered-models/alias?{urlencode({'name': name, 'alias': alias})}")
        except MlflowError as error:
            if error.code in ABSENT:
                return None
            raise
        version = _tags(answer["model_version"]).get(VERSION_TAG)
        if version is None:
            raise TrainingError(f'The alias "{alias}" of model {name} names a version that Tripline did not publish.')
        return version

    def _move_tags(self, name: str) -> list[dict[str, str]]:
        model = self._call("GET", f"registered-models/get?{urlencode({'name': name})}")["registered_model"]
        return sorted(
            (tag for tag in model.get("tags", []) if tag["key"].startswith(MOVE_TAG)), key=lambda tag: tag["key"]
        )

    def _create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """None where it is there already."""
        try:
            return self._call("POST", path, body)
        except MlflowError as error:
            if error.code == "RESOURCE_ALREADY_EXISTS":
                return None
            raise

    def _artifact(self, source: str, file: str) -> str:
        parts = urlsplit(source)
        if parts.scheme != "mlflow-artifacts":
            raise TrainingError(f"{source} is kept past the MLflow server: only artifacts that it serves can be read.")
        return f"/api/2.0/mlflow-artifacts/artifacts{parts.path.rstrip('/')}/{quote(file)}"

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        answer = self._send(method, f"/api/2.0/mlflow/{path}", content, CALL_SECONDS_MAX)
        try:
            parsed: dict[str, Any] = json.loads(answer)
        except ValueError as error:
            raise TrainingError(f"{self.url} gave an answer that cannot be read: is it an MLflow server?") from error
        return parsed

    def _send(self, method: str, path: str, body: bytes | None, seconds: float) -> bytes:
        """Every call may be made twice, so each is tried again when the server does not answer."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                return self._send_once(method, path, body, seconds)
            except MlflowError as error:
                if error.code != "unreachable" or attempt == ATTEMPTS_MAX:
                    raise
                time.sleep(RETRY_SECONDS * attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _send_once(self, method: str, path: str, body: bytes | None, seconds: float) -> bytes:
        kind = "application/json" if path.startswith("/api/2.0/mlflow/") else "application/octet-stream"
        headers = {**self._headers, "Content-Type": kind}
        request = Request(self.url + path, data=body, headers=headers, method=method)
        try:
            with urlopen(request, timeout=seconds) as response:
                content: bytes = response.read(FILE_BYTES_MAX)
                return content
        except HTTPError as error:
            raise self._fault(error, path.partition("?")[0]) from error
        except (URLError, OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise MlflowError("unreachable", f"MLflow at {self.url} cannot be reached: {reason}.") from error

    def _fault(self, error: HTTPError, path: str) -> MlflowError:
        if error.code in (401, 403):
            how = "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            return MlflowError("credentials", f"MLflow at {self.url} refuses these credentials ({error.code}): {how}.")
        if error.code in RETRIED_STATUSES:
            return MlflowError("unreachable", f"MLflow at {self.url} is not able to answer {path} ({error.code}).")
        try:
            fault = json.loads(error.read())
            code, message = str(fault["error_code"]), str(fault["message"]).partition("\n")[0]
        except (ValueError, KeyError, TypeError):
            code, message = str(error.code), "no reason given"
        return MlflowError(code, f"MLflow at {self.url} refuses {path} ({code}): {message}")


LINEAGE_TAGS = ("data_sha256", "commit", "data_from", "data_to")


def _training_data(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the model was trained on, as MLflow's pages show it."""
    lineage = manifest.get("lineage", {})
    sha256 = str(lineage.get("data_sha256", ""))
    period = {"from": lineage.get("data_from"), "to": lineage.get("data_to"), "known_by": lineage.get("known_by")}
    known = {key: value for key, value in period.items() if value is not None}
    schema = json.dumps({"mlflow_colspec": input_columns(manifest)})
    dataset = {
        "name": f"{manifest['name']} features",
        "digest": sha256[:DIGEST_CHARACTERS_MAX],
        "source_type": "tripline",
        "source": json.dumps({"sha256": sha256, **known}),
        **({} if len(schema) > SCHEMA_CHARACTERS_MAX else {"schema": schema}),
    }
    return {"tags": [{"key": "mlflow.data.context", "value": "training"}], "dataset": dataset}


def _manifest_of(found: Mapping[str, Any]) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(_tags(found).get(MANIFEST_TAG, ""))
    except ValueError as error:
        raise TrainingError(
            f"The tag {MANIFEST_TAG} of version {found['version']} in MLflow cannot be read."
        ) from error
    return manifest


def _tags(found: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in found.get("tags", [])}


def _leaves(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested entries as `outer.inner`."""
    leaves: dict[str, Any] = {}
    for key, value in values.items():
        leaves |= _leaves(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return leaves


def _now_ms() -> int:
    return round(time.time() * 1000)
