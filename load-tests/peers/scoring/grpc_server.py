"""A typical scoring server in Python: grpcio and onnxruntime, configured according to their guides.

    python grpc_server.py PORT WORKERS MODEL...

- One process per core, which share a port through SO_REUSEPORT, because an interpreter uses one core
  (https://github.com/grpc/grpc/tree/master/examples/python/multiprocessing)
- asyncio on uvloop, which answers more calls than threads (https://grpc.io/docs/guides/performance/#python)
- One thread per run, because the processes already use all cores
  (https://onnxruntime.ai/docs/performance/tune-performance/threading.html)
- Tensors as raw bytes, without a copy in Python
"""

import asyncio
import multiprocessing
import signal
import sys
from pathlib import Path

import grpc
import numpy as np
import onnxruntime
import uvloop
from tritonclient.grpc import service_pb2, service_pb2_grpc

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
OPTIONS = [("grpc.so_reuseport", 1), ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX)]


def open_session(path: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Scorer(service_pb2_grpc.GRPCInferenceServiceServicer):
    def __init__(self, paths: list[str]) -> None:
        self.sessions = {Path(path).stem: open_session(path) for path in paths}

    async def ServerReady(self, request: object, context: object) -> object:  # noqa: N802
        return service_pb2.ServerReadyResponse(ready=True)

    async def ModelInfer(self, request: service_pb2.ModelInferRequest, context: object) -> object:  # noqa: N802
        rows = np.frombuffer(request.raw_input_contents[0], dtype=np.float32).reshape(request.inputs[0].shape)
        (scores,) = self.sessions[request.model_name].run(["probability"], {"features": rows})
        output = service_pb2.ModelInferResponse.InferOutputTensor(
            name="probability", datatype="FP32", shape=scores.shape
        )
        return service_pb2.ModelInferResponse(
            model_name=request.model_name,
            model_version="1",
            id=request.id,
            outputs=[output],
            raw_output_contents=[scores.tobytes()],
        )


async def serve(port: int, paths: list[str]) -> None:
    server = grpc.aio.server(options=OPTIONS)
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Scorer(paths), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await server.stop(grace=1)


def run_worker(port: int, paths: list[str]) -> None:
    uvloop.run(serve(port, paths))


def main() -> None:
    port, workers, *paths = sys.argv[1:]
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=run_worker, args=(int(port), paths)) for _ in range(int(workers))]
    for process in processes:
        process.start()
    signal.signal(signal.SIGTERM, lambda *_: [process.terminate() for process in processes])
    for process in processes:
        process.join()


if __name__ == "__main__":
    main()
