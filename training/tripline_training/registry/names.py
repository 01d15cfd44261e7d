"""Shared by both kinds of registry: names, versions, and the contents of a move."""

import getpass
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tripline_training.errors import TrainingError

MODEL_FILE = "model.onnx"
MANIFEST_FILE = "model.json"
GOLDEN_FILE = "golden.json"
BOOSTER_FILE = "booster.json"
SCORECARD_FILE = "scorecard.json"
TWIN_FILE = "twin.onnx"
"""The same trees as tensors, for execution providers without kernels for trees."""

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_-]{0,63}")
VERSION_PATTERN = re.compile(r"[0-9a-f]{12}")
VERSION_LENGTH = 12
BY_CHARACTERS_MAX = 200
WHY_CHARACTERS_MAX = 1_000
MOVES_KEPT = 200
"""Moves that are kept per model; older ones are deleted."""


class RegistryCallError(TrainingError):
    """A registry's server rejected a call or did not respond."""


class NoVersionError(TrainingError):
    """The registry has no such version."""


class Anything:
    """Matches any version, or none."""


ANYTHING: Final = Anything()


@dataclass(frozen=True)
class Move:
    """One recorded move of an alias."""

    alias: str
    from_version: str | None
    to: str
    at: str
    """Time of the move, RFC 3339."""
    by: str
    why: str | None
    is_rollback: bool

    def as_json(self) -> dict[str, Any]:
        entries = asdict(self)
        return {"alias": entries.pop("alias"), "from": entries.pop("from_version"), **entries}


@dataclass(frozen=True)
class MoveOptions:
    expect: str | Anything | None = ANYTHING
    """Move only if the alias names this version; None: only if the alias does not exist."""
    by: str | None = None
    """By default, the user of this process."""
    why: str | None = None


@dataclass(frozen=True)
class ModelVersion:
    """One published model, verified against the checksums in its manifest."""

    name: str
    version: str
    manifest: dict[str, Any]
    model: bytes
    golden: dict[str, Any]


def version_of(model: bytes) -> str:
    return sha256_hex(model)[:VERSION_LENGTH]


def sha256_hex(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def check_name(name: str, what: str) -> None:
    if not NAME_PATTERN.fullmatch(name):
        raise TrainingError(
            f"{name!r} is not a valid {what} name: use 1 to 64 of a-z, 0-9, - and _, beginning with a letter."
        )


def check_alias(alias: str) -> None:
    check_name(alias, "alias")
    if VERSION_PATTERN.fullmatch(alias):
        raise TrainingError(f"{alias} looks like a version and cannot be an alias.")


def compose_manifest(name: str, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The manifest and its text. `facts` are its entries besides name, version and files."""
    check_name(name, "model")
    manifest = {
        "name": name,
        "version": version_of(files[MODEL_FILE]),
        **facts,
        "files": {file: sha256_hex(content) for file, content in files.items()},
    }
    return manifest, (json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def compose_move(name: str, alias: str, to: str, from_version: str | None, options: MoveOptions) -> Move:
    """Raises TrainingError if the alias does not point to the expected version."""
    expect = options.expect
    if not isinstance(expect, Anything) and expect != from_version:
        raise TrainingError(
            f'The alias "{alias}" of model {name} points to {from_version or "no version"} instead of '
            f"{expect or 'no version'}: another user moved it. Check the alias, then try again "
            "if necessary."
        )
    return Move(
        alias=alias,
        from_version=from_version,
        to=to,
        at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        by=(options.by or user_name())[:BY_CHARACTERS_MAX],
        why=None if options.why is None else options.why[:WHY_CHARACTERS_MAX],
        is_rollback=False,
    )


def parse_move(entries: Mapping[str, Any], source: str) -> Move:
    try:
        return Move(
            alias=entries["alias"],
            from_version=entries["from"],
            to=entries["to"],
            at=entries["at"],
            by=entries["by"],
            why=entries["why"],
            is_rollback=entries["is_rollback"],
        )
    except (KeyError, TypeError) as error:
        raise TrainingError(f"{source} is not a record of an alias move: {error!r}.") from error


def check_same_meaning(there: Mapping[str, Any], given: Mapping[str, Any], where: str) -> None:
    for key in ("feature_spec_version", "features", "input", "output"):
        if there.get(key) != given.get(key):
            raise TrainingError(
                f'{where} contains the same model with a different value of "{key}"; it was not changed.'
            )


def verified_version(name: str, version: str, files: Mapping[str, bytes]) -> ModelVersion:
    """The version of these files. Raises TrainingError if a file is missing or was changed after publication."""
    what = f"Model {name} {version}"
    for file in (MANIFEST_FILE, MODEL_FILE, GOLDEN_FILE):
        if file not in files:
            raise TrainingError(f"{what}: {file} is missing.")
    manifest = _parse(files[MANIFEST_FILE], f"{what}: {MANIFEST_FILE}")
    if (manifest.get("name"), manifest.get("version")) != (name, version):
        raise TrainingError(f"{what}: {MANIFEST_FILE} belongs to another model.")
    for file, content in files.items():
        if file != MANIFEST_FILE and manifest["files"].get(file) != sha256_hex(content):
            raise TrainingError(f"{what}: {file} differs from the published file (SHA-256).")
    if version_of(files[MODEL_FILE]) != version:
        raise TrainingError(f"{what}: the version does not match the content of {MODEL_FILE}.")
    golden = _parse(files[GOLDEN_FILE], f"{what}: {GOLDEN_FILE}")
    return ModelVersion(name, version, manifest, files[MODEL_FILE], golden)


def read_files(folder: Path) -> dict[str, bytes]:
    """The existing files of a version."""
    paths = (folder / file for file in (MANIFEST_FILE, MODEL_FILE, GOLDEN_FILE))
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


def _parse(content: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError as error:
        raise TrainingError(f"{what} is not valid JSON; it may be truncated.") from error
    if not isinstance(value, dict):
        raise TrainingError(f"{what} is not a JSON object.")
    return value


def user_name() -> str:
    """Containers often run as a user without a name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
