import { capacityBenchmark } from "./capacity/bench-capacity.js";
import { decisionsBenchmark } from "./decisions/bench-decisions.js";
import { e2eBenchmark } from "./e2e/bench-e2e.js";
import { featuresBenchmark } from "./features/bench-features.js";
import type { Benchmark } from "./harness/run-benchmark.js";
import { recoveryBenchmark } from "./recovery/bench-recovery.js";
import { gpuBenchmark } from "./scoring/bench-gpu.js";
import { scoringBenchmark } from "./scoring/bench-scoring.js";
import { securityBenchmark } from "./security/bench-security.js";

/** All benchmarks of `bench`. */
export const BENCHMARKS: readonly Benchmark[] = [
  featuresBenchmark,
  scoringBenchmark,
  gpuBenchmark,
  decisionsBenchmark,
  e2eBenchmark,
  securityBenchmark,
  capacityBenchmark,
  recoveryBenchmark,
];
