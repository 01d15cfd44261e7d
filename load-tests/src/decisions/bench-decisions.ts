import { Option } from "commander";
import type { Benchmark } from "../harness/run-benchmark.js";
import { contributionsPart } from "./bench-contributions.js";
import { enginePart } from "./bench-engine.js";
import { pathPart } from "./bench-path.js";
import { replayPart } from "./bench-replay.js";
import { rulesPart } from "./bench-rules.js";
import { shadowPart } from "./bench-shadow.js";

/** Compares rules with json-rules-engine, and measures a decision's parts and its cost in the decisions service. */
export const decisionsBenchmark: Benchmark = {
  name: "decisions",
  description:
    "rules compared with json-rules-engine, lists, contributions, replay, the path of a decision without Kafka, and a model in shadow",
  options: [new Option("--short", "a few seconds with a small world, as a test; the figures are meaningless")],
  parts: [rulesPart, enginePart, contributionsPart, replayPart, pathPart, shadowPart],
  line: [
    "rules_us",
    "budgets_ratio",
    "lists_us",
    "contrib_us",
    "decide_us",
    "shadow_cpu_ratio",
    "replay_per_s",
    "rules_ratio",
    "few_rules_ratio",
    "cpu_us_per_decision",
    "redis_us_per_decision",
    "scoring_us_per_decision",
  ],
};
