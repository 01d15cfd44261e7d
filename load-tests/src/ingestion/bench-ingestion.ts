import { roundMsOption } from "../harness/round-ms.js";
import type { Benchmark } from "../harness/run-benchmark.js";
import { intakePart } from "./bench-intake.js";
import { againstOption } from "./choose-peers.js";

/** The front door compared with a bare Fastify route and Nest on Express. */
export const ingestionBenchmark: Benchmark = {
  name: "ingestion",
  description: "POST /v1/transactions, compared with a bare Fastify route and Nest on Express",
  options: [roundMsOption(), againstOption()],
  parts: [intakePart],
  line: [
    "hot_ratio",
    "express_ratio",
    "cpu_us_per_request",
    "p99_ms",
    "hot_cpu_ratio",
    "express_cpu_ratio",
    "empty_ratio",
    "empty_cpu_ratio",
    "express_cached_ratio",
    "express_cached_cpu_ratio",
  ],
};
