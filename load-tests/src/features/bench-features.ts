import { Option } from "commander";
import type { Benchmark } from "../harness/run-benchmark.js";
import { backfillPart } from "./bench-backfill.js";
import { profilesPart } from "./bench-profiles.js";
import { readPart } from "./bench-read.js";
import { velocityPart } from "./bench-velocity.js";
import { windowPart } from "./bench-window-update.js";

/** The feature platform compared with Feast's server, the sorted-set recipe, pandas and Polars. */
export const featuresBenchmark: Benchmark = {
  name: "features",
  description: "reading, updating and backfilling features, compared with Feast, sorted sets, pandas and Polars",
  options: [new Option("--handbook <folder>", "the handbook's payments (the folder that contains raw/), for backfill")],
  parts: [readPart, windowPart, profilesPart, velocityPart, backfillPart],
  line: [
    "rps_ratio",
    "p99_ratio",
    "cpu_us_per_tx",
    "velocity_ratio",
    "bytes_per_entity",
    "backfill_ratio",
    "redis_us_per_tx",
    "direct_ratio",
    "velocity_memory_ratio",
    "polars_ratio",
    "windows_rps_ratio",
    "windows_p99_ratio",
    "profile_us_per_tx",
    "profile_redis_us_per_tx",
  ],
};
