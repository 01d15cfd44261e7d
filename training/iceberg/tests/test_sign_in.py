from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine

from iceberg import sign_in as module
from iceberg.lake_log import PublishError
from iceberg.sign_in import TOKENS, sign_in

HOST = "tripline.a1b2.eu-central-1.rds.amazonaws.com"


def connect(url: str) -> dict[str, Any]:
    """The arguments with which the driver would connect."""
    seen: dict[str, Any] = {}

    def stop(_dialect: object, _record: object, _arguments: object, given: dict[str, Any]) -> object:
        seen.update(given)
        return SimpleNamespace()

    engine = create_engine(url)
    event.listen(engine, "do_connect", stop)
    with pytest.raises(Exception):  # noqa: B017 - the connection is not real
        engine.connect()
    return seen


def test_each_connection_uses_a_new_token_over_verified_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = iter(["one", "two"])
    monkeypatch.setitem(module.TOKENS, "gcp-iam", lambda _host, _port, _user: next(tokens))
    listener = sign_in({"POSTGRES_AUTH": "gcp-iam", "POSTGRES_CA_FILE": "/ca.crt"})
    assert listener is not None
    url = "postgresql+psycopg2://iceberg%40acme.iam@db.example/tripline"
    try:
        first = connect(url)
        assert (first["user"], first["password"]) == ("iceberg@acme.iam", "one")
        assert (first["sslmode"], first["sslrootcert"]) == ("verify-full", "/ca.crt")
        assert connect(url)["password"] == "two"
        with create_engine("sqlite://").connect():
            pass
    finally:
        event.remove(Engine, "do_connect", listener)


def test_a_token_for_rds_names_the_host_and_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    address, _, query = TOKENS["aws-iam"](HOST, 5432, "iceberg").partition("/?")
    given = parse_qs(query)
    assert address == f"{HOST}:5432"
    assert (given["Action"], given["DBUser"]) == (["connect"], ["iceberg"])
    assert "/eu-central-1/rds-db/" in given["X-Amz-Credential"][0]


def test_without_a_cloud_the_password_of_the_url_is_used() -> None:
    sign_in({})
    given = connect("postgresql+psycopg2://iceberg:secret@db.example/tripline")
    assert given["password"] == "secret"
    assert "sslmode" not in given


def test_an_unknown_kind_is_rejected() -> None:
    with pytest.raises(PublishError, match="POSTGRES_AUTH is kerberos: set it to none, aws-iam"):
        sign_in({"POSTGRES_AUTH": "kerberos"})
