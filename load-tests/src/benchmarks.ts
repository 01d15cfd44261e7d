import { featuresBenchmark } from "./features/bench-features.js";
import type { Benchmark } from "./harness/run-benchmark.js";
import { scoringBenchmark } from "./scoring/bench-scoring.js";

/** What `bench` can run. */
export const BENCHMARKS: readonly Benchmark[] = [featuresBenchmark, scoringBenchmark];
