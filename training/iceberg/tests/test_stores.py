"""Lakes in object stores."""

import json
import subprocess
from pathlib import Path
from subprocess import PIPE

import pytest
from azure.storage.blob import BlobServiceClient
from moto.server import ThreadedMotoServer
from pyarrow.fs import S3FileSystem, copy_files
from pyiceberg.table import Table

from iceberg.catalog import lake_location, open_catalog
from iceberg.lake_log import PublishError
from iceberg.publish import catalog_url, publish_all
from iceberg.tables import Limits, table_name
from iceberg.tests.lake import DAYS, TOPIC, Lake, offsets

ROOT = Path(__file__).resolve().parents[3]
NODE = ROOT / "node_modules" / ".bin" / "node"
AZURITE = ROOT / "packages" / "object-store" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's documented default account."""


def test_a_lake_in_a_bucket_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path / "lake")
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    try:
        for name, value in {
            "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }.items():
            monkeypatch.setenv(name, value)
        store = S3FileSystem(endpoint_override=f"http://{host}:{port}", region="us-east-1", allow_bucket_creation=True)
        store.create_dir("lakes")
        location = lake_location("s3://lakes/one")
        catalog = open_catalog(f"sqlite:///{tmp_path}/catalog.db", location)

        def publish_copy() -> Table:
            copy_files(str(lake.folder), "lakes/one", destination_filesystem=store)
            assert publish_all(catalog, location, [TOPIC], Limits(), noted=True) is None
            return catalog.load_table(table_name(TOPIC))

        lake.add()
        lake.add()
        assert offsets(publish_copy()) == list(range(8))
        lake.compact(DAYS[0])
        table = publish_copy()
        assert offsets(table) == list(range(8))
        assert table.metadata_location.startswith("s3://lakes/one/_iceberg/")
        with store.open_input_stream("lakes/one/_jobs/publication.json") as note:
            assert json.loads(note.read())["failure"] is None
    finally:
        server.stop()


def test_a_lake_in_azure_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path / "lake")
    flags = ["--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--disableTelemetry"]
    server = subprocess.Popen([NODE, AZURITE, *flags], stdin=PIPE, stdout=PIPE, text=True)
    try:
        assert server.stdout is not None
        endpoint = next(line.split()[-1] for line in server.stdout if "listens on http" in line)
        connection = f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};BlobEndpoint={endpoint}/{ACCOUNT};"
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection)
        store = BlobServiceClient.from_connection_string(connection).create_container("lakes")
        lake.add()
        lake.add()
        for path in lake.topic.rglob("*.*"):
            store.upload_blob(f"one/{path.relative_to(lake.folder)}", path.read_bytes())
        location = lake_location("azblob://lakes/one")
        assert location == f"abfss://lakes@{ACCOUNT}.dfs.core.windows.net/one"
        catalog = open_catalog(f"sqlite:///{tmp_path}/catalog.db", location)
        assert publish_all(catalog, location, [TOPIC], Limits(), noted=True) is None
        assert offsets(catalog.load_table(table_name(TOPIC))) == list(range(8))
        assert json.loads(store.download_blob("one/_jobs/publication.json").readall())["tables"] == 1
    finally:
        server.kill()
        server.wait()


def test_the_address_of_a_container_in_azure_is_a_lake() -> None:
    assert lake_location("https://acme.blob.core.windows.net/lake") == "abfss://lake@acme.dfs.core.windows.net"
    assert lake_location("https://acme.blob.core.windows.net/lake/a/b/") == "abfss://lake@acme.dfs.core.windows.net/a/b"


@pytest.mark.parametrize(
    ("lake", "words"),
    [("ftp://x/lake", "has an unknown scheme"), ("azblob://c/lake", "AZURE_STORAGE_ACCOUNT is not set")],
)
def test_an_invalid_lake_is_explained(lake: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_CONNECTION_STRING"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PublishError, match=words):
        lake_location(lake)


def test_a_bucket_needs_a_catalog() -> None:
    with pytest.raises(PublishError, match="set ICEBERG_CATALOG_URL"):
        catalog_url(None, "s3://bucket/lake")
