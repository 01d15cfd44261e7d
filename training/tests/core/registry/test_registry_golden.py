"""packages/model-registry/golden: what both registries write and reject, byte for byte."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tripline_training.errors import TrainingError
from tripline_training.registry import registry

GOLDEN = Path(__file__).parents[4] / "packages/model-registry/golden"
STEPS: dict[str, Any] = json.loads((GOLDEN / "steps.json").read_text(encoding="utf-8"))
NAME: str = STEPS["name"]


def publish(root: Path, publication: dict[str, Any], facts: dict[str, Any] | None = None) -> str:
    files = {file: text.encode() for file, text in publication["files"].items()}
    version, _ = registry.publish(root, NAME, files, {**publication["facts"], **(facts or {})})
    return version


def tree(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): same_run(path.read_bytes().decode()) for path in files}


def same_run(text: str) -> str:
    """Removes what differs between runs: time, host and process of a move."""
    text = re.sub(r'"at":"[\dT:.-]+Z"', '"at":"2026-03-01T00:00:00.000Z"', text)
    return re.sub(r'"host":"[^"]*","process":\d+', '"host":"host","process":1', text)


def test_writes_the_same_registry_as_typescript(tmp_path: Path) -> None:
    versions = [publish(tmp_path, publication) for publication in STEPS["publications"]]
    for move in STEPS["moves"]:
        options = registry.MoveOptions(by=move["by"], why=move["why"])
        registry.set_alias(tmp_path, NAME, move["alias"], versions[move["publication"]], options)
    assert tree(tmp_path) == tree(GOLDEN / "registry")


def test_reads_the_same_registry_as_typescript() -> None:
    store = GOLDEN / "registry"
    versions = [registry.resolve(store, NAME, move["alias"]).version for move in STEPS["moves"]]
    assert versions[0] == versions[2] == registry.alias_target(store, NAME, "champion")
    wanted = [(move["alias"], move["by"], move["why"]) for move in STEPS["moves"]]
    assert [(move.alias, move.by, move.why) for move in registry.history(store, NAME)] == wanted


def test_rejects_the_same_publications_as_typescript(tmp_path: Path) -> None:
    publication = STEPS["publications"][0]
    version = publish(tmp_path, publication)
    before = tree(tmp_path)
    for facts in STEPS["refused"]["otherMeanings"]:
        with pytest.raises(TrainingError, match="a different value of"):
            publish(tmp_path, publication, facts)
    for alias in [*STEPS["refused"]["aliases"], *STEPS["refused"]["names"]]:
        with pytest.raises(TrainingError):
            registry.set_alias(tmp_path, NAME, alias, version)
    for name in STEPS["refused"]["names"]:
        with pytest.raises(TrainingError):
            registry.publish(tmp_path, name, {"model.onnx": b"", "golden.json": b"{}"}, publication["facts"])
    assert tree(tmp_path) == before
