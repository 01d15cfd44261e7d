import multiprocessing
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from tripline_training.errors import TrainingError
from tripline_training.registry import registry
from tripline_training.registry.history import make_move
from tripline_training.registry.names import MOVES_KEPT, Move, compose_move

FACTS: dict[str, Any] = {"features": ["amount"], "feature_spec_version": 1}
WAIT_SECONDS_MAX = 60


def publish(root: Path, text: str) -> str:
    version, _ = registry.publish(root, "fraud", {"model.onnx": text.encode(), "golden.json": b"{}"}, FACTS)
    return version


def brief(root: Path) -> list[tuple[str | None, str]]:
    return [(move.from_version, move.to) for move in registry.history(root, "fraud")]


def test_the_history_records_who_moved_which_alias_and_why(tmp_path: Path) -> None:
    one, two = publish(tmp_path, "one"), publish(tmp_path, "two")
    registry.set_alias(tmp_path, "fraud", "champion", one)
    options = registry.MoveOptions(by="retraining", why="better on March")
    move = registry.set_alias(tmp_path, "fraud", "champion", two, options)
    assert brief(tmp_path) == [(None, one), (one, two)]
    assert registry.history(tmp_path, "fraud")[1] == move
    assert (move.by, move.why, move.is_rollback) == ("retraining", "better on March", False)
    assert registry.history(tmp_path, "fraud")[0].by != ""


def test_an_alias_moves_only_from_the_expected_version(tmp_path: Path) -> None:
    one, two = publish(tmp_path, "one"), publish(tmp_path, "two")
    with pytest.raises(TrainingError, match=f"points to no version instead of {one}"):
        registry.set_alias(tmp_path, "fraud", "champion", two, registry.MoveOptions(expect=one))
    registry.set_alias(tmp_path, "fraud", "champion", one, registry.MoveOptions(expect=None))
    with pytest.raises(TrainingError, match=f"points to {one} instead of no version"):
        registry.set_alias(tmp_path, "fraud", "champion", two, registry.MoveOptions(expect=None))
    assert registry.alias_target(tmp_path, "fraud", "champion") == one
    assert len(brief(tmp_path)) == 1


def test_the_history_is_bounded(tmp_path: Path) -> None:
    one, two = publish(tmp_path, "one"), publish(tmp_path, "two")
    for count in range(MOVES_KEPT + 2):
        registry.set_alias(tmp_path, "fraud", "champion", (one, two)[count % 2])
    assert len(brief(tmp_path)) == MOVES_KEPT == len(list((tmp_path / "models/fraud/history").iterdir()))


def _hang(root: Path, to: str, is_written: bool, sent: Connection) -> None:
    """Moves an alias and hangs before or after writing it."""
    alias = root / "models/fraud/aliases/champion"

    def write(version: str) -> None:
        if is_written:
            alias.write_text(version)
        sent.send("hanging")
        signal.pause()

    def compose(current: str | None) -> Move:
        return compose_move("fraud", "champion", to, current, registry.MoveOptions())

    make_move(root / "models/fraud/history", lambda: alias.read_text().strip(), write, compose)


@pytest.mark.parametrize("is_written", [False, True])
def test_a_process_killed_during_a_move_does_not_block_others(tmp_path: Path, is_written: bool) -> None:
    one, two, three = (publish(tmp_path, text) for text in ("one", "two", "three"))
    registry.set_alias(tmp_path, "fraud", "champion", one)
    received, sent = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_hang, args=(tmp_path, two, is_written, sent))
    process.start()
    assert received.poll(WAIT_SECONDS_MAX)
    process.kill()
    process.join(WAIT_SECONDS_MAX)
    now = two if is_written else one
    lost = [(one, two)] if is_written else []
    assert registry.alias_target(tmp_path, "fraud", "champion") == now
    assert brief(tmp_path) == [(None, one), *lost]
    assert registry.set_alias(tmp_path, "fraud", "champion", three).from_version == now
    assert brief(tmp_path) == [(None, one), *lost, (now, three)]


@pytest.mark.parametrize("alias_or_version", ["champion", None])
def test_resolve_returns_the_published_files(tmp_path: Path, alias_or_version: str | None) -> None:
    one = publish(tmp_path, "one")
    registry.set_alias(tmp_path, "fraud", "champion", one)
    found = registry.resolve(tmp_path, "fraud", alias_or_version or one)
    assert (found.version, found.model, found.golden) == (one, b"one", {})
    assert found.manifest["features"] == ["amount"]


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("model.onnx", b"onf", "model.onnx differs from the published file"),
        ("golden.json", b"[]", "golden.json differs from the published file"),
        ("model.json", b"{", "model.json is not valid JSON"),
        ("model.onnx", None, "model.onnx is missing"),
    ],
)
def test_resolve_rejects_damaged_files(tmp_path: Path, file: str, content: bytes | None, sentence: str) -> None:
    one = publish(tmp_path, "one")
    path = tmp_path / "models/fraud/versions" / one / file
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrainingError, match=sentence):
        registry.resolve(tmp_path, "fraud", one)
    with pytest.raises(TrainingError, match="has no version 000000000000"):
        registry.resolve(tmp_path, "fraud", "0" * 12)
