"""Reads and pushes features with the unmodified Feast SDK, and sends the same requests to Feast's own feature server.

Standard input is one JSON object, standard output another; both are described in feast-sdk.test.ts.
"""

import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import requests
import uvicorn
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, PushSource, ValueType
from feast.feature_server import get_app
from feast.online_response import OnlineResponse
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.types import Float64, Int64

START_SECONDS_MAX = 30
TYPES = {"double": Float64, "integer": Int64}

STORE = """
project: tripline
provider: local
registry: {folder}/registry.db
entity_key_serialization_version: 3
online_store: {online_store}
auth: {auth}
"""


def open_store(online_store: dict, views: list[dict], auth: dict | None = None) -> FeatureStore:
    """Creates a separate repository with the views and a service that has all window features."""
    folder = tempfile.mkdtemp(dir=os.environ["SCRATCH"])
    settings = {"online_store": online_store, "auth": auth or {"type": "no_auth"}}
    text = STORE.format(folder=folder, **{name: json.dumps(value) for name, value in settings.items()})
    Path(folder, "feature_store.yaml").write_text(text, encoding="utf-8")
    store = FeatureStore(repo_path=folder)
    store.apply(make_objects(views, folder))
    return store


def make_objects(views: list[dict], folder: str) -> list:
    entities: dict[str, Entity] = {}
    made = []
    for view in views:
        key = view["join_key"]
        entities.setdefault(key, Entity(name=key, join_keys=[key], value_type=ValueType.STRING))
        name = view["name"]
        batch = FileSource(name=f"{name}_batch", path=f"{folder}/none.parquet", timestamp_field="event_timestamp")
        made.append(
            FeatureView(
                name=name,
                entities=[entities[key]],
                ttl=timedelta(days=30),
                schema=[Field(name=feature, dtype=TYPES[kind]) for feature, kind in view["features"].items()],
                source=PushSource(name=f"{name}_push", batch_source=batch),
            )
        )
    windows = [view for view in made if view.name.endswith("_windows")]
    return [*entities.values(), *made, FeatureService(name="fraud_features", features=windows)]


def content_of(response: OnlineResponse) -> dict:
    """The content of an SDK response, with the status and the type of every value."""
    values = response.to_dict()
    proto = response.proto
    return {
        name: {
            "values": values[name],
            "types": [value.WhichOneof("val") for value in vector.values],
            "statuses": [FieldStatus.Name(status) for status in vector.statuses],
        }
        for name, vector in zip(proto.metadata.feature_names.val, proto.results, strict=True)
    }


def failure_of(work: Callable[[], object]) -> str:
    try:
        work()
    except Exception as error:  # Whatever the SDK raises is what its user sees.
        return f"{type(error).__name__}: {error}"
    return ""


def read_keys(store: FeatureStore, view: str, features: list[str], ids: list[str]) -> list[dict]:
    """Reads the online store itself, view by view, as Feast does for on-demand views."""
    table = store.get_feature_view(view)
    keys = [EntityKey(join_keys=table.join_keys, entity_values=[Value(string_val=key)]) for key in ids]
    rows = store._get_provider().online_read(store.config, table, keys, features)
    return [{name: double_of(value) for name, value in row.items()} for _, row in rows]


def double_of(value: Value) -> float | None:
    return value.double_val if value.WhichOneof("val") else None


def ask_sdk(given: dict) -> dict:
    remote = {"type": "remote", "path": given["url"], "connection_retries": 0}
    store = open_store(remote, given["views"])
    rows = given["entity_rows"]
    answers = {
        "features": content_of(store.get_online_features(given["features"], rows)),
        "service": content_of(store.get_online_features(store.get_feature_service("fraud_features"), given["service_rows"])),
        "full_names": list(store.get_online_features(given["features"], rows, full_feature_names=True).to_dict()),
        "frame_columns": list(store.get_online_features(given["features"], rows).to_df().columns),
        "keys": read_keys(store, "card_windows", given["card_features"], given["cards"]),
        "unknown_feature": failure_of(lambda: store.get_online_features(["card_windows:nope"], rows)),
        "missing_key": failure_of(lambda: store.get_online_features(given["features"], [{"ip_token": "x"}])),
        **ask_for_unknown(remote, rows),
    }
    pushed = pd.DataFrame(given["profiles"]).assign(event_timestamp=pd.to_datetime(given["pushed_at"]))
    store.push("card_profile_push", pushed)
    profile = [{"card_token": token} for token in given["profiles"]["card_token"]]
    names = [f"card_profile:{name}" for name in given["profiles"] if name != "card_token"]
    answers["profiles"] = content_of(store.get_online_features(names, profile))
    windows = pd.DataFrame({"card_token": ["x"], "event_timestamp": [datetime.now()]}).assign(
        **dict.fromkeys(given["card_features"], 1.0)
    )
    answers["pushed_windows"] = failure_of(lambda: store.push("card_windows_push", windows))
    guarded = {**remote, "path": given["token_url"]}
    with_token = open_store(guarded, given["views"], {"type": "oidc", "token": given["token"]})
    answers["with_token"] = content_of(with_token.get_online_features(given["features"], rows))
    answers["without_token"] = failure_of(
        lambda: open_store(guarded, given["views"]).get_online_features(given["features"], rows)
    )
    return answers


def ask_for_unknown(remote: dict, rows: list[dict]) -> dict:
    """Requests objects that the SDK's own repository has but the server does not."""
    store = open_store(remote, [{"name": "other_windows", "join_key": "card_token", "features": {"amount": "double"}}])
    store.apply(FeatureService(name="other_features", features=[store.get_feature_view("other_windows")]))
    cards = [{"card_token": row["card_token"]} for row in rows]
    service = store.get_feature_service("other_features")
    pushed = pd.DataFrame({"card_token": ["x"], "event_timestamp": [datetime.now()], "amount": [1.0]})
    return {
        "unknown_view": failure_of(lambda: store.get_online_features(["other_windows:amount"], cards)),
        "unknown_service": failure_of(lambda: store.get_online_features(service, cards)),
        "unknown_pushed": failure_of(lambda: store.push("other_windows_push", pushed)),
    }


def ask_server(given: dict) -> list[str]:
    """The raw responses of Feast's own server, whose store has the same values."""
    folder = tempfile.mkdtemp(dir=os.environ["SCRATCH"])
    store = open_store({"type": "sqlite", "path": f"{folder}/online.db"}, given["views"])
    for view, rows in given["stored"].items():
        frame = pd.DataFrame(rows).assign(event_timestamp=lambda frame: pd.to_datetime(frame["event_timestamp"]))
        store.write_to_online_store(view, frame)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(get_app(store, registry_ttl_sec=0), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS_MAX
    while not server.started:
        if time.monotonic() > deadline:
            raise TimeoutError("Feast's server did not start")
        time.sleep(0.02)
    port = listener.getsockname()[1]
    texts = [
        requests.post(f"http://127.0.0.1:{port}/get-online-features", json=body, timeout=START_SECONDS_MAX).text
        for body in given["requests"]
    ]
    server.should_exit = True
    thread.join(START_SECONDS_MAX)
    return texts


if __name__ == "__main__":
    given = json.load(sys.stdin)
    answers = {"sdk": ask_sdk(given), "server": ask_server(given)}
    print(json.dumps(answers))
