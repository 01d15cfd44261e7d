"""NVIDIA's client for the server under test, over both transports. Environment variables specify the server."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http


@dataclass(frozen=True)
class Golden:
    """A version of a model with its golden batch."""

    version: str
    inputs: np.ndarray
    outputs: np.ndarray


@dataclass(frozen=True)
class Transport:
    """`module` is `tritonclient.grpc` or `tritonclient.http`; both have the same names."""

    name: str
    module: ModuleType
    client: Any
    # gRPC returns descriptions as messages unless JSON is requested; HTTP always returns JSON.
    as_json: dict[str, bool]

    def tensors(self, rows: np.ndarray, name: str = "features", **settings: bool) -> list[Any]:
        tensor = self.module.InferInput(name, list(rows.shape), "FP32" if rows.dtype == np.float32 else "FP64")
        tensor.set_data_from_numpy(rows, **settings)
        return [tensor]


@pytest.fixture(scope="session")
def golden() -> dict[str, Golden]:
    """By `name@alias`."""
    return {
        reference: Golden(
            version=model["version"],
            inputs=np.array(model["inputs"], dtype=np.float32),
            outputs=np.array(model["outputs"], dtype=np.float32).reshape(-1, 1),
        )
        for reference, model in json.loads(os.environ["GOLDEN"]).items()
    }


@pytest.fixture(params=["grpc", "http"])
def transport(request: pytest.FixtureRequest) -> Iterator[Transport]:
    if request.param == "grpc":
        with triton_grpc.InferenceServerClient(os.environ["GRPC_ADDRESS"]) as client:
            yield Transport("grpc", triton_grpc, client, {"as_json": True})
    else:
        with triton_http.InferenceServerClient(os.environ["HTTP_ADDRESS"]) as client:
            yield Transport("http", triton_http, client, {})
