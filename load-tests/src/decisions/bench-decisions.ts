import { Option } from "commander";
import type { Benchmark } from "../harness/run-benchmark.js";
import { pathPart } from "./bench-path.js";
import { rulesPart } from "./bench-rules.js";

/** Rules compared with json-rules-engine, and what a decision costs in the service that makes it. */
export const decisionsBenchmark: Benchmark = {
  name: "decisions",
  description: "rules compared with json-rules-engine, and the path of a decision without Kafka",
  options: [new Option("--short", "a few seconds on a small world: shows that it works; the figures mean nothing")],
  parts: [rulesPart, pathPart],
  line: [
    "rules_ratio",
    "few_rules_ratio",
    "rules_us",
    "cpu_us_per_decision",
    "redis_us_per_decision",
    "scoring_us_per_decision",
  ],
};
