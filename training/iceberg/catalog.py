"""The catalog of the Iceberg tables, and the locations at which readers find the lake."""

import os
import re
from contextlib import suppress
from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from iceberg.lake_log import PublishError

CATALOG = "tripline"
NAMESPACE = "tripline"
FOLDER = "_iceberg"
"""The lake's folder for the tables' metadata. Readers of the lake ignore names that start with an underscore."""

TRIES_MAX = 5
AZURE_ADDRESS = re.compile(r"https://([a-z0-9]+)\.blob\.core\.windows\.net/([^/?#]+)/?(.*)")
"""Azure's own URL of a container."""


def open_catalog(url: str, lake: str) -> SqlCatalog:
    """Opens the catalog, and creates it if it does not exist.

    Args:
        url: `sqlite:///path` or `postgresql://user:password@host/database`.
        lake: from `lake_location`.

    Raises:
        PublishError: if the database is unavailable.
    """
    driver = url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+psycopg2://", 1)
    if driver.startswith("sqlite:///"):
        Path(driver.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, TRIES_MAX + 1):
        try:
            _create_schema(driver)
            catalog = SqlCatalog(CATALOG, uri=driver, warehouse=f"{lake}/{FOLDER}", **_io_properties())
            _create_namespace(catalog)
        except SQLAlchemyError as error:
            # Two publishers may create its tables at the same time.
            if attempt == TRIES_MAX:
                raise PublishError(f"The catalog is unavailable: {str(error).splitlines()[0]}") from error
        else:
            return catalog
    raise AssertionError


def _create_schema(driver: str) -> None:
    """In Postgres, a user who may not create tables in the default schema gets a schema with the user's name."""
    if not driver.startswith("postgresql"):
        return
    engine = create_engine(driver)
    try:
        with engine.begin() as connection:
            if not connection.scalar(text("SELECT has_schema_privilege(current_schema(), 'CREATE')")):
                connection.execute(text("CREATE SCHEMA IF NOT EXISTS AUTHORIZATION CURRENT_USER"))
    finally:
        engine.dispose()


def _create_namespace(catalog: SqlCatalog) -> None:
    with suppress(NamespaceAlreadyExistsError):
        catalog.create_namespace_if_not_exists(NAMESPACE)


def lake_location(lake: str) -> str:
    """The URL at which Iceberg readers find the lake. Accepts a folder and the URLs that other commands accept."""
    scheme, separator, rest = lake.partition("://")
    if separator == "":
        return f"file://{Path(lake).resolve()}"
    azure = AZURE_ADDRESS.fullmatch(lake)
    if azure is not None:
        return f"abfss://{azure[2]}@{azure[1]}.dfs.core.windows.net/{azure[3]}".rstrip("/")
    if scheme == "azblob":
        account = _azure_account()
        container, _, prefix = rest.partition("/")
        return f"abfss://{container}@{account}.dfs.core.windows.net/{prefix}".rstrip("/")
    if scheme not in ("file", "s3", "gs"):
        raise PublishError(f"The lake {lake} has an unknown scheme: specify a folder, s3://, gs:// or azblob://.")
    return lake.rstrip("/")


def _azure_account() -> str:
    connection = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    if connection == "":
        account = os.environ.get("AZURE_STORAGE_ACCOUNT", "")
        if account == "":
            raise PublishError(
                "AZURE_STORAGE_ACCOUNT is not set: name the storage account, or set AZURE_STORAGE_CONNECTION_STRING."
            )
        return account
    for part in connection.split(";"):
        name, _, value = part.partition("=")
        if name.strip().lower() == "accountname" and value != "":
            return value.strip()
    raise PublishError("AZURE_STORAGE_CONNECTION_STRING contains no AccountName: add it.")


def _io_properties() -> dict[str, str]:
    """The libraries get credentials as the other services do: from workload identity or environment variables."""
    names = {
        "AWS_ENDPOINT_URL_S3": "s3.endpoint",
        "AWS_REGION": "s3.region",
        "AZURE_STORAGE_ACCOUNT": "adls.account-name",
        "AZURE_STORAGE_CONNECTION_STRING": "adls.connection-string",
    }
    return {name: os.environ[variable] for variable, name in names.items() if os.environ.get(variable)}
