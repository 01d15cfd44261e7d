import type { Benchmark } from "../harness/run-benchmark.js";
import { batchingPart, workersPart } from "./bench-batching.js";
import { modelPart } from "./bench-model.js";
import { batchedPart, unaryPart } from "./bench-peers.js";

/** The scoring service compared with Python's grpcio with onnxruntime and MLServer, with the same model files. */
export const scoringBenchmark: Benchmark = {
  name: "scoring",
  description: "scores over gRPC, compared with Python's grpcio with onnxruntime and MLServer",
  parts: [unaryPart, batchedPart, batchingPart, workersPart, modelPart],
  line: [
    "unary_ratio",
    "batched_ratio",
    "mlserver_ratio",
    "mlserver_p99_ratio",
    "contrib_us",
    "b1_us",
    "row_us_b256",
    "unary_p99_ratio",
    "batched_p99_ratio",
    "unary_cpu_ratio",
    "batching_ratio",
    "light_p50_ratio",
    "workers_ratio",
    "loop_p99_ms",
  ],
};
