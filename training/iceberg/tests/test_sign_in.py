from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine

from iceberg import sign_in as module
from iceberg.catalog import open_catalog
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


@contextmanager
def signed_in(variables: dict[str, str]) -> Iterator[None]:
    listener = sign_in(variables)
    assert listener is not None
    try:
        yield
    finally:
        event.remove(Engine, "do_connect", listener)


def test_each_connection_uses_a_new_token_over_verified_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = iter(["one", "two"])
    monkeypatch.setitem(module.TOKENS, "gcp-iam", lambda _host, _port, _user: next(tokens))
    url = "postgresql+psycopg2://iceberg%40acme.iam@db.example/tripline"
    with signed_in({"POSTGRES_AUTH": "gcp-iam", "POSTGRES_CA_FILE": "/ca.crt"}):
        first = connect(url)
        assert (first["user"], first["password"]) == ("iceberg@acme.iam", "one")
        assert (first["sslmode"], first["sslrootcert"]) == ("verify-full", "/ca.crt")
        assert connect(url)["password"] == "two"
        with create_engine("sqlite://").connect():
            pass


def test_a_token_for_rds_names_the_host_and_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    address, _, query = TOKENS["aws-iam"](HOST, 5432, "iceberg").partition("/?")
    given = parse_qs(query)
    assert address == f"{HOST}:5432"
    assert (given["Action"], given["DBUser"]) == (["connect"], ["iceberg"])
    assert "/eu-central-1/rds-db/" in given["X-Amz-Credential"][0]


# regression #29
def test_the_region_of_another_host_is_in_aws_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_REGION", raising=False)
    for host in ("catalog.internal", "10.0.0.5"):
        with pytest.raises(PublishError, match=f"The host {host} does not contain its region: set AWS_REGION"):
            TOKENS["aws-iam"](host, 5432, "iceberg")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert "%2Feu-west-1%2Frds-db%2F" in TOKENS["aws-iam"]("catalog.internal", 5432, "iceberg")


# regression #29
@pytest.mark.parametrize(
    ("kind", "host", "authority", "mode"),
    [
        ("gcp-iam", "10.1.2.3", "/ca.crt", "verify-ca"),
        ("gcp-iam", "10.1.2.3", "", "verify-full"),
        ("gcp-iam", "db.example", "/ca.crt", "verify-full"),
        ("aws-iam", "10.1.2.3", "/ca.crt", "verify-full"),
    ],
)
def test_only_cloud_sql_is_reached_by_its_address(
    monkeypatch: pytest.MonkeyPatch, kind: str, host: str, authority: str, mode: str
) -> None:
    monkeypatch.setitem(module.TOKENS, kind, lambda _host, _port, _user: "one")
    with signed_in({"POSTGRES_AUTH": kind, "POSTGRES_CA_FILE": authority}):
        assert connect(f"postgresql+psycopg2://iceberg@{host}/tripline")["sslmode"] == mode


# regression #29
def test_a_token_that_cannot_be_obtained_is_a_failure_that_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_host: str, _port: int, _user: str) -> str:
        raise RuntimeError("the metadata server\nis unavailable")

    monkeypatch.setitem(module.TOKENS, "azure-entra", refuse)
    expected = "There is no azure-entra token for the catalog: the metadata server is unavailable"
    with signed_in({"POSTGRES_AUTH": "azure-entra"}), pytest.raises(PublishError, match=expected):
        open_catalog("postgresql://iceberg@db.example/tripline", "s3://bucket/lake")


def test_without_a_cloud_the_password_of_the_url_is_used() -> None:
    sign_in({})
    given = connect("postgresql+psycopg2://iceberg:secret@db.example/tripline")
    assert given["password"] == "secret"
    assert "sslmode" not in given


def test_an_unknown_kind_is_rejected() -> None:
    with pytest.raises(PublishError, match="POSTGRES_AUTH is kerberos: set it to none, aws-iam"):
        sign_in({"POSTGRES_AUTH": "kerberos"})
