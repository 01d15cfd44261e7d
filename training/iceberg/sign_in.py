"""Signs in to Postgres with tokens of the cloud's identity instead of a password, like the services."""

from collections.abc import Callable, Mapping
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

Token = Callable[[str, int, str], str]
"""Returns a token for a host, port and user."""


Listener = Callable[[object, object, object, dict[str, Any]], None]


def sign_in(variables: Mapping[str, str]) -> Listener | None:
    """Makes each new connection of this process use a new token, if POSTGRES_AUTH is not `none`.

    POSTGRES_CA_FILE names the authority of the server's certificate. Default: public authorities.

    Returns:
        The listener of SQLAlchemy's event `do_connect`.

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
        port = int(given.get("port") or 5432)
        given["password"] = token(str(given["host"]), port, str(given["user"]))
        # A token must reach only the database that it is for.
        given["sslmode"] = "verify-full"
        given["sslrootcert"] = variables.get("POSTGRES_CA_FILE") or certifi.where()

    event.listen(Engine, "do_connect", use_token)
    return use_token


def _aws_token(host: str, port: int, user: str) -> str:
    region = host.split(".")[-4]  # NAME.ID.REGION.rds.amazonaws.com
    return str(boto3.client("rds", region_name=region).generate_db_auth_token(host, port, user))


def _google_token(_host: str, _port: int, _user: str) -> str:
    credentials, _project = google.auth.default(scopes=[GOOGLE_SCOPE])
    credentials.refresh(Request())
    return str(credentials.token)


def _entra_token(_host: str, _port: int, _user: str) -> str:
    return DefaultAzureCredential().get_token(ENTRA_SCOPE).token


TOKENS: dict[str, Token] = {"aws-iam": _aws_token, "gcp-iam": _google_token, "azure-entra": _entra_token}
