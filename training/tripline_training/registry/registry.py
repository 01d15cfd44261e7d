"""The model registry in Python, with the layout and rules of packages/model-registry.

In files (`file:///folder`):

    <root>/models/<name>/versions/<version>/{model.onnx, model.json, golden.json, booster.json, scorecard.json}
    <root>/models/<name>/aliases/<alias>            a text file that holds the version
    <root>/models/<name>/history/<number>/move.json   who moved which alias, when, from where, to where and why

or in MLflow (`mlflow+http://host:port`). A version appears complete or not at all, and never changes: its name is
derived from the bytes of its model.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tripline_training.errors import TrainingError
from tripline_training.registry.history import make_move, read_moves
from tripline_training.registry.names import (
    BOOSTER_FILE,
    GOLDEN_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    SCORECARD_FILE,
    TWIN_FILE,
    VERSION_PATTERN,
    ModelVersion,
    Move,
    MoveOptions,
    NoVersionError,
    check_alias,
    check_name,
    check_same_meaning,
    compose_manifest,
    compose_move,
    read_files,
    sha256_hex,
    verified_version,
    version_of,
)
from tripline_training.registry.write import write_file, write_folder

if TYPE_CHECKING:
    from tripline_training.registry.mlflow_registry import MlflowRegistry

__all__ = [
    "BOOSTER_FILE",
    "GOLDEN_FILE",
    "MANIFEST_FILE",
    "MODEL_FILE",
    "SCORECARD_FILE",
    "TWIN_FILE",
    "VERSION_PATTERN",
    "ModelVersion",
    "Move",
    "MoveOptions",
    "Store",
    "alias_target",
    "history",
    "publish",
    "registry_root",
    "resolve",
    "set_alias",
    "sha256_hex",
    "version_of",
]


Store = Union[Path, "MlflowRegistry"]
"""Location of a registry: a folder or an MLflow server."""


def registry_root(url: str) -> Store:
    """The store of a `file://` or `mlflow+http(s)://` URL. Raises TrainingError for anything else."""
    parts = urlsplit(url)
    if parts.scheme in ("mlflow+http", "mlflow+https") and parts.hostname:
        from tripline_training.registry.mlflow_registry import MlflowRegistry  # noqa: PLC0415 -- takes seconds

        return MlflowRegistry(url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise TrainingError(
            f"{url} is not a valid registry URL: use a URL such as file:///var/lib/models or mlflow+http://host:5000."
        )
    return Path(url2pathname(parts.path))


def publish(store: Store, name: str, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> tuple[str, Path | str]:
    """Publishes a model with its files. Returns its version and folder, or where MLflow shows it.

    `facts` are the manifest's entries besides name, version and files. An existing version is not changed. Raises
    TrainingError if the existing version differs in features or spec.
    """
    if not isinstance(store, Path):
        return store.publish(name, files, facts)
    manifest, text = compose_manifest(name, files, facts)
    version = manifest["version"]
    folder = _version_folder(store, name, version)
    if not write_folder(folder, {**files, MANIFEST_FILE: text}):
        there = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        check_same_meaning(there, manifest, str(folder))
    return version, folder


def set_alias(store: Store, name: str, alias: str, version: str, options: MoveOptions | None = None) -> Move:
    """Points an alias at a published version, atomically, and records who did it, when and why."""
    if not isinstance(store, Path):
        return store.set_alias(name, alias, version, options)
    check_name(name, "model")
    check_alias(alias)
    if not (_version_folder(store, name, version) / MANIFEST_FILE).is_file():
        raise TrainingError(f"Model {name} has no version {version}.")
    return make_move(
        store / "models" / name / "history",
        lambda: _read_alias(store, name, alias),
        lambda to: write_file(store / "models" / name / "aliases" / alias, f"{to}\n".encode()),
        lambda current: compose_move(name, alias, version, current, options or MoveOptions()),
    )


def alias_target(store: Store, name: str, alias: str) -> str:
    """The version to which an alias points. Raises TrainingError if there is none."""
    if not isinstance(store, Path):
        return store.alias_target(name, alias)
    check_name(name, "model")
    check_alias(alias)
    version = _read_alias(store, name, alias)
    if version is None:
        raise TrainingError(f'Model {name} has no alias "{alias}".')
    return version


def resolve(store: Store, name: str, alias_or_version: str) -> ModelVersion:
    """Reads one version and verifies all of its files."""
    if not isinstance(store, Path):
        return store.resolve(name, alias_or_version)
    check_name(name, "model")
    is_version = VERSION_PATTERN.fullmatch(alias_or_version)
    version = alias_or_version if is_version else alias_target(store, name, alias_or_version)
    folder = _version_folder(store, name, version)
    if not folder.is_dir():
        raise NoVersionError(f"Model {name} has no version {version}.")
    return verified_version(name, version, read_files(folder))


def history(store: Store, name: str) -> list[Move]:
    """Moves of all aliases of a model, oldest first."""
    if not isinstance(store, Path):
        return store.history(name)
    check_name(name, "model")
    return read_moves(store / "models" / name / "history", lambda alias: _read_alias(store, name, alias))


def _version_folder(root: Path, name: str, version: str) -> Path:
    return root / "models" / name / "versions" / version


def _read_alias(root: Path, name: str, alias: str) -> str | None:
    try:
        version = (root / "models" / name / "aliases" / alias).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    return version if VERSION_PATTERN.fullmatch(version) else None
