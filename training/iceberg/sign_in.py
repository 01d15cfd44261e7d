"""Signs in to Postgres with tokens of the cloud's identity instead of a password, like the services."""

import os
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any

import boto3
import certifi
import google.auth
from azure.identity import DefaultAzureCredential
from google.auth.transport.requests import Request
from sqlalchemy import event
from sqlalchemy.engine import Engine

from iceberg.lake_log import PublishError

GOOGLE_SCOPE = "https://www.googleapis.com/auth/sqlservice.login"
ENTRA_SCOPE = "https://ossrdbms-aad.database.windows.net/.default"
RDS_HOST = re.compile(r".+\.([a-z]{2}(?:-[a-z]+)+-\d)\.rds\.amazonaws\.com")

Token = Callable[[str, int, str], str]
"""Returns a token for a host, port and user."""


Listener = Callable[[object, object, object, dict[str, Any]], None]


def sign_in(variables: Mapping[str, str]) -> Listener | None:
    """Makes each new connection of this process use a new token, if POSTGRES_AUTH is not `none`.

    POSTGRES_CA_FILE names the authority of the server's certificate. Default: public authorities.

    Returns:
        The listener of SQLAlchemy's event `do_connect`. It raises PublishError if there is no token.

    Raises:
        PublishError: if POSTGRES_AUTH is unknown.
    """
    kind = variables.get("POSTGRES_AUTH", "none")
    if kind == "none":
        return None
    if kind not in TOKENS:
        raise PublishError(f"POSTGRES_AUTH is {kind}: set it to none, {', '.join(TOKENS)}.")
    token = TOKENS[kind]

    def use_token(_dialect: object, _record: object, _arguments: object, given: dict[str, Any]) -> None:
        if "host" not in given:
            return  # A SQLite file.
        host = str(given["host"])
        port = int(given.get("port") or 5432)
        try:
            given["password"] = token(host, port, str(given["user"]))
        except PublishError:
            raise
        except Exception as error:
            reason = " ".join(f"{error}".split()) or type(error).__name__
            raise PublishError(f"There is no {kind} token for the catalog: {reason}") from error
        authority = variables.get("POSTGRES_CA_FILE")
        # A token must reach only the database that it is for. Cloud SQL has its own authority, and its certificate does
        # not contain the IP address that clients connect to.
        is_own = kind == "gcp-iam" and authority and _is_address(host)
        given["sslmode"] = "verify-ca" if is_own else "verify-full"
        given["sslrootcert"] = authority or certifi.where()

    event.listen(Engine, "do_connect", use_token)
    return use_token


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _aws_token(host: str, port: int, user: str) -> str:
    found = RDS_HOST.fullmatch(host)
    region = found[1] if found else os.environ.get("AWS_REGION")
    if not region:
        raise PublishError(f"The host {host} does not contain its region: set AWS_REGION.")
    return str(boto3.client("rds", region_name=region).generate_db_auth_token(host, port, user))


def _google_token(_host: str, _port: int, _user: str) -> str:
    credentials, _project = google.auth.default(scopes=[GOOGLE_SCOPE])
    credentials.refresh(Request())
    return str(credentials.token)


def _entra_token(_host: str, _port: int, _user: str) -> str:
    return DefaultAzureCredential().get_token(ENTRA_SCOPE).token


TOKENS: dict[str, Token] = {"aws-iam": _aws_token, "gcp-iam": _google_token, "azure-entra": _entra_token}
