"""The `file://` model registry: the Python twin of packages/model-registry, same layout, same rules.

    <root>/models/<name>/versions/<version>/{model.onnx, model.json, golden.json, booster.json}
    <root>/models/<name>/aliases/<alias>          a text file that holds the version

A version appears complete or not at all, and never changes: it is named after the bytes of its model.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tripline_training.errors import TrainingError

MODEL_FILE = "model.onnx"
MANIFEST_FILE = "model.json"
GOLDEN_FILE = "golden.json"
BOOSTER_FILE = "booster.json"

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_-]{0,63}")
VERSION_PATTERN = re.compile(r"[0-9a-f]{12}")
VERSION_LENGTH = 12


def registry_root(url: str) -> Path:
    """The folder of a `file://` URL. Raises TrainingError for anything else."""
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise TrainingError(f"{url} is no registry: it must be a URL such as file:///var/lib/models.")
    return Path(url2pathname(parts.path))


def version_of(model: bytes) -> str:
    return sha256_hex(model)[:VERSION_LENGTH]


def sha256_hex(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def publish(root: Path, name: str, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> tuple[str, Path]:
    """Publishes a model with the files that belong to it; returns its version and folder.

    `facts` are the manifest's entries besides name, version and files. What is there already under this version stays
    as it is. Raises TrainingError when the version there means something else: other features or another spec.
    """
    _check_name(name, "model")
    version = version_of(files[MODEL_FILE])
    manifest = {
        "name": name,
        "version": version,
        **facts,
        "files": {file: sha256_hex(content) for file, content in files.items()},
    }
    versions = root / "models" / name / "versions"
    folder = versions / version
    unfinished = versions / f".tmp-{secrets.token_hex(8)}"
    unfinished.mkdir(parents=True)
    try:
        text = json.dumps(manifest, indent=2, allow_nan=False) + "\n"
        for file, content in {**files, MANIFEST_FILE: text.encode()}.items():
            _write_durably(unfinished / file, content)
        try:
            unfinished.rename(folder)
        except OSError:
            if not (folder / MANIFEST_FILE).is_file():
                raise
            _check_same_meaning(folder, manifest)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return version, folder


def set_alias(root: Path, name: str, alias: str, version: str) -> None:
    """Points an alias at a published version, in one step."""
    _check_name(name, "model")
    _check_name(alias, "alias")
    if VERSION_PATTERN.fullmatch(alias):
        raise TrainingError(f"{alias} looks like a version and cannot be an alias.")
    if not (root / "models" / name / "versions" / version / MANIFEST_FILE).is_file():
        raise TrainingError(f"Model {name} has no version {version}.")
    aliases = root / "models" / name / "aliases"
    aliases.mkdir(parents=True, exist_ok=True)
    unfinished = aliases / f".tmp-{secrets.token_hex(8)}"
    try:
        _write_durably(unfinished, f"{version}\n".encode())
        unfinished.replace(aliases / alias)
    finally:
        unfinished.unlink(missing_ok=True)


def _check_name(name: str, what: str) -> None:
    if not NAME_PATTERN.fullmatch(name):
        raise TrainingError(f"{name!r} is no {what} name: it must be 1 to 64 of a-z, 0-9, - and _, a letter first.")


def _check_same_meaning(folder: Path, manifest: Mapping[str, Any]) -> None:
    there = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    for key in ("features", "feature_spec_version"):
        if there.get(key) != manifest.get(key):
            raise TrainingError(f"{folder} holds the same model with another {key}; it is left as it is.")


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
