import { Option } from "commander";
import type { Benchmark } from "../harness/run-benchmark.js";
import { interactivePart, livePart } from "./bench-page.js";
import { projectionPart } from "./bench-projection.js";
import { queuePart } from "./bench-queue.js";

/** The console's own work: reading what is decided, searching a long queue, and its page in a browser. */
export const consoleBenchmark: Benchmark = {
  name: "console",
  description:
    "what the console reads in a second, how long a search of 100,000 open cases takes, how soon its page answers, and what Live costs",
  options: [new Option("--short", "a few seconds on a small world: shows that it works; the figures mean nothing")],
  parts: [projectionPart, queuePart, interactivePart, livePart],
  line: [
    ...["decisions_per_s", "cpu_us_per_decision", "postgres_us_per_decision", "queue_p50_ms", "queue_p95_ms"],
    ...["interactive_ms", "live_browser_percent", "live_backend_percent"],
  ],
};
