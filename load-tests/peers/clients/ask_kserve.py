"""Calls the scoring service with KServe's clients, as users call KServe. Prints a line of JSON per request: `asked`,
`scores` if it returned scores, and `fault` if it failed.

Usage: ask_kserve.py <gRPC address> <URL> <model> <file with the golden batch>
"""

import asyncio
import json
import sys
from collections.abc import Awaitable
from pathlib import Path

import httpx
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

ID = "request 1"


async def attempt(asked: str, work: Awaitable[list[float] | None]) -> None:
    try:
        print(json.dumps({"asked": asked, "scores": await work}), flush=True)
    except Exception as error:
        print(json.dumps({"asked": asked, "fault": f"{type(error).__name__}: {error}"}), flush=True)


def request(model: str, rows: np.ndarray, is_binary: bool) -> InferRequest:
    features = InferInput("features", list(rows.shape), "FP32")
    features.set_data_from_numpy(rows, binary_data=is_binary)
    return InferRequest(model_name=model, infer_inputs=[features], request_id=ID)


async def all_true(*answers: Awaitable[bool]) -> None:
    states = [await answer for answer in answers]
    assert all(states), str(states)


async def scores(answer: Awaitable, model: str) -> list[float]:
    given = await answer
    assert (given.model_name, given.id) == (model, ID), f"{given.model_name} {given.id}"
    return given.get_output_by_name("probability").as_numpy().ravel().tolist()


async def refused(answer: Awaitable) -> None:
    try:
        await answer
    except httpx.HTTPStatusError as error:
        assert error.response.status_code == 404, str(error)
        assert 'There is no model "unknown"' in str(error), str(error)
    else:
        raise AssertionError("an unknown model answered")


async def main(address: str, url: str, model: str, rows: np.ndarray) -> None:
    async with InferenceGRPCClient(address) as grpc:
        ready = all_true(grpc.is_server_live(), grpc.is_server_ready(), grpc.is_model_ready(model))
        await attempt("gRPC: server live and ready, model ready", ready)
        for kind, is_binary in (("raw bytes", True), ("typed contents", False)):
            answer = grpc.infer(request(model, rows, is_binary))
            await attempt(f"gRPC: golden batch as {kind}", scores(answer, model))
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as rest:
        ready = all_true(rest.is_server_live(url), rest.is_server_ready(url), rest.is_model_ready(url, model))
        await attempt("REST: server live and ready, model ready", ready)
        for kind, is_binary in (("binary", True), ("JSON", False)):
            answer = rest.infer(url, request(model, rows, is_binary), model_name=model)
            await attempt(f"REST: golden batch as {kind}", scores(answer, model))
        unknown = rest.infer(url, request(model, rows, True), model_name="unknown")
        await attempt("REST: an unknown model is 404, with a message", refused(unknown))


if __name__ == "__main__":
    golden = json.loads(Path(sys.argv[4]).read_text())
    asyncio.run(main(*sys.argv[1:4], np.array(golden["inputs"], dtype=np.float32)))
