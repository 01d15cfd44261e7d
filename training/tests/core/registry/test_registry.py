import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tripline_training.errors import TrainingError
from tripline_training.registry import registry
from tripline_training.registry import write as registry_write

FACTS: dict[str, Any] = {"features": ["amount"], "feature_spec_version": 1}
FILES = {"model.onnx": b"model", "golden.json": b"{}"}
VERSION = registry.version_of(b"model")


def test_publishes_the_layout_that_services_read(tmp_path: Path) -> None:
    version, published = registry.publish(tmp_path, "fraud", FILES, FACTS)
    registry.set_alias(tmp_path, "fraud", "champion", version)
    folder = Path(published)
    # printf model | sha256sum
    assert version == "9372c470eead"
    assert folder == tmp_path / "models" / "fraud" / "versions" / version
    manifest = json.loads((folder / "model.json").read_text())
    assert manifest["name"] == "fraud"
    assert manifest["version"] == version == manifest["files"]["model.onnx"][:12]
    assert set(manifest["files"]) == {"model.onnx", "golden.json"}
    assert (tmp_path / "models" / "fraud" / "aliases" / "champion").read_text() == f"{version}\n"
    assert {path.name for path in folder.parent.iterdir()} == {version}
    assert {path.name for path in (tmp_path / "models" / "fraud" / "aliases").iterdir()} == {"champion"}


def test_a_version_never_changes(tmp_path: Path) -> None:
    _, published = registry.publish(tmp_path, "fraud", FILES, {**FACTS, "created_at": "first"})
    folder = Path(published)
    registry.publish(tmp_path, "fraud", FILES, {**FACTS, "created_at": "second"})
    assert json.loads((folder / "model.json").read_text())["created_at"] == "first"
    with pytest.raises(TrainingError, match='a different value of "features"'):
        registry.publish(tmp_path, "fraud", FILES, {**FACTS, "features": ["other"]})
    assert {path.name for path in folder.parent.iterdir()} == {VERSION}


def test_a_failed_publication_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = registry_write.write_durably

    def fail_at_manifest(path: Path, content: bytes) -> None:
        if path.name == "model.json":
            raise OSError("disk full")
        original(path, content)

    monkeypatch.setattr(registry_write, "write_durably", fail_at_manifest)
    with pytest.raises(OSError, match="disk full"):
        registry.publish(tmp_path, "fraud", FILES, FACTS)
    assert list((tmp_path / "models" / "fraud" / "versions").iterdir()) == []


def test_readers_never_see_an_incomplete_version(tmp_path: Path) -> None:
    versions = tmp_path / "models" / "fraud" / "versions"
    stop = threading.Event()
    torn: list[str] = []

    def watch() -> None:
        while not stop.is_set():
            found = [path for path in versions.glob("*") if registry.VERSION_PATTERN.fullmatch(path.name)]
            torn.extend(path.name for path in found if len(list(path.iterdir())) != 3)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for count in range(100):
        registry.publish(tmp_path, "fraud", {**FILES, "model.onnx": str(count).encode()}, FACTS)
    stop.set()
    watcher.join()
    assert torn == []


def test_an_alias_names_only_existing_versions(tmp_path: Path) -> None:
    registry.publish(tmp_path, "fraud", FILES, FACTS)
    with pytest.raises(TrainingError, match="has no version"):
        registry.set_alias(tmp_path, "fraud", "champion", "0" * 12)
    with pytest.raises(TrainingError, match="cannot be an alias"):
        registry.set_alias(tmp_path, "fraud", "a" * 12, VERSION)


@pytest.mark.parametrize("name", ["", "Fraud", "../up", "1st", "a/b"])
def test_rejects_names_that_leave_their_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(TrainingError, match="is not a valid model name"):
        registry.publish(tmp_path, name, FILES, FACTS)


@pytest.mark.parametrize("url", ["/models", "http://host/models", "file://host/models", "file:models"])
def test_rejects_unsupported_urls(url: str) -> None:
    with pytest.raises(TrainingError, match="is not a valid registry URL"):
        registry.registry_root(url)


def test_reads_a_url_with_a_space() -> None:
    assert registry.registry_root("file:///a%20b") == Path("/a b")
