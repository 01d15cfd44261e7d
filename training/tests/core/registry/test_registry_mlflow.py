"""Requests and errors of the MLflow client. packages/model-registry has the tests with a real MLflow server."""

import base64
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tripline_training.errors import TrainingError
from tripline_training.registry import registry
from tripline_training.registry.names import RegistryCallError

BASIC = f"Basic {base64.b64encode(b'ada:secret').decode()}"


@dataclass
class Server:
    """Answers every request with one status and no content."""

    port: int = 0
    status: int = 401
    authorizations: list[str | None] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("TOKEN", "USERNAME", "PASSWORD"):
        # Saved, so that variables set by the registry are removed again.
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "")
    given = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given.authorizations.append(self.headers["Authorization"])
            self.send_response(given.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        given.port = http.server_port
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield given
        http.shutdown()


@pytest.mark.parametrize(
    ("in_url", "environment", "header"),
    [
        ("ada:secret@", {}, BASIC),
        ("", {"USERNAME": "ada", "PASSWORD": "secret"}, BASIC),
        ("", {"TOKEN": "secret"}, "Bearer secret"),
        ("other:password@", {"TOKEN": "secret"}, "Bearer secret"),
        ("", {}, None),
    ],
)
def test_credentials_are_sent_and_never_printed(
    server: Server, monkeypatch: pytest.MonkeyPatch, in_url: str, environment: dict[str, str], header: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    store = registry.registry_root(f"mlflow+http://{in_url}127.0.0.1:{server.port}")
    with pytest.raises(TrainingError, match="rejects these credentials: set MLFLOW_TRACKING_TOKEN, or") as refused:
        registry.alias_target(store, "fraud", "champion")
    assert server.authorizations == [header]
    assert "secret" not in str(refused.value)


def test_retries_a_transient_error_three_times(server: Server) -> None:
    server.status = 503
    store = registry.registry_root(f"mlflow+http://127.0.0.1:{server.port}")
    with pytest.raises(RegistryCallError, match=r"^MLflow at http://127\.0\.0\.1:\d+ cannot be reached: .*503.*\.$"):
        registry.alias_target(store, "fraud", "champion")
    assert len(server.authorizations) == 3


@pytest.mark.usefixtures("server")
def test_reports_an_unreachable_server_in_one_sentence() -> None:
    # Nothing listens on the port of discarded data.
    store = registry.registry_root("mlflow+http://ada:secret@127.0.0.1:9")
    with pytest.raises(RegistryCallError, match=r"^MLflow at http://127\.0\.0\.1:9 cannot be reached: .*refused\.$"):
        registry.alias_target(store, "fraud", "champion")
