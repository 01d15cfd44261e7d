"""
Runs the real Feast for the tests, in one process because importing Feast takes seconds. Creates a feature repository,
starts Feast's own HTTP and gRPC servers, and answers each JSON request, a line of standard input, with one line of
standard output. Exits when its standard input closes.
"""

import json
import logging
import os
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import definitions
import pandas as pd
import uvicorn
from feast import FeatureStore, FeatureView, ValueType
from feast.feature_server import get_app
from feast.infra.contrib.grpc_server import GrpcFeatureServer, get_grpc_server
from feast.infra.online_stores.helpers import _mmh3
from feast.protos.feast.serving.ServingService_pb2_grpc import (
    ServingServiceServicer,
    add_ServingServiceServicer_to_server,
)
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import python_values_to_proto_values
from typed_values import feast_type, from_python, to_python

CONFIG = """
project: {project}
registry:
  path: data/registry.db
  cache_ttl_seconds: 3600
  enable_online_feature_view_versioning: {versioned}
provider: local
online_store:
  type: redis
  connection_string: "{redis}"
offline_store:
  type: file
entity_key_serialization_version: 3
"""


class Driver:
    def __init__(self, options: dict[str, Any]) -> None:
        self.repo = Path(options["repo"])
        (self.repo / "data").mkdir(parents=True, exist_ok=True)
        (self.repo / "feature_store.yaml").write_text(
            CONFIG.format(**options, versioned=str(options["isVersioned"]).lower())
        )
        self.write_batch_source()
        self.store = FeatureStore(repo_path=str(self.repo))
        self.store.apply(definitions.all_objects())
        self.start_http(options["httpPort"])
        self.start_grpc(options["grpcPort"])

    def write_batch_source(self) -> None:
        row = {"card_id": ["c-batch"], "event_timestamp": [datetime.now(tz=UTC)]}
        row |= {"amount_mean": [1.0], "payment_count": [1], "last_merchant": ["m"], "risk": [0.5]}
        pd.DataFrame(row).astype({"risk": "float32"}).to_parquet(self.repo / "data" / "batch.parquet")

    def start_http(self, port: int) -> None:
        app = get_app(self.store, registry_ttl_sec=3600)
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical"))
        threading.Thread(target=server.run, daemon=True).start()
        deadline = time.monotonic() + 30
        while not server.started:
            if time.monotonic() > deadline:
                raise TimeoutError("Feast's HTTP server did not start within 30 s")
            time.sleep(0.02)

    def start_grpc(self, port: int) -> None:
        server = get_grpc_server(f"127.0.0.1:{port}", self.store, max_workers=4, registry_ttl_sec=3600)
        # The Go server's service. Feast generates only its base class for Python, without the method.
        python_server = GrpcFeatureServer(self.store, registry_ttl_sec=3600)

        class ServingService(ServingServiceServicer):
            def GetOnlineFeatures(self, request: Any, context: Any) -> Any:  # noqa: N802, ANN401
                return python_server.GetOnlineFeatures(request, context)

        add_ServingServiceServicer_to_server(ServingService(), server)
        server.start()
        # Without a reference, the server would be garbage-collected and would stop.
        self.grpc_server = server

    def write(self, view: str, rows: list[dict[str, Any]]) -> None:
        """
        Writes rows with the online store's own code. Values have the view's types and the form of every-type.json.
        """
        self.write_to(self.store.get_feature_view(view), rows)

    def write_to(self, table: FeatureView, rows: list[dict[str, Any]]) -> None:
        types = {field.name: field.dtype.to_value_type() for field in table.schema}
        data = []
        for row in rows:
            keys = {name: self.proto(types[name], value) for name, value in row["entity"].items()}
            if not keys:
                keys = {"__dummy_id": self.proto(ValueType.STRING, "")}
            values = {name: self.proto(types[name], value) for name, value in row["features"].items()}
            at = datetime.fromtimestamp(row["eventTimestampMs"] / 1000, tz=UTC)
            data.append((EntityKey(join_keys=keys.keys(), entity_values=keys.values()), values, at, None))
        self.store._get_provider().online_write_batch(self.store.config, table, data, None)

    @staticmethod
    def proto(value_type: ValueType, value: Any) -> Value:  # noqa: ANN401
        python = None if value is None else to_python(value_type.name, value)
        return python_values_to_proto_values([python], value_type)[0]

    def read(
        self,
        features: list[str],
        entities: list[dict[str, Any]],
        types: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Reads with Feast's SDK. Returns, for each feature, the values and the protobuf field of each value."""
        rows = [{name: self.join_key(value) for name, value in row.items()} for row in entities]
        response = self.store.get_online_features(features, rows)
        values = response.to_dict()
        names = list(response.proto.metadata.feature_names.val)
        join_keys = set(entities[0])
        return {
            name: {
                "kinds": [value.WhichOneof("val") for value in response.proto.results[index].values],
                "values": [from_python((types or {}).get(name, ""), value) for value in values[name]],
                "timestampsMs": [at.ToMicroseconds() / 1000 for at in response.proto.results[index].event_timestamps],
            }
            for index, name in enumerate(names)
            if name not in join_keys
        }

    @staticmethod
    def join_key(value: Any) -> Any:  # noqa: ANN401
        return to_python(value["type"], value["value"]) if isinstance(value, dict) else value

    def apply_versions(self, features: list[dict[str, str]]) -> None:
        """Applies the same view repeatedly, each time with a different set of features."""
        for fields in features:
            schema = {"card_id": feast_type("STRING"), **{name: feast_type(kind) for name, kind in fields.items()}}
            self.store.apply([definitions.view("versioned", [definitions.card], schema)])

    def write_version(self, view: str, version: int, rows: list[dict[str, Any]]) -> None:
        """Writes to one version of a view, like `feast materialize --version`."""
        table = self.store.registry.get_feature_view_by_version(view, self.store.project, version)
        table.projection.version_tag = version
        self.write_to(table, rows)

    def precompute(self, service: str) -> int:
        return self.store.precompute_feature_service(service)

    def read_service(self, service: str, entities: list[dict[str, Any]]) -> dict[str, list[Any]]:
        """Reads a service with `precompute_online`, for which the store returns only the stored vectors."""
        rows = [{name: self.join_key(value) for name, value in row.items()} for row in entities]
        kept = self.store.get_feature_service(service)
        return dict(self.store.get_online_features(kept, rows, full_feature_names=True).to_dict())

    def hash_fields(self, names: list[str]) -> list[str]:
        """The fields of Redis hashes that Feast derives from names, in hexadecimal."""
        return [_mmh3(name).hex() for name in names]

    def offline_rows(self, card: str) -> int:
        """The number of rows of a card in the offline store of the push source."""
        frame = pd.read_parquet(self.repo / "data" / "batch.parquet")
        return int((frame["card_id"] == card).sum())

    def refresh(self) -> None:
        self.store.refresh_registry()

    def materialize(self, views: list[str]) -> None:
        self.store.materialize(datetime(2020, 1, 1, tzinfo=UTC), datetime.now(tz=UTC), views)


def main() -> None:
    logging.disable(logging.CRITICAL)
    # Feast prints to standard output, so this redirects it to standard error and sends responses through a copy.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        driver = Driver(json.loads(sys.argv[1]))
        print(json.dumps({"ready": True}), file=answers, flush=True)
        for line in sys.stdin:
            request = json.loads(line)
            try:
                result = getattr(driver, request["method"])(**request["arguments"])
                answer = {"result": result}
                json.dumps(answer, allow_nan=False)
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}\n{traceback.format_exc()[-1500:]}"}
            print(json.dumps(answer), file=answers, flush=True)
    except Exception:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


main()
